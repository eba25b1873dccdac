/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Detached mounts are closed by a thread that has nothing else to do: each time the kernel waits
 * until all CPUs have passed a point twice, which on a busy machine takes longer than what the
 * mount was opened for.
 */
#include "sandbox/sandbox.h"

#include "base/fd.h"

#include <pthread.h>

/** More than these are closed by whoever has them. */
enum { WAITING_MAX = 16 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	int fds[WAITING_MAX];
	size_t count;
	bool has_thread;
} closing = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

/** It ends with the process, and so does what is still waiting. */
static void *closing_run(void *closure)
{
	pthread_mutex_lock(&closing.lock);
	for (;;) {
		int fd;

		while (!closing.count)
			pthread_cond_wait(&closing.more, &closing.lock);
		fd = closing.fds[--closing.count];
		pthread_mutex_unlock(&closing.lock);
		fd_drop(&fd);
		pthread_mutex_lock(&closing.lock);
	}
	return closure;
}

static bool thread_start(void)
{
	pthread_t thread;

	if (!closing.has_thread && pthread_create(&thread, NULL, closing_run, NULL) == 0) {
		pthread_detach(thread);
		closing.has_thread = true;
	}
	return closing.has_thread;
}

void overlay_drop(int *fd)
{
	if (*fd < 0)
		return;
	pthread_mutex_lock(&closing.lock);
	if (closing.count < WAITING_MAX && thread_start()) {
		closing.fds[closing.count++] = fd_take(fd);
		pthread_cond_signal(&closing.more);
	}
	pthread_mutex_unlock(&closing.lock);
	fd_drop(fd);
}
