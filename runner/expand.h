/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Variables, quotes and escapes in a word of a Dockerfile, as BuildKit's shell lexer resolves them.
 *
 * $name ${name} and ${name OP word} with OP one of :- - :+ + :? ? # ## % %% / //; an unset variable
 * is empty.  Not a shell: no globs, no commands, positional and special parameters are empty.
 */
#ifndef RUNNER_EXPAND_H
#define RUNNER_EXPAND_H

#include "base/text.h"

/** Nesting of ${a:-${b:-...}} and bytes of a result; past either is FAULT_INPUT. */
#define EXPAND_DEPTH_MAX 200
#define EXPAND_SIZE_MAX  (1u << 20)

enum expand_flags {
	EXPAND_RAW_QUOTES = 1 << 0,  /* quotes are not special: the body of a heredoc */
	EXPAND_RAW_ESCAPES = 1 << 1, /* leave escape characters where they are */
	EXPAND_KEEP_UNSET = 1 << 2,  /* leave a variable that is not set as written */
	EXPAND_KEEP_QUOTES = 1 << 3, /* quotes are special, but stay where they are */
};

/**
 * Expand a word.  `env` is a list of NAME=value (the last of a name wins; NULL: empty), `escape`
 * the Dockerfile's escape character, but always a backslash for the body of a heredoc.  The caller
 * frees `*out`.  FAULT_INPUT with the reason.
 */
result expand_word(const char *word, char escape, const struct strings *env, unsigned flags,
		   char **out, struct error *err);

/**
 * Expand and split at blanks that are neither quoted nor escaped, those in values too; empty words
 * are dropped.  Adds to `out`.  EXPOSE takes its words so.
 */
result expand_words(const char *word, char escape, const struct strings *env, unsigned flags,
		    struct strings *out, struct error *err);

/** Names that a word uses, each once, in the order of their use. */
struct expand_names {
	struct strings set, unset; /* as the variables were */
};

void expand_names_drop(struct expand_names *names);

/**
 * The same as expand_word(), and tells what it used, also before an error.  `out` may be NULL.  For
 * `lint`.
 */
result expand_named(const char *word, char escape, const struct strings *env, unsigned flags,
		    struct expand_names *names, char **out, struct error *err);

#endif
