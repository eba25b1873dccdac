/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/** Until there is room; false where that cannot be waited for. */
static bool wait_for_room(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	return poll(&room, 1, -1) > 0 || errno == EINTR;
}

result write_all(int fd, const void *data, size_t length, struct error *err)
{
	const char *at = data;

	while (length > 0) {
		ssize_t written = write(fd, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN && wait_for_room(fd))
			continue;
		if (written < 0)
			return fail_sys(err, "write");
		at += written;
		length -= (size_t)written;
	}
	return OK;
}

result read_all(int fd, size_t limit, struct buf *out, struct error *err)
{
	/* Most files are small, and large memory takes longer to come and go than to be read into.
	 */
	enum { CHUNK_FIRST = 4 << 10, CHUNK_MAX = 64 << 10 };
	size_t total = 0, chunk = CHUNK_FIRST;

	for (;;) {
		ssize_t got = read(fd, buf_reserve(out, chunk), chunk);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_sys(err, "read");
		if (got == 0)
			break;
		out->length += (size_t)got;
		out->data[out->length] = '\0';
		total += (size_t)got;
		if (total > limit)
			return fail(err, FAULT_INPUT, "larger than %zu bytes", limit);
		if ((size_t)got == chunk && chunk < CHUNK_MAX)
			chunk *= 2;
	}
	return OK;
}

result read_file(int dir_fd, const char *path, size_t limit, struct buf *out, struct error *err)
{
	owned(fd) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return fail_sys(err, "open %s", path);
	if (!S_ISREG(info.st_mode))
		return fail(err, FAULT_INPUT, "%s: not a regular file", path);
	if (read_all(fd, limit, out, err))
		return fail_in(err, "%s", path);
	return OK;
}

/** Another name where one is there: a stale one, or of a process of our number elsewhere. */
int file_beside(int dir_fd, const char *path, mode_t mode, char **name)
{
	enum { TRIES = 64 };
	static atomic_uint serial;
	int fd = -1;

	errno = EEXIST;
	for (int i = 0; i < TRIES && fd < 0 && errno == EEXIST; i++) {
		free(*name);
		*name = xasprintf("%s.new-%d-%u", path, (int)getpid(),
				  atomic_fetch_add(&serial, 1));
		fd = openat(dir_fd, *name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    mode);
	}
	return fd;
}

static result sync_parent(int dir_fd, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	owned(str) char *parent = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	owned(fd) int fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return fail_sys(err, "sync %s", parent);
	return OK;
}

result file_replace(int dir_fd, const char *path, const void *data, size_t length, mode_t mode,
		    struct error *err)
{
	owned(str) char *beside = NULL;
	owned(fd) int fd = file_beside(dir_fd, path, mode, &beside);

	if (fd < 0)
		return fail_sys(err, "create %s", path);
	if (write_all(fd, data, length, err)) {
		unlinkat(dir_fd, beside, 0);
		return fail_in(err, "%s", path);
	}
	if (fsync(fd) < 0 || renameat(dir_fd, beside, dir_fd, path) < 0) {
		(void)fail_sys(err, "replace %s", path);
		unlinkat(dir_fd, beside, 0);
		return FAILED;
	}
	return sync_parent(dir_fd, path, err);
}

int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: a rename raced with ".."; the kernel asks to try again. */
	for (int tries = 0; tries < 64; tries++) {
		fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}

/** Open the directory, each part of its path made where it is missing. */
static int dirs_make(int dir_fd, const char *path, mode_t mode)
{
	owned(str) char *copy = xstrdup(path);
	owned(fd) int fd =
		openat(dir_fd, *path == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *rest = NULL;

	for (char *part = strtok_r(copy, "/", &rest); part && fd >= 0;
	     part = strtok_r(NULL, "/", &rest)) {
		int next;

		if (mkdirat(fd, part, mode) < 0 && errno != EEXIST)
			return -1;
		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_drop(&fd);
		fd = next;
	}
	return fd_take(&fd);
}

/** Most are there: to make one waits for all others who change the directory above it. */
int open_dirs(int dir_fd, const char *path, mode_t mode)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 && errno == ENOENT ? dirs_make(dir_fd, path, mode) : fd;
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/** What comes next tells whether it helped. */
static void make_accessible(int dir_fd, const char *name)
{
	int ignored = fchmodat(dir_fd, name, 0700, 0);

	(void)ignored;
}

/**
 * Move a directory into `top` under a fresh name: one that an earlier removal left there, or that
 * was there before, is passed over.
 */
static int hoist(int dir_fd, const char *name, int top, unsigned *serial)
{
	char hoisted[32];
	int status;

	make_accessible(dir_fd, name);
	do {
		snprintf(hoisted, sizeof(hoisted), ".gone-%u", (*serial)++);
		status = renameat(dir_fd, name, top, hoisted);
	} while (status < 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR));
	return status;
}

/** Remove all that unlink can; other directories go to `top`, so that depth costs no stack. */
static int empty_directory(int top, int dir_fd, unsigned *serial)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	int status = 0;

	if (!dir) {
		close(dir_fd);
		return -1;
	}
	while (status == 0 && (errno = 0, entry = readdir(dir))) {
		if (is_dot(entry->d_name))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			status = -1;
			break;
		}
		if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno == EACCES || errno == EPERM)
			fchmod(dirfd(dir), 0700);
		status = hoist(dirfd(dir), entry->d_name, top, serial);
	}
	if (status == 0 && errno)
		status = -1;
	closedir(dir);
	return status;
}

static bool is_unlinked(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) == 0 || unlinkat(dir_fd, name, AT_REMOVEDIR) == 0;
}

/** Empty `top` itself: its subdirectories one by one, until a pass over it finds nothing. */
static int empty_top(int top)
{
	unsigned serial = 0;

	for (;;) {
		int again = dup(top), fd;
		owned(str) char *name = NULL;
		struct dirent *entry;
		DIR *dir;

		dir = again < 0 ? NULL : fdopendir(again);
		if (!dir)
			return -1;
		rewinddir(dir);
		while ((entry = readdir(dir)) && is_dot(entry->d_name))
			;
		if (entry)
			name = xstrdup(entry->d_name);
		closedir(dir);
		if (!name)
			return 0;
		if (is_unlinked(top, name))
			continue;
		if (errno == EACCES && fchmod(top, 0700) == 0 && is_unlinked(top, name))
			continue;
		make_accessible(top, name);
		fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || empty_directory(top, fd, &serial) < 0)
			return -1;
	}
}

result remove_tree(int dir_fd, const char *name, struct error *err)
{
	owned(fd) int top = -1;

	if (is_unlinked(dir_fd, name) || errno == ENOENT)
		return OK;
	top = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0 && errno == EACCES) {
		make_accessible(dir_fd, name);
		top = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (top < 0 || empty_top(top) < 0 || unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		return fail_sys(err, "remove %s", name);
	return OK;
}
