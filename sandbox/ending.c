/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ending.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENDING_MAX = 64, WRITTEN_MAX = 4 };

/** By what it is: its path is another one once it has become a layer. */
struct place {
	dev_t device;
	ino_t inode;
};

struct ending {
	int pidfd;
	struct place written[WRITTEN_MAX];
	size_t written_count;
};

static struct {
	pthread_mutex_t lock;
	struct ending items[ENDING_MAX];
	size_t count;
} endings = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void end_await(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
		;
}

/** It may be a child of ours. */
static void reap(int pidfd)
{
	siginfo_t ignored;

	(void)waitid(P_PIDFD, (id_t)pidfd, &ignored, WEXITED | __WALL);
	close(pidfd);
}

void blank_await(int pidfd)
{
	end_await(pidfd);
	reap(pidfd);
}

static bool place_of(const char *path, struct place *out)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return false;
	*out = (struct place){ info.st_dev, info.st_ino };
	return true;
}

/** False where it is not to be told what it writes to. */
static bool written_find(const struct sandbox *sandbox, struct ending *out)
{
	for (size_t i = 0; i < sandbox->layer_count; i++) {
		if (!sandbox->layers[i].is_written)
			continue;
		if (out->written_count == WRITTEN_MAX ||
		    !place_of(sandbox->layers[i].path, &out->written[out->written_count]))
			return false;
		out->written_count++;
	}
	return true;
}

void ending_add(const struct sandbox *sandbox, int pidfd)
{
	struct ending ending = { .pidfd = pidfd };
	bool is_known = written_find(sandbox, &ending);

	pthread_mutex_lock(&endings.lock);
	is_known = is_known && endings.count < ENDING_MAX;
	if (is_known)
		endings.items[endings.count++] = ending;
	pthread_mutex_unlock(&endings.lock);
	if (!is_known)
		blank_await(pidfd);
}

static bool is_written(const struct ending *ending, const struct place *place)
{
	for (size_t i = 0; i < ending->written_count; i++) {
		if (ending->written[i].device == place->device &&
		    ending->written[i].inode == place->inode)
			return true;
	}
	return false;
}

static bool is_gone(const struct ending *ending)
{
	struct pollfd poll_fd = { .fd = ending->pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/** Forget those that are gone. */
static void gone_drop(void)
{
	for (size_t i = 0; i < endings.count;) {
		if (!is_gone(&endings.items[i])) {
			i++;
			continue;
		}
		reap(endings.items[i].pidfd);
		endings.items[i] = endings.items[--endings.count];
	}
}

/** A descriptor of one that writes to `place` (NULL: of any), which others may wait for too; or -1.
 */
static int ending_find(const struct place *place)
{
	int pidfd = -1;

	pthread_mutex_lock(&endings.lock);
	gone_drop();
	for (size_t i = 0; pidfd < 0 && i < endings.count; i++) {
		if (!place || is_written(&endings.items[i], place))
			pidfd = fcntl(endings.items[i].pidfd, F_DUPFD_CLOEXEC, 0);
	}
	pthread_mutex_unlock(&endings.lock);
	return pidfd;
}

static void place_await(const struct place *place)
{
	int pidfd;

	while ((pidfd = ending_find(place)) >= 0) {
		end_await(pidfd);
		close(pidfd);
	}
}

void ending_await(const char *path)
{
	struct place place;

	if (place_of(path, &place))
		place_await(&place);
}

void endings_await(void)
{
	place_await(NULL);
}
