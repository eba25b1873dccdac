/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Paths that outside data chose, resolved below a directory and never outside of it.
 */
#ifndef SANDBOX_INROOT_H
#define SANDBOX_INROOT_H

#include "base/error.h"
#include "base/text.h"

#include <sys/stat.h>
#include <time.h>

/** Longest path that system calls take, without its NUL. */
enum { PATH_LENGTH_MAX = 4095 };

/** openat2() below root_fd where no part of `path` may be a link ("" is the root itself). */
int open_plain(int root_fd, const char *path, int flags, mode_t mode);

enum climbing {
	CLIMBING_STAYS,   /* ".." in the root is the root, as a chroot has it */
	CLIMBING_REFUSED, /* FAULT_INPUT: for archives, whose links must lead somewhere inside */
	CLIMBING_ROOTED,  /* the same, but absolute links are the root's, whether they lead to
			     something */
};

/**
 * Follow every link of `path` below root_fd, the last one too, into a path without links, "." or
 * "..", relative to the root ("" is the root).  What does not exist is kept as it is written.
 * With CLIMBING_REFUSED a link that climbs above the root, or an absolute one to something that
 * is not in this root, is FAULT_INPUT.
 */
result path_resolve(int root_fd, const char *path, enum climbing climbing, struct buf *out,
		    struct error *err);

struct dirs_options {
	mode_t mode;
	uint32_t uid, gid;            /* 0, 0: whose it is where it is made */
	const struct timespec *mtime; /* of what is made; NULL: now */
	bool over_whiteouts;          /* a whiteout on the way becomes an opaque directory */
};

/**
 * Open the directory `path` (as path_resolve() gives it) below root_fd for reading, making what is
 * missing; -1 with errno.
 */
int dirs_make(int root_fd, const char *path, const struct dirs_options *options);

/** Whether overlayfs takes it for a name that is gone. */
static inline bool is_whiteout(const struct stat *info)
{
	return S_ISCHR(info->st_mode) && info->st_rdev == 0;
}

/** Mark a directory as hiding all that lower layers have below it; -1 with errno. */
int opaque_set(int dir_fd);

/** The last part of a relative path, and the length of what comes before its slash. */
const char *path_split(const char *path, size_t *parent_length);

#endif
