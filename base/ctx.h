/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What travels down every call that may wait: whether to stop, and whom to tell.
 */
#ifndef BASE_CTX_H
#define BASE_CTX_H

#include "base/error.h"

struct cancel;
struct progress;

/** Copied by value; both pointers are borrowed.  A NULL progress means that nobody listens. */
struct ctx {
	struct cancel *cancel;
	struct progress *progress;
};

/** A new token, not yet fired. */
struct cancel *cancel_new(void);
void cancel_drop(struct cancel **cancel);

/**
 * Ask everyone to stop.  The first cause given is the one that cancel_check() reports; NULL stands
 * for "interrupted" (FAULT_CANCELLED).  Safe from any thread, not from a signal handler.
 */
void cancel_fire(struct cancel *cancel, const struct error *cause);

/** FAILED with the cause once the token has fired.  Cheap: one atomic load before that. */
result cancel_check(const struct ctx *ctx, struct error *err);

bool cancel_fired(const struct cancel *cancel);

/**
 * flock() a file or directory in the way `how` (LOCK_SH or LOCK_EX): wait for as long as others
 * have it, or until the token has fired.  A NULL ctx is one whose token never fires.
 */
result lock_await(const struct ctx *ctx, int fd, int how, struct error *err);

/** Readable (POLLIN) once fired: put it beside what you poll() for.  Borrowed. */
int cancel_fd(const struct cancel *cancel);

#endif
