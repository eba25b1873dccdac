/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS_MAX = 16 };

struct work {
	size_t count;
	atomic_size_t next;
	void (*each)(size_t i, void *arg);
	void *arg;
};

static void *worker(void *arg)
{
	struct work *work = arg;
	size_t i;

	while ((i = atomic_fetch_add(&work->next, 1)) < work->count)
		work->each(i, work->arg);
	return NULL;
}

/** Twice the CPUs, for the work here is half waiting for children. */
static size_t threads_wanted(size_t count)
{
	cpu_set_t cpus;
	size_t wanted = 2;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		wanted = 2 * (size_t)CPU_COUNT(&cpus);
	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	return wanted < count ? wanted : count;
}

void parallel_do(size_t count, void (*each)(size_t i, void *arg), void *arg)
{
	struct work work = { .count = count, .each = each, .arg = arg };
	pthread_t threads[THREADS_MAX];
	size_t wanted = threads_wanted(count), started = 0;

	/* This thread works, too, so nothing is lost where none can be started. */
	while (started + 1 < wanted && pthread_create(&threads[started], NULL, worker, &work) == 0)
		started++;
	worker(&work);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}
