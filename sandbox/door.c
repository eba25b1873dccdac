/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A mount belongs to the mount namespace that it is in, and who wants to add one, or to take a copy
 * of one, has to be in there: a process that is cloned for it, and makes system calls only.  It has
 * our memory, and our descriptors, so that what it opens is ours; of the sandbox it has nothing but
 * the mount namespace: nobody in there can see it, or send it a signal.
 */
#include "sandbox/door.h"
#include "sandbox/sampling.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

enum { VISITOR_STACK = 64 << 10, OPENING_S = 10 };

struct door {
	void (*closed)(void *closure);
	void *closure;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	int mounts; /* the sandbox's mount namespace; -1: not open yet, or closed */
	bool is_closed;
};

/** What one is cloned for. */
struct visitor {
	int mounts;
	int root; /* where `target` is NULL: a copy of the root's mount, else what to mount there */
	int sys;  /* errno */
	const char *target;
};

struct door *door_new(void (*closed)(void *closure), void *closure)
{
	struct door *door = xnew(struct door);

	*door = (struct door){ .closed = closed, .closure = closure, .mounts = -1 };
	pthread_mutex_init(&door->lock, NULL);
	pthread_cond_init(&door->opened, NULL);
	return door;
}

void door_drop(struct door **door)
{
	struct door *old = *door;

	if (!old)
		return;
	fd_drop(&old->mounts);
	pthread_cond_destroy(&old->opened);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*door = NULL;
}

/* ---- the sandbox's side ---- */

void door_open(struct door *door, int main)
{
	struct pollfd alive = { .fd = main, .events = POLLIN };
	owned(fd) int mounts = -1;
	char path[48];

	if (!door)
		return;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", process_number(main));
	mounts = open(path, O_RDONLY | O_CLOEXEC);
	/* What has ended may have given its number to another. */
	if (mounts < 0 || poll(&alive, 1, 0) != 0)
		return;
	pthread_mutex_lock(&door->lock);
	fd_drop(&door->mounts);
	door->mounts = fd_take(&mounts);
	pthread_cond_broadcast(&door->opened);
	pthread_mutex_unlock(&door->lock);
}

void door_close(struct door *door)
{
	if (!door)
		return;
	pthread_mutex_lock(&door->lock);
	door->is_closed = true;
	pthread_cond_broadcast(&door->opened);
	pthread_mutex_unlock(&door->lock);
	door->closed(door->closure);
	fd_drop(&door->mounts);
}

/* ---- who comes in ---- */

/** The namespace; a program may ask before it is known that there is one.  -1: it is closed. */
static int door_await(struct door *door)
{
	struct timespec until;
	int mounts;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += OPENING_S;
	pthread_mutex_lock(&door->lock);
	while (door->mounts < 0 && !door->is_closed &&
	       pthread_cond_timedwait(&door->opened, &door->lock, &until) == 0)
		;
	mounts = door->is_closed ? -1 : door->mounts;
	pthread_mutex_unlock(&door->lock);
	return mounts;
}

static int visitor_run(void *closure)
{
	struct visitor *visitor = closure;
	int done;

	if (setns(visitor->mounts, CLONE_NEWNS) < 0) {
		visitor->sys = errno;
		return 1;
	}
	if (visitor->target)
		done = move_mount(visitor->root, "", AT_FDCWD, visitor->target,
				  MOVE_MOUNT_F_EMPTY_PATH);
	else
		done = visitor->root =
			open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	visitor->sys = done < 0 ? errno : 0;
	return 0;
}

/** Send one in and wait for it; false with errno. */
static bool visit(struct door *door, struct visitor *visitor)
{
	const int flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD;
	char *stack;
	pid_t pid;

	visitor->mounts = door_await(door);
	if (visitor->mounts < 0) {
		errno = ESRCH;
		return false;
	}
	stack = xcalloc(VISITOR_STACK, 1);
	pid = clone(visitor_run, stack + VISITOR_STACK, flags, visitor);
	if (pid < 0)
		visitor->sys = errno;
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(stack);
	errno = visitor->sys;
	return !visitor->sys;
}

result door_root(struct door *door, int *fd, struct error *err)
{
	struct visitor visitor = { .root = -1 };

	if (!visit(door, &visitor))
		return fail_sys(err, "look into the sandbox");
	*fd = visitor.root;
	return OK;
}

result door_mount(struct door *door, const char *const *lowers, size_t lower_count, size_t number,
		  struct error *err)
{
	struct mount_attr change = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
	};
	owned(str) char *target = xasprintf(SANDBOX_HIDDEN "/%zu", number);
	owned(fd) int root = -1;
	struct visitor visitor = { .target = target };

	if (overlay_open(lowers, lower_count, NULL, NULL, &root, err))
		return FAILED;
	if (mount_setattr(root, "", AT_EMPTY_PATH, &change, sizeof(change)) < 0)
		return fail_sys(err, "mount attributes of twins");
	visitor.root = root;
	if (!visit(door, &visitor))
		return fail_sys(err, "mount twins on %s", target);
	return OK;
}
