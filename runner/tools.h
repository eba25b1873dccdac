/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The reviewed policy: which programs may run natively, how, and why that is right.
 */
#ifndef RUNNER_TOOLS_H
#define RUNNER_TOOLS_H

#include "runner/twins.h"

/** Whether any row speaks of the package, so that its files are worth looking at. */
bool tool_package_known(const char *package, enum tool_mode mode);

/** What the words in a row's texts stand for: the character behind the $, and the text. */
struct tool_word {
	char name;
	const char *text;
};

struct tool_words {
	const struct tool_word *items;
	size_t count;
};

/** With the words filled in; NULL stays NULL. */
const char *tool_expand(struct arena *arena, const char *text, const struct tool_words *words);
const char *const *tool_expand_list(struct arena *arena, const char *const *list,
				    const struct tool_words *words);

#endif
