/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How much a program may write to its layer, seen from time to time while it runs.
 *
 * Few file systems count by directory.  All of them say how much is free, which costs nothing to
 * ask: only when that has become less by more than the limit are the layer's own files counted.
 */
#ifndef SANDBOX_QUOTA_H
#define SANDBOX_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum { QUOTA_LOOK_MS = 100 };

struct quota {
	uint64_t limit; /* bytes on disk; 0: none */
	int upper_fd;
	uint64_t used; /* of the whole file system when it was last counted */
	uint64_t left; /* what the layer could take up since then */
};

/** Watch the directory `upper` from now on; it may have something in it already. */
void quota_begin(struct quota *quota, const char *upper, uint64_t limit);
void quota_end(struct quota *quota);

/** Whether there is more in it than allowed. */
bool quota_exceeded(struct quota *quota);

#endif
