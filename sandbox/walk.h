/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A tree of files in a fixed order: directories before what they hold, in each the character
 * devices (whiteouts) first, names as bytes.
 */
#ifndef SANDBOX_WALK_H
#define SANDBOX_WALK_H

#include "base/error.h"

#include <sys/stat.h>

/** One stop of the walk, valid until the next. */
struct walk_item {
	const char *path; /* below the top; "" is the top itself; NULL: the walk is over */
	const char *name; /* in dir_fd; "." for the top */
	int dir_fd;
	struct stat info;
	bool is_end; /* leaving this directory; its `info` is that of entering */
};

/**
 * One descriptor is open at a time and nothing recurses, however deep the tree is.  A tree that
 * changes while it is walked is FAULT_INPUT, never a way out of it.
 */
struct walk;

result walk_new(int top_fd, struct walk **out, struct error *err);
void walk_drop(struct walk **walk);
result walk_next(struct walk *walk, struct walk_item *item, struct error *err);

/** Do not enter the directory that was just returned: it has no end either. */
void walk_prune(struct walk *walk);

#endif
