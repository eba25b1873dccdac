/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ctx.h"

#include "base/fd.h"
#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>

/** How soon a lock is asked for again: most are held for a moment, others for minutes. */
enum { LOCK_LOOK_MS = 1, LOCK_LOOK_MS_MAX = 50 };

struct cancel {
	atomic_bool fired;
	int event_fd;
	pthread_mutex_t lock;
	struct error cause;
};

struct cancel *cancel_new(void)
{
	struct cancel *cancel = xnew(struct cancel);

	pthread_mutex_init(&cancel->lock, NULL);
	cancel->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cancel->event_fd < 0)
		abort(); /* no descriptor is left at start-up */
	return cancel;
}

void cancel_drop(struct cancel **cancel)
{
	if (!*cancel)
		return;
	fd_drop(&(*cancel)->event_fd);
	pthread_mutex_destroy(&(*cancel)->lock);
	free(*cancel);
	*cancel = NULL;
}

void cancel_fire(struct cancel *cancel, const struct error *cause)
{
	static const uint64_t one = 1;

	pthread_mutex_lock(&cancel->lock);
	if (!atomic_load(&cancel->fired)) {
		if (cause)
			cancel->cause = *cause;
		else
			(void)fail(&cancel->cause, FAULT_CANCELLED, "interrupted");
		atomic_store(&cancel->fired, true);
		/* An eventfd below its maximum takes a write without blocking. */
		if (write(cancel->event_fd, &one, sizeof(one)) < 0)
			abort();
	}
	pthread_mutex_unlock(&cancel->lock);
}

bool cancel_fired(const struct cancel *cancel)
{
	return cancel && atomic_load(&cancel->fired);
}

result cancel_check(const struct ctx *ctx, struct error *err)
{
	if (!ctx || !cancel_fired(ctx->cancel))
		return OK;
	pthread_mutex_lock(&ctx->cancel->lock);
	*err = ctx->cancel->cause;
	pthread_mutex_unlock(&ctx->cancel->lock);
	return FAILED;
}

int cancel_fd(const struct cancel *cancel)
{
	return cancel ? cancel->event_fd : -1;
}

result lock_await(const struct ctx *ctx, int fd, int how, struct error *err)
{
	struct pollfd cancelled = { .fd = cancel_fd(ctx ? ctx->cancel : NULL), .events = POLLIN };

	for (int wait = LOCK_LOOK_MS; flock(fd, how | LOCK_NB) < 0; wait *= 2) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_sys(err, "lock");
		if (wait > LOCK_LOOK_MS_MAX)
			wait = LOCK_LOOK_MS_MAX;
		(void)poll(&cancelled, 1, wait);
		if (cancel_check(ctx, err))
			return FAILED;
	}
	return OK;
}
