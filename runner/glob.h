/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Wildcards in the sources of COPY and ADD: Go's filepath.Match, where * and ? and [...] stay
 * within a component.
 */
#ifndef RUNNER_GLOB_H
#define RUNNER_GLOB_H

#include "base/text.h"

/** Whether it has any; those behind a backslash are none, and then that is part of the name. */
bool glob_is_wild(const char *text);

/** FAULT_INPUT where the pattern is malformed: it would match nothing. */
result glob_check(const char *pattern, struct error *err);

/**
 * The paths below `root_fd` that a source names, sorted.  A word without wildcards is itself, there
 * or not; `..` and a leading slash end at the root; links are followed only above the first
 * wildcard.  `wild` tells which it was.
 */
result glob_paths(int root_fd, const char *pattern, struct strings *out, bool *wild,
		  struct error *err);

/** The directory that a pattern starts in, as far as its path has no wildcards: "a/b" of "a/b/c*".
 */
char *glob_directory(const char *pattern);

/** One component; a malformed pattern matches nothing. */
bool name_matches(const char *pattern, const char *name);

/** Read one bound of a class, "a" or "\]"; its width in bytes, 0 where the class is malformed. */
size_t class_bound(const char *at, uint32_t *out);

#endif
