/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What was read for a program that has not taken it yet: nobody waits for it to read.
 */
#ifndef RUNNER_TYPED_H
#define RUNNER_TYPED_H

#include <stdbool.h>
#include <stddef.h>

struct typed {
	char bytes[4096];
	size_t length;
};

/** Read more, once all was taken; false where there will be no more. */
bool typed_read(struct typed *typed, int from);

/** Write as much as `to`, which does not block, takes now; false where it takes no more ever. */
bool typed_write(struct typed *typed, int to);

#endif
