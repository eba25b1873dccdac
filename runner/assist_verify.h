/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a step left when it ran with native twins against what it left without.
 */
#ifndef RUNNER_ASSIST_VERIFY_H
#define RUNNER_ASSIST_VERIFY_H

#include "base/ctx.h"
#include "base/text.h"

/** Most that are kept of differences; more of them are only counted. */
enum { DIFFERENCES_MAX = 10000 };

/** What is not the same in two trees. */
struct differences {
	struct strings paths, hows; /* of the same one at the same place: "/a/b", "its content" */
	size_t count;               /* of all, also those that were not kept */
};

void differences_drop(struct differences *differences);

/**
 * Compare two trees file by file: types, modes, owners, link targets, attributes and content, never
 * times.  In the order of a walk that meets the names of a directory before what is below them.
 */
result trees_compare(const struct ctx *ctx, int native_fd, int emulated_fd, struct differences *out,
		     struct error *err);

/**
 * Move to `apart` those of the paths, which end with NULL: what is not the same in two runs of one
 * kind says nothing of the other kind.
 */
void differences_move(struct differences *differences, char *const *paths,
		      struct differences *apart);

/**
 * Move what tells of the file system that it was made on, whoever made it, and what Go's tools have
 * counted of themselves.
 */
void differences_move_known(struct differences *differences, struct differences *apart);

/** Add " PATH: what differs; ..." of the first ones, and how many more there are. */
void differences_print(const struct differences *differences, struct buf *out);

#endif
