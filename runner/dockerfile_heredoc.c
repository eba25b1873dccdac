/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which words of a line announce a heredoc.  The lexer of variables finds them, always with a
 * backslash to escape, whatever the file says.
 */
#include "runner/dockerfile_internal.h"
#include "runner/expand.h"
#include "runner/unicode.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t quote_count(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\'' || *text == '"';
	return count;
}

/** The word without quotes, if it is one; `*plain` where it had none. */
static result name_read(const char *text, struct strings *name, bool *plain, struct error *err)
{
	owned(strings) struct strings quoted = {};

	if (expand_words(text, '\\', NULL, EXPAND_KEEP_UNSET, name, err) ||
	    expand_words(text, '\\', NULL, EXPAND_KEEP_UNSET | EXPAND_KEEP_QUOTES, &quoted, err))
		return FAILED;
	/* an escaped quote counts in both, one that quotes only where it was kept */
	*plain = name->count == 1 && quoted.count == 1 &&
		 quote_count(name->items[0]) == quote_count(quoted.items[0]);
	return OK;
}

result heredoc_word_read(struct arena *arena, const char *word, struct heredoc *out,
			 struct error *err)
{
	owned(strings) struct strings name = {};
	struct heredoc found = {};
	const char *at = word;
	unsigned long long fd = 0;

	*out = found;
	if (isdigit((unsigned char)*at))
		fd = strtoull(at, NULL, 10);
	while (isdigit((unsigned char)*at))
		at++;
	if (!starts_with(at, "<<"))
		return OK;
	at += 2;
	found.chomp = *at == '-';
	at += found.chomp;
	at += strspn(at, "\t\n\f\r ");
	if (!*at || strchr(at, '<'))
		return OK;
	if (name_read(at, &name, &found.expand, err))
		return FAILED;
	if (name.count != 1)
		return OK;
	found.fd = fd > UINT32_MAX ? UINT32_MAX : (unsigned)fd;
	found.name = arena_strdup(arena, name.items[0]);
	*out = found;
	return OK;
}

result heredoc_words_read(struct arena *arena, const char *line, struct heredoc **out,
			  size_t *count, struct error *err)
{
	owned(strings) struct strings words = {};
	struct error ignored = {};
	size_t found = 0;

	*out = NULL;
	*count = 0;
	if (strlen(line) > EXPAND_SIZE_MAX)
		return fail(err, FAULT_INPUT, "more than %u bytes in a line with a heredoc",
			    EXPAND_SIZE_MAX);
	/* `RUN echo "it's <<EOF` has no heredoc, and is the shell's to complain about */
	if (expand_words(line, '\\', NULL,
			 EXPAND_KEEP_QUOTES | EXPAND_RAW_ESCAPES | EXPAND_KEEP_UNSET, &words,
			 &ignored))
		return OK;
	*out = arena_alloc(arena, (words.count + 1) * sizeof(**out));
	for (size_t i = 0; i < words.count; i++) {
		if (heredoc_word_read(arena, words.items[i], &(*out)[found], err))
			return FAILED;
		found += (*out)[found].name != NULL;
	}
	*count = found;
	return OK;
}

const struct heredoc *instruction_heredoc(const struct instruction *instruction, const char *word)
{
	const struct heredoc *heredoc = NULL;
	struct arena *arena;
	struct heredoc named;
	struct error ignored;

	if (!instruction->heredoc_count)
		return NULL;
	arena = arena_new();
	if (!heredoc_word_read(arena, word, &named, &ignored) && named.name) {
		for (size_t i = 0; i < instruction->heredoc_count; i++) {
			if (strcmp(instruction->heredocs[i].name, named.name) == 0)
				heredoc = &instruction->heredocs[i];
		}
	}
	arena_drop(&arena);
	return heredoc;
}
