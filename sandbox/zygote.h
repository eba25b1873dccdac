/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A small process that clones sandboxes for a large one.
 *
 * Cloning takes a time that grows with the memory of the one who is cloned, and the copy is undone
 * when the program is executed.  The zygote is forked before there is any heap and gives up all
 * libraries, so it has next to nothing to copy.  Everything else stays with the parent: ids, mounts
 * to hand over, messages, cancellation.
 */
#ifndef SANDBOX_ZYGOTE_H
#define SANDBOX_ZYGOTE_H

#include "sandbox/ops.h"
#include "sandbox/sandbox.h"

/** A clone that the zygote made: its child, not ours. */
struct cloned {
	int sys; /* errno where it could not be made */
	pid_t pid;
	int pidfd;
};

/**
 * Have `child` cloned; several threads may ask at once.  False where the zygote cannot (it is gone,
 * the child is too large): the caller clones it itself then.
 */
bool zygote_clone(struct zygote *zygote, const struct child *child, unsigned long namespaces,
		  struct cloned *out);

/** Reap what has ended; the signal that ended it, or 0. */
int zygote_reap(struct zygote *zygote, pid_t pid);

#endif
