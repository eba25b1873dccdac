/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Small processes that clone sandboxes for a large one.
 *
 * Cloning takes a time that grows with the memory of the one who is cloned, and the copy is undone
 * when the program is executed.  The zygote is forked before there is any heap; it clones a realm
 * for each kind of sandbox, and the realm clones a blank before it is wanted, while the program of
 * the last one runs, since that takes longer than all that is done in it later.  Whoever wants one
 * gets the blank's link and sends over it what to run.
 *
 * Who runs one sandbox and no more is spared all of them: it clones a blank itself, early.
 */
#ifndef SANDBOX_ZYGOTE_H
#define SANDBOX_ZYGOTE_H

#include "sandbox/compiled.h"

/** A prepared sandbox. */
struct blank {
	pid_t pid;
	int pidfd, link;
	int userns; /* of its realm, borrowed: for mounts that are id-mapped */
};

/** Whether its blanks are of realms, not their own. */
bool zygote_has_realms(const struct zygote *zygote);

/** One that nobody else has; several threads may ask at once. */
result zygote_blank(struct zygote *zygote, const struct realm_kind *kind, struct blank *out,
		    struct error *err);

/**
 * Have the next one made, if that can be asked for at once.  It takes a CPU, so whoever is about to
 * start one asks later.
 */
void zygote_next(struct zygote *zygote, const struct realm_kind *kind);

/**
 * Hand it over what to run: the packed list and descriptors.  One that has died already may have
 * said why: its link is still to be read.
 */
result blank_start(struct zygote *zygote, const struct blank *blank, const struct child *own,
		   const int *fds, size_t count, struct error *err);

#endif
