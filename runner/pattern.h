/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The patterns of ${name#pattern} and its kin: `*`, `?` and a backslash before `*`, `?`, `\`, `/`
 * or `}`; no brackets.  Neither `*` nor `?` matches a newline.
 */
#ifndef RUNNER_PATTERN_H
#define RUNNER_PATTERN_H

#include "base/text.h"

enum pattern_trim {
	TRIM_PREFIX = 0,
	TRIM_SUFFIX = 1 << 0,
	TRIM_LONGEST = 1 << 1,
};

/** Add `value` without what the pattern matches at its start or end.  FAULT_INPUT. */
result pattern_trim(const char *pattern, const char *value, unsigned how, struct buf *out,
		    struct error *err);

/**
 * Add `value` with the first longest match replaced, or `all` of them.  With `all`, "$0" in the
 * replacement is what was matched, "$$" a dollar and any other "$name" nothing.  FAULT_INPUT.
 */
result pattern_replace(const char *pattern, const char *value, const char *replacement, bool all,
		       struct buf *out, struct error *err);

#endif
