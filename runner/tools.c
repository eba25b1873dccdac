/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Asking the rows, and filling in what their texts leave open.
 */
#include "runner/tools_internal.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <string.h>

static const struct tool_group *const groups[] = { &tools_applets, &tools_base, &tools_debian,
						   &tools_compilers, &tools_languages };

const struct tool *tool_at(size_t index)
{
	for (size_t i = 0; i < countof(groups); i++) {
		if (index < groups[i]->count)
			return &groups[i]->rows[index];
		index -= groups[i]->count;
	}
	return NULL;
}

/** What a package of Debian's has, may also be unpacked. */
static bool row_is_for(const struct tool *tool, const char *package)
{
	return fnmatch(tool->package, package, 0) == 0 ||
	       (starts_with(package, UNPACKED_PREFIX) &&
		fnmatch(tool->package, package + strlen(UNPACKED_PREFIX), 0) == 0);
}

const struct tool *tool_find(const char *package, const char *path)
{
	const struct tool *tool;

	for (size_t i = 0; (tool = tool_at(i)); i++)
		if (row_is_for(tool, package) && (!tool->path || fnmatch(tool->path, path, 0) == 0))
			return tool;
	return NULL;
}

bool tool_package_known(const char *package, enum tool_mode mode)
{
	const struct tool *tool;

	for (size_t i = 0; (tool = tool_at(i)); i++)
		if (!(tool->flags & TOOL_DENIED) && tool->mode <= mode && row_is_for(tool, package))
			return true;
	return false;
}

bool tool_package_fetched(const char *package, enum tool_mode mode)
{
	const struct tool *tool;

	for (size_t i = 0; (tool = tool_at(i)); i++)
		if ((tool->flags & TOOL_FETCH) && tool->mode <= mode && row_is_for(tool, package))
			return true;
	return false;
}

bool tool_serves(const char *package, const char *name)
{
	const struct tool *tool;

	for (size_t i = 0; (tool = tool_at(i)); i++) {
		const char *slash = tool->path ? strrchr(tool->path, '/') : NULL;

		if (!(tool->flags & TOOL_DENIED) && row_is_for(tool, package) &&
		    (!tool->path || fnmatch(slash ? slash + 1 : tool->path, name, 0) == 0))
			return true;
	}
	return false;
}

static const char *word_find(const struct tool_words *words, char name)
{
	for (size_t i = 0; i < words->count; i++)
		if (words->items[i].name == name)
			return words->items[i].text;
	return NULL;
}

const char *tool_expand(struct arena *arena, const char *text, const struct tool_words *words)
{
	owned(buf) struct buf out = {};

	if (!text)
		return NULL;
	for (; *text; text++) {
		const char *word = *text == '$' ? word_find(words, text[1]) : NULL;

		if (word)
			buf_add_str(&out, word);
		else
			buf_add_char(&out, *text);
		text += word ? 1 : 0;
	}
	return arena_strdup(arena, buf_text(&out));
}

const char *const *tool_expand_list(struct arena *arena, const char *const *list,
				    const struct tool_words *words)
{
	const char **out;
	size_t count = 0;

	if (!list)
		return NULL;
	while (list[count])
		count++;
	out = arena_alloc(arena, (count + 1) * sizeof(*out));
	for (size_t i = 0; i < count; i++)
		out[i] = tool_expand(arena, list[i], words);
	return out;
}
