/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the hashing of trees asks and tells.
 */
#ifndef SANDBOX_RECALL_H
#define SANDBOX_RECALL_H

#include "sandbox/sandbox.h"

#include <sys/stat.h>

/** Whether files below this directory can be told apart by their times. */
bool recall_serves(int dir_fd);

bool recall_find(struct recall *recall, const struct stat *info, struct digest *out);

/**
 * Remember a file that had these looks at a moment not before `since` (seconds since the epoch),
 * and when it had been read.
 */
void recall_add(struct recall *recall, const struct stat *info, int64_t since,
		const struct digest *digest);

#endif
