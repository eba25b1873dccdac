/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the Dockerfile parser share: lines in, words out.
 */
#ifndef RUNNER_DOCKERFILE_INTERNAL_H
#define RUNNER_DOCKERFILE_INTERNAL_H

#include "runner/dockerfile.h"

#include "base/mem.h"

/** The kind of an instruction's name in any case; INSTRUCTION_UNKNOWN. */
enum instruction_kind instruction_kind_of(const char *name);

/**
 * Cut a logical line into name, flags and arguments.  `trigger` is the instruction inside an
 * ONBUILD, or NULL.  Strings belong to the arena.
 */
result instruction_read(struct arena *arena, char escape, const char *line, struct instruction *out,
			struct instruction **trigger, struct error *err);

/** Words of a line in a list that grows; they and `arena` live as long as the document. */
struct words {
	struct arena *arena;
	const char **items;
	size_t count;
};

void words_add(struct words *words, const char *text, size_t length);

/** Add a word that is in the arena already. */
void words_keep(struct words *words, const char *text);
void words_drop(struct words *words);

/** What `text` is as a JSON array. */
enum json_words {
	JSON_WORDS_NONE,  /* no array, or no JSON: the shell form */
	JSON_WORDS_MIXED, /* an array that has more than strings */
	JSON_WORDS_OK,
};

/**
 * Read an array of strings as Go's encoding/json does: malformed UTF-8 and lone surrogates become
 * U+FFFD.  U+0000 becomes the two bytes C0 80, which no valid text has.  Adds to `out` only where
 * it is JSON_WORDS_OK.
 */
enum json_words json_words_read(const char *text, struct words *out);
#define JSON_WORDS_NUL "\xc0\x80"

/** What a word such as "3<<-'EOF'" says; `*out` has no name where it is no heredoc. */
result heredoc_word_read(struct arena *arena, const char *word, struct heredoc *out,
			 struct error *err);

/** Words of a line that are heredocs; none where the line cannot be lexed. */
result heredoc_words_read(struct arena *arena, const char *line, struct heredoc **out,
			  size_t *count, struct error *err);

/** A copy of `count` elements in the arena; NULL where there are none. */
void *arena_copy(struct arena *arena, const void *data, size_t count, size_t size);

#endif
