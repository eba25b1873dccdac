/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/deadline.h"

#include "base/mem.h"
#include "runner/gotext.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { SECOND = 1000000000 };

struct deadline {
	const struct ctx *ctx;
	int64_t nanoseconds;
	struct timespec end;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopped;
};

static void *watch(void *closure)
{
	struct deadline *deadline = closure;
	int status = 0;

	pthread_mutex_lock(&deadline->lock);
	while (!deadline->stopped && status != ETIMEDOUT)
		status =
			pthread_cond_timedwait(&deadline->changed, &deadline->lock, &deadline->end);
	if (!deadline->stopped) {
		owned(buf) struct buf text = {};
		struct error cause = {};

		go_duration(&text, deadline->nanoseconds);
		(void)fail(&cause, FAULT_STEP, "the build took longer than --build-timeout %s",
			   buf_text(&text));
		cancel_fire(deadline->ctx->cancel, &cause);
	}
	pthread_mutex_unlock(&deadline->lock);
	return NULL;
}

static void release(struct deadline *deadline)
{
	pthread_cond_destroy(&deadline->changed);
	pthread_mutex_destroy(&deadline->lock);
	free(deadline);
}

result deadline_start(const struct ctx *ctx, int64_t nanoseconds, struct deadline **out,
		      struct error *err)
{
	struct deadline *deadline;
	pthread_condattr_t clock;

	if (!nanoseconds)
		return OK;
	deadline = xnew(struct deadline);
	deadline->ctx = ctx;
	deadline->nanoseconds = nanoseconds;
	clock_gettime(CLOCK_MONOTONIC, &deadline->end);
	nanoseconds += deadline->end.tv_nsec;
	deadline->end.tv_sec += nanoseconds / SECOND;
	deadline->end.tv_nsec = nanoseconds % SECOND;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&deadline->changed, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_init(&deadline->lock, NULL);
	errno = pthread_create(&deadline->thread, NULL, watch, deadline);
	if (errno) {
		release(deadline);
		return fail_sys(err, "start a thread");
	}
	*out = deadline;
	return OK;
}

void deadline_drop(struct deadline **deadline)
{
	if (!*deadline)
		return;
	pthread_mutex_lock(&(*deadline)->lock);
	(*deadline)->stopped = true;
	pthread_cond_signal(&(*deadline)->changed);
	pthread_mutex_unlock(&(*deadline)->lock);
	pthread_join((*deadline)->thread, NULL);
	release(*deadline);
	*deadline = NULL;
}
