/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Threads over a list.  The caller's thread only waits: for the last one to end, or for the cancel
 * token, which it hands on to a token of the threads' own.
 */
#include "registry/parallel.h"

#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>

struct work {
	struct ctx ctx; /* the threads' */
	parallel_job *job;
	void *arg;
	size_t count;
	atomic_size_t next, running;
	int ended; /* eventfd: the last thread is through */
};

static void *work_on(void *arg)
{
	static const uint64_t one = 1;
	struct work *work = arg;
	size_t item;

	while (!cancel_fired(work->ctx.cancel) &&
	       (item = atomic_fetch_add(&work->next, 1)) < work->count) {
		struct error err = {};

		if (work->job(&work->ctx, work->arg, item, &err))
			cancel_fire(work->ctx.cancel, &err);
	}
	if (atomic_fetch_sub(&work->running, 1) == 1 && write(work->ended, &one, sizeof(one)) < 0)
		abort(); /* an eventfd below its maximum takes a write */
	return NULL;
}

/** Wait for the threads; a cancel of the caller's becomes theirs. */
static void wait_for(const struct ctx *ctx, struct work *work)
{
	struct pollfd fds[] = {
		{ .fd = work->ended, .events = POLLIN },
		{ .fd = cancel_fd(ctx->cancel), .events = POLLIN },
	};

	while (!(fds[0].revents & POLLIN)) {
		struct error cause = {};

		if (poll(fds, countof(fds), -1) < 0 && errno != EINTR)
			return; /* joining waits, too */
		if (fds[1].revents && cancel_check(ctx, &cause)) {
			cancel_fire(work->ctx.cancel, &cause);
			fds[1].fd = -1;
		}
	}
}

/** Threads take no signals: those are for whoever waits. */
static size_t threads_start(struct work *work, pthread_t threads[], size_t count)
{
	sigset_t all, before;
	size_t started = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < count && pthread_create(&threads[started], NULL, work_on, work) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

static result in_threads(const struct ctx *ctx, struct work *work, size_t count, struct error *err)
{
	pthread_t threads[PARALLEL_MAX];
	size_t started;

	/* One more than there are, so that none is the last before all are started. */
	atomic_store(&work->running, count + 1);
	started = threads_start(work, threads, count);
	if (started == 0)
		return fail(err, FAULT_SYSTEM, "no thread can be started");
	if (atomic_fetch_sub(&work->running, count - started + 1) > count - started + 1)
		wait_for(ctx, work);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return cancel_check(&work->ctx, err);
}

static void work_drop(struct work *work)
{
	cancel_drop(&work->ctx.cancel);
	fd_drop(&work->ended);
}

result parallel_run(const struct ctx *ctx, size_t count, parallel_job *job, void *arg,
		    struct error *err)
{
	owned(work) struct work work = {
		.ctx = { .progress = ctx->progress },
		.job = job,
		.arg = arg,
		.count = count,
		.ended = eventfd(0, EFD_CLOEXEC),
	};

	if (work.ended < 0)
		return fail_sys(err, "eventfd");
	if (cancel_check(ctx, err))
		return FAILED;
	if (count == 0)
		return OK;
	work.ctx.cancel = cancel_new();
	return in_threads(ctx, &work, count < PARALLEL_MAX ? count : PARALLEL_MAX, err);
}
