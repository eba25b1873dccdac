/* SPDX-License-Identifier: Apache-2.0 */
/**
 * .dockerignore: ordered patterns, of which the last that matches decides.
 *
 * As moby/patternmatcher: a pattern that matches a directory covers all below it, "!" takes back,
 * `*` and `?` and `[...]` stay within a component, `**` spans any number of them.
 */
#ifndef RUNNER_IGNORE_H
#define RUNNER_IGNORE_H

#include "base/text.h"

#define IGNORE_SIZE_MAX (4u << 20)

struct ignore;

/** Parse a pattern file; FAULT_INPUT names the line of a bad pattern. */
result ignore_parse(const char *text, size_t length, const char *name, struct ignore **out,
		    struct error *err);

/** The same from patterns, one a string (`COPY --exclude`): no comments, blanks kept. */
result ignore_from_strings(const struct strings *patterns, const char *name, struct ignore **out,
			   struct error *err);
void ignore_drop(struct ignore **ignore);

/** Whether the path, relative to the context and without "./", is excluded.  NULL: nothing is. */
bool ignore_excludes(const struct ignore *ignore, const char *path);

/**
 * Whether something below the directory `path`, itself excluded, may be included again: if not, a
 * walk need not enter it.
 */
bool ignore_may_reinclude_below(const struct ignore *ignore, const char *path);

/** Bring a path that somebody typed into the form above: "./a//b/" becomes "a/b". */
void ignore_clean_path(const char *path, struct buf *out);

#endif
