/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Names by which an image calls its programs besides their own: sh for dash, awk for mawk.
 */
#ifndef RUNNER_ALIASES_H
#define RUNNER_ALIASES_H

#include "sandbox/sandbox.h"

struct aliases {
	struct assist_alias *items;
	size_t count;
};

/** Links in the usual directories of programs that lead to one of the twins. */
struct aliases *aliases_find(int root_fd, const struct assist_twin *twins, size_t count);
void aliases_drop(struct aliases **aliases);

#endif
