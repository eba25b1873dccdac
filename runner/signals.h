/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Signals to this process: one thread takes them all.
 */
#ifndef RUNNER_SIGNALS_H
#define RUNNER_SIGNALS_H

#include "base/ctx.h"

struct signals;

/**
 * Block what signals_start() takes; to be called before the first thread.  `all`: also those that
 * ask for nothing of ours but may mean something to a program that is run.
 */
void signals_block(bool all);

/** Take signals for the rest of the process's life: the first asks everybody to stop by `cancel`,
    the second does not ask. */
result signals_start(struct cancel *cancel, bool all, struct signals **out, struct error *err);

/**
 * From now on give them to somebody else, from another thread; NULL ends that, and waits for a call
 * that is going on.
 */
void signals_divert(struct signals *signals, void (*handle)(void *closure, int number),
		    void *closure);

#endif
