/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/ignore.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/**
 * What is excluded below an excluded directory stays so where the walk may skip it.  The patterns
 * are all lines but the first, which is the path.
 */
void fuzz_one(const char *text, size_t size)
{
	owned(ignore) struct ignore *ignore = NULL;
	owned(buf) struct buf line = {}, path = {};
	const char *newline = memchr(text, '\n', size);
	struct error err = {};

	if (!newline || memchr(text, '\0', size) || newline - text > 200)
		return;
	if (ignore_parse(newline + 1, size - (size_t)(newline + 1 - text), "F", &ignore, &err))
		return;
	buf_add(&line, text, (size_t)(newline - text));
	ignore_clean_path(buf_text(&line), &path);
	for (char *slash = strchr(path.data + 1, '/'); *path.data && slash;
	     slash = strchr(slash + 1, '/')) {
		bool skip;

		*slash = '\0';
		skip = ignore_excludes(ignore, path.data) &&
		       !ignore_may_reinclude_below(ignore, path.data);
		*slash = '/';
		if (skip && !ignore_excludes(ignore, path.data))
			abort();
	}
}
