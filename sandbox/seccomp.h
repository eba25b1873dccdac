/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The system call filter of every sandbox, as a program that the child gives to the kernel.
 */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "sandbox/filter.h"

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum filter_kind {
	FILTER_NATIVE,   /* also the 32-bit calls of this architecture, where it has them */
	FILTER_EMULATED, /* this architecture's own calls only: all that an emulator makes */
	/* The same, but a listener is asked for device nodes: a program that has one of these can
	   have no listener of its own, since the kernel allows one for all filters of a process. */
	FILTER_NATIVE_ASKING,
	FILTER_EMULATED_ASKING,
	FILTER_KINDS
};

static inline enum filter_kind filter_kind_of(bool is_emulated, bool asks)
{
	if (asks)
		return is_emulated ? FILTER_EMULATED_ASKING : FILTER_NATIVE_ASKING;
	return is_emulated ? FILTER_EMULATED : FILTER_NATIVE;
}

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

/** The same on a machine of another architecture, one of libseccomp's SCMP_ARCH_*. */
result filter_build_for(uint32_t native, enum filter_kind kind, uint64_t capabilities,
			struct filter *out, struct error *err);

#endif
