/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu dockerfile`: the language by itself, without a build.
 */
#include "runner/command.h"
#include "runner/commands.h"
#include "runner/dockerfile.h"
#include "runner/dockerfile_print.h"
#include "runner/expand.h"
#include "runner/ignore.h"
#include "runner/lint.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/** A file, or standard input for "-"; `*name` is what messages call it. */
static result text_read(const char *path, size_t limit, struct buf *out, const char **name,
			struct error *err)
{
	*name = path;
	if (strcmp(path, "-") != 0)
		return read_file(AT_FDCWD, path, limit, out, err);
	*name = "stdin";
	return read_all(STDIN_FILENO, limit, out, err);
}

static result parse_run(struct invocation *in, struct error *err)
{
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(buf) struct buf text = {};
	const char *name;

	if (text_read(in->argv[0], DOCKERFILE_SIZE_MAX, &text, &name, err) ||
	    dockerfile_read(buf_text(&text), text.length, name, &file, err))
		return FAILED;
	dockerfile_print(file, stdout);
	/* the words are there to be seen even where they make no instruction */
	return dockerfile_check(file, err);
}

static const struct command command_parse = {
	.name = "parse",
	.arguments = "FILE",
	.summary = "Print how a Dockerfile is read, as JSON",
	.example = "mpemu dockerfile parse Dockerfile",
	.text = "FILE may be - for standard input.  Words are printed as they stand in the file,\n"
		"with quotes, escapes and variables; ENV and LABEL as name, value, separator.\n"
		"A wrong instruction is printed too, before the message that says what is wrong.",
	.arguments_min = 1,
	.arguments_max = 1,
	.run = parse_run,
};

struct expand_options {
	struct strings env;
	const char *escape;
	bool words;
};

/* clang-format off */
static const struct option expand_table[] = {
	{ "env",    'e', OPTION_LIST, offsetof(struct expand_options, env),    "NAME=VALUE",
	  "set a variable" },
	{ "escape", 0,   OPTION_TEXT, offsetof(struct expand_options, escape), "CHAR",
	  "the escape character: \\ (default) or `" },
	{ "words",  0,   OPTION_FLAG, offsetof(struct expand_options, words),  NULL,
	  "split the result at its blanks, one word a line" },
};
/* clang-format on */

static result expand_run(struct invocation *in, struct error *err)
{
	const struct expand_options *wanted = in->options;
	const char *escape = wanted->escape ? wanted->escape : "\\";
	owned(strings) struct strings words = {};
	owned(str) char *word = NULL;

	if (strcmp(escape, "\\") != 0 && strcmp(escape, "`") != 0)
		return fail(err, FAULT_USAGE, "option --escape: '%s' is neither \\ nor `", escape);
	if (!wanted->words) {
		if (expand_word(in->argv[0], *escape, &wanted->env, 0, &word, err))
			return FAILED;
		puts(word);
		return OK;
	}
	if (expand_words(in->argv[0], *escape, &wanted->env, 0, &words, err))
		return FAILED;
	for (size_t i = 0; i < words.count; i++)
		puts(words.items[i]);
	return OK;
}

static const struct command command_expand = {
	.name = "expand",
	.arguments = "[OPTIONS] WORD",
	.summary = "Print a word with its variables, quotes and escapes resolved",
	.example = "mpemu dockerfile expand --env VERSION=v1.2 '${VERSION#v}'",
	.text = "The forms are ${NAME:-word} ${NAME-word} ${NAME:+word} ${NAME+word} "
		"${NAME:?text}\n"
		"${NAME?text} ${NAME#pattern} ${NAME##pattern} ${NAME%pattern} ${NAME%%pattern}\n"
		"${NAME/pattern/text} ${NAME//pattern/text}.",
	.options = expand_table,
	.option_count = countof(expand_table),
	.options_size = sizeof(struct expand_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = expand_run,
};

static result ignored_run(struct invocation *in, struct error *err)
{
	owned(ignore) struct ignore *ignore = NULL;
	owned(buf) struct buf text = {}, path = {};
	const char *name;

	if (text_read(in->argv[0], IGNORE_SIZE_MAX, &text, &name, err) ||
	    ignore_parse(buf_text(&text), text.length, name, &ignore, err))
		return FAILED;
	for (int i = 1; i < in->argc; i++) {
		ignore_clean_path(in->argv[i], &path);
		/* the context itself is never left out */
		if (strcmp(buf_text(&path), ".") != 0 && ignore_excludes(ignore, buf_text(&path)))
			puts(in->argv[i]);
	}
	return OK;
}

static const struct command command_ignored = {
	.name = "ignored",
	.arguments = "PATTERNFILE PATH...",
	.summary = "Print those paths that a .dockerignore leaves out",
	.example = "mpemu dockerfile ignored .dockerignore src/main.c node_modules/x.js",
	.text = "Nothing is looked up: a path need not exist.  PATTERNFILE may be - for standard\n"
		"input.",
	.arguments_min = 1,
	.arguments_max = -1,
	.run = ignored_run,
};

static const struct command *const subcommands[] = {
	&command_parse, &command_expand, &command_ignored, &command_lint, NULL,
};

const struct command command_dockerfile = {
	.name = "dockerfile",
	.arguments = "COMMAND",
	.summary = "Read Dockerfiles without building them",
	.example = "mpemu dockerfile lint Dockerfile",
	.subcommands = subcommands,
};
