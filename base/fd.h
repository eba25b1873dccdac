/* SPDX-License-Identifier: Apache-2.0 */
/**
 * File descriptors as owned values, and what is done with whole files.
 *
 * -1 is "none", and close() never clobbers errno.  Paths that outside data chose are resolved
 * beneath a directory descriptor only (openat2, see open_in_root()).
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

static inline void fd_drop(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

/** Move a descriptor out of an owned variable, leaving -1 behind. */
static inline int fd_take(int *fd)
{
	int moved = *fd;

	*fd = -1;
	return moved;
}

/**
 * Write all bytes, through short writes and EINTR; also where the descriptor does not wait, as a
 * terminal or a pipe that is shared with who set it so.
 */
result write_all(int fd, const void *data, size_t length, struct error *err);

/** Read until end of file; FAULT_INPUT past `limit` bytes.  Adds to `out`. */
result read_all(int fd, size_t limit, struct buf *out, struct error *err);

/** Open a regular file (not a FIFO or device, no blocking) and read it; errors name `path`. */
result read_file(int dir_fd, const char *path, size_t limit, struct buf *out, struct error *err);

/**
 * Replace a file so that a crash leaves the old or the new content: written beside it, fsynced,
 * renamed, and the directory fsynced.
 */
result file_replace(int dir_fd, const char *path, const void *data, size_t length, mode_t mode,
		    struct error *err);

/**
 * Make a file beside `path` that will become it, for who writes it bit by bit; `*name`, which is
 * NULL before, is what it is called until then.  -1 with errno on failure.
 */
int file_beside(int dir_fd, const char *path, mode_t mode, char **name);

/**
 * openat2() with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: `path` and every link in it, absolute
 * ones and ".." too, stay inside `root_fd`.  O_CLOEXEC is added.  -1 with errno on failure.
 */
int open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/** Open (and make, 0755) the directory `path` below dir_fd, parents included; -1 with errno. */
int open_dirs(int dir_fd, const char *path, mode_t mode);

/**
 * Remove `name` in dir_fd and everything below it, descriptor by descriptor; never follows links,
 * and depth costs no stack.  A name that is not there is fine.
 */
result remove_tree(int dir_fd, const char *name, struct error *err);

#endif
