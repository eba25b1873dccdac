/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sandboxes in which nothing runs any more, but whose mounts are still there: the kernel takes
 * longer for these than for all else, and nobody waits for it who need not.
 */
#ifndef SANDBOX_ENDING_H
#define SANDBOX_ENDING_H

#include "sandbox/compiled.h"

/** Wait until one, and with it all of its processes, is gone.  Takes the descriptor. */
void blank_await(int pidfd);

/** One of them.  Takes the descriptor. */
void ending_add(const struct sandbox *sandbox, int pidfd);

/**
 * Before the directory `path` becomes part of an overlay, wait until none of them writes to it any
 * more: the kernel does not like it in two.
 */
void ending_await(const char *path);

/** Wait until all are gone. */
void endings_await(void);

#endif
