/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading a whole tree in order, with the content of the files to come already on its way.
 */
#ifndef SANDBOX_AHEAD_H
#define SANDBOX_AHEAD_H

#include "sandbox/attribute.h"
#include "sandbox/walk.h"

#include "base/ctx.h"
#include "base/digest.h"

/** One file, valid until the next. */
struct ahead_item {
	const char *path; /* below the top; "" is the top itself */
	struct stat info;
	struct attributes attributes;
	const char *link; /* of a symbolic link: where to */
	bool is_opaque;   /* a directory that hides what lower layers have in it */
	bool is_known;    /* a regular file that is not read: `known` is all there is to it */
	struct digest known;
};

struct ahead;

/**
 * Read below top_fd, which is borrowed.  `skipped` (or NULL) is asked before a file is touched; a
 * directory it skips is not entered.
 */
result ahead_new(const struct ctx *ctx, int top_fd,
		 bool (*skipped)(void *closure, const struct walk_item *item), void *closure,
		 struct ahead **out, struct error *err);
void ahead_drop(struct ahead **ahead);

/** Ask `knows` about each regular file: where it tells a digest, the file is not touched. */
void ahead_ask(struct ahead *ahead,
	       bool (*knows)(void *closure, const struct stat *info, struct digest *out),
	       void *closure);

/** The next file in the order of walk.h; NULL at the end. */
result ahead_next(struct ahead *ahead, const struct ahead_item **item, struct error *err);

/**
 * The next piece of the regular file that ahead_next() gave; length 0 at its end.  All pieces make
 * exactly info.st_size bytes: a file that changed while it was read is FAULT_INPUT.
 */
result ahead_read(struct ahead *ahead, const void **data, size_t *length, struct error *err);

#endif
