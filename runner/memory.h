/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How much memory is left for one more step.
 */
#ifndef RUNNER_MEMORY_H
#define RUNNER_MEMORY_H

#include "base/text.h"

/** In bytes; total 0: not known. */
struct memory {
	uint64_t total, available;
};

/** Of this machine, as a file like /proc/meminfo tells. */
struct memory memory_parse(const char *meminfo);

/** Of this machine now, and of the control group that we are in where that has less. */
struct memory memory_now(void);

/**
 * Whether one more program may start beside `running` others, each of which may take `limit` bytes
 * (0: not said).  The first one always may.
 */
bool memory_allows(const struct memory *now, size_t running, uint64_t limit);

#endif
