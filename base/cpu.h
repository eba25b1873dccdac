/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the CPU can, as the C library has found out at its start.
 *
 * The compiler's own test would have the CPU asked once more at every start of ours, and in a
 * virtual machine that takes its time; glibc's CPU_FEATURE_ACTIVE() shifts into the sign.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#ifdef __x86_64__
#include <stdbool.h>
#include <sys/platform/x86.h>

/** `feature` is an x86_cpu_... of <sys/platform/x86.h>. */
static inline bool cpu_has(unsigned feature)
{
	const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(feature / 128);

	return leaf->active_array[feature / 32 % 4] >> feature % 32 & 1;
}
#endif

#endif
