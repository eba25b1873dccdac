/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The guard is forked when the first group is made, maybe by one thread of many: it makes system
 * calls and nothing else, and reads what it is to remove in memory that it shares with this
 * process.
 */
#include "sandbox/cgroup_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PLACES_MAX = 8, PLACE_SIZE = 512, DIGITS = 10, TRIES = 200, WAIT_NS = 10000000 };

/** What is to be removed: groups 0 to count - 1, by the beginnings of their names. */
static struct guarded {
	atomic_uint count, place_count;
	char prefixes[PLACES_MAX][PLACE_SIZE];
} * guarded;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/** "PREFIX17", without stdio; whether it is still in use. */
static bool group_remove(const char *prefix, unsigned number)
{
	char path[PLACE_SIZE + DIGITS + 1], *at = path + sizeof(path);
	size_t length = strlen(prefix);

	*--at = '\0';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	at -= length;
	memcpy(at, prefix, length);
	return unlinkat(AT_FDCWD, at, AT_REMOVEDIR) < 0 && errno == EBUSY;
}

/** Whatever is in them has been killed with our parent, but may still be on its way out. */
static void groups_remove(void)
{
	const struct timespec wait = { .tv_nsec = WAIT_NS };
	unsigned count = atomic_load(&guarded->count);
	unsigned places = atomic_load(&guarded->place_count);
	bool busy = true;

	for (int i = 0; busy && i < TRIES; i++) {
		if (i)
			nanosleep(&wait, NULL);
		busy = false;
		for (unsigned place = 0; place < places; place++) {
			for (unsigned n = 0; n < count; n++)
				busy |= group_remove(guarded->prefixes[place], n);
		}
	}
}

/** In a session of its own, so that no ^C ends it, and with nothing open that others wait for. */
[[gnu::noreturn]] static void guard_run(pid_t parent)
{
	struct pollfd end = { .events = POLLIN };

	setsid();
	prctl(PR_SET_NAME, "mpemu-groups");
	syscall(SYS_close_range, 0U, ~0U, 0U);
	end.fd = (int)syscall(SYS_pidfd_open, parent, 0U);
	if (end.fd >= 0 && getppid() == parent) {
		while (poll(&end, 1, -1) < 0 && errno == EINTR)
			;
	}
	/* Where the kernel has no such handles, there is no telling when. */
	if (end.fd >= 0)
		groups_remove();
	_exit(0);
}

/** The shared memory and the guard, made once; without the latter groups are only removed by us. */
static void guard_start(void)
{
	void *memory = mmap(NULL, sizeof(*guarded), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid();

	if (memory == MAP_FAILED)
		abort();
	guarded = memory;
	/* No signal tells of its end, so nobody waits for it: it ends after us. */
	if (syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL) == 0)
		guard_run(parent);
}

unsigned cgroup_guard_number(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, guard_start);
	return atomic_fetch_add(&guarded->count, 1);
}

void cgroup_guard_place(const char *parent)
{
	char prefix[PLACE_SIZE];
	int length = snprintf(prefix, sizeof(prefix), "%s/mpemu-%d-", parent, (int)getpid());
	unsigned count;

	pthread_mutex_lock(&lock);
	count = atomic_load(&guarded->place_count);
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(guarded->prefixes[i], prefix) == 0)
			length = PLACE_SIZE;
	}
	if (length < PLACE_SIZE && count < PLACES_MAX) {
		memcpy(guarded->prefixes[count], prefix, (size_t)length + 1);
		atomic_store(&guarded->place_count, count + 1);
	}
	pthread_mutex_unlock(&lock);
}
