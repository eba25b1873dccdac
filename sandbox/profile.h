/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Filters as users write them: profiles in Docker's JSON format.
 */
#ifndef SANDBOX_PROFILE_H
#define SANDBOX_PROFILE_H

#include "sandbox/seccomp.h"

#include <stddef.h>

/** What decides which rules of a profile count. */
struct profile_target {
	uint64_t capabilities;   /* of root in the sandbox */
	const char *arch;        /* of this machine, as in "linux/amd64" */
	unsigned version, patch; /* of the kernel */
};

/**
 * Compile a profile with libseccomp, whose meaning of it is the one that counts.  FAULT_INPUT says
 * where it is wrong.  The caller frees the filter's instructions.
 */
result profile_compile(const char *text, size_t length, const struct profile_target *target,
		       struct filter *out, struct error *err);

/** The profile in a file, for this machine. */
result profile_read(const char *path, uint64_t capabilities, struct filter *out, struct error *err);

#endif
