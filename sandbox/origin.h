/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What COPY copies: a file or directory below a root, found once and the same way by those who copy
 * it and those who hash it.
 */
#ifndef SANDBOX_ORIGIN_H
#define SANDBOX_ORIGIN_H

#include "sandbox/sandbox.h"

#include <sys/stat.h>

struct origin {
	struct buf path;  /* below the root, without links; "" is the root */
	int dir_fd;       /* the directory itself, or the one that holds the file */
	const char *name; /* of a file in dir_fd; "." for a directory; into path */
	struct stat info;
	const struct copy_options *options;
};

/** Find `source`, following its last link; FAULT_INPUT if it is not there or is left out. */
result origin_open(int root_fd, const char *source, const struct copy_options *options,
		   struct origin *out, struct error *err);
void origin_drop(struct origin *origin);

/** How much of `path` below the origin is to be taken; the origin itself ("") is. */
enum wanted origin_wants(const struct origin *origin, const char *path, bool is_directory);

#endif
