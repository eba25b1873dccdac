/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The system call filter of every sandbox, as a program that the child gives to the kernel.
 */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "sandbox/filter.h"

#include "base/error.h"

#include <stdint.h>

enum filter_kind {
	FILTER_NATIVE,   /* also the 32-bit calls of this architecture, where it has them */
	FILTER_EMULATED, /* this architecture's own calls only: all that an emulator makes */
	FILTER_KINDS
};

/**
 * The filter of a kind, compiled at the first request (some milliseconds) and kept from then on.
 * Safe from several threads.
 */
result filter_get(enum filter_kind kind, const struct filter **out, struct error *err);

/**
 * A new filter for programs that hold more capabilities than usual; the caller frees its
 * instructions.
 */
result filter_build(enum filter_kind kind, uint64_t capabilities, struct filter *out,
		    struct error *err);

#endif
