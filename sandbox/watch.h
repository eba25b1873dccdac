/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Watching a sandbox while it runs: what it says, and what it is told to do.
 */
#ifndef SANDBOX_WATCH_H
#define SANDBOX_WATCH_H

#include "base/ctx.h"
#include "sandbox/nodes.h"
#include "sandbox/ops.h"
#include "sandbox/quota.h"
#include "sandbox/sampling.h"

enum { WAITING_MAX = 8 };

struct watch {
	const struct ctx *ctx;
	int link;                  /* the socket that packets come from */
	int init;                  /* pidfd of the first process: all end with it */
	int main;                  /* pidfd of the main process, -1 until it is known */
	int listener;              /* of its filter, -1 until it is known; it asks by it */
	int signal_fd;             /* signals to pass on come from here; -1: none do */
	const struct nodes *nodes; /* what to answer */

	unsigned char waiting[WAITING_MAX]; /* signals that came before `main` */
	size_t waiting_count;
	bool asked;          /* to end, by a signal */
	uint64_t kill_at;    /* when its time is up, in milliseconds; 0: never */
	bool killed;         /* by us, and not because of ctx */
	uint64_t time_up_at; /* when it has run long enough; 0: never */
	bool timed_out;
	struct quota *quota;       /* what it may write; NULL: any */
	bool layer_full;           /* killed, since it wrote more */
	struct sampling *sampling; /* or NULL */
	struct door *door;         /* or NULL */
};

/** Let it run for so long from now on. */
void watch_limit(struct watch *watch, uint64_t timeout_ms);

/** Wait for the next message; false when nobody is left who could send one. */
bool watch_next(struct watch *watch, struct message *out);

/** Give up what watching needed. */
void watch_end(struct watch *watch);

#endif
