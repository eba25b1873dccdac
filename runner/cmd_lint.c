/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu dockerfile lint`: the build checks, as text or JSON.
 */
#include "runner/commands.h"
#include "runner/lint_print.h"
#include "runner/table.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lint_command_options {
	bool json, experimental;
	const char *context;
};

/* clang-format off */
static const struct option table[] = {
	{ "json",         0, OPTION_FLAG, offsetof(struct lint_command_options, json),         NULL,
	  "print one JSON document, as docker build --call=check,format=json" },
	{ "context",      0, OPTION_TEXT, offsetof(struct lint_command_options, context),      "DIR",
	  "where .dockerignore is (default: beside FILE)" },
	{ "experimental", 0, OPTION_FLAG, offsetof(struct lint_command_options, experimental), NULL,
	  "also apply the experimental rules" },
};
/* clang-format on */

/** FILE.dockerignore, else the context's .dockerignore; none is fine. */
static result patterns_load(const char *file, const char *context, struct ignore **out,
			    struct error *err)
{
	const char *slash = strrchr(file, '/');
	owned(str) char *beside = xstrndup(file, slash ? (size_t)(slash - file) : 0);
	const char *directory = context ? context : *beside ? beside : slash ? "/" : ".";
	char *const names[] = { xasprintf("%s.dockerignore", file),
				xasprintf("%s/.dockerignore", directory) };
	result done = OK;

	for (size_t i = 0; i < countof(names); i++) {
		owned(buf) struct buf text = {};

		if (!*out && !done && access(names[i], F_OK) == 0)
			done = read_file(AT_FDCWD, names[i], IGNORE_SIZE_MAX, &text, err) ||
					       ignore_parse(buf_text(&text), text.length, names[i],
							    out, err)
				       ? FAILED
				       : OK;
		free(names[i]);
	}
	return done;
}

static result lint_command_run(struct invocation *in, struct error *err)
{
	const struct lint_command_options *wanted = in->options;
	const char *path = in->argv[0], *name = strcmp(path, "-") == 0 ? "stdin" : path;
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(ignore) struct ignore *ignore = NULL;
	owned(lint) struct lint *lint = NULL;
	owned(buf) struct buf text = {}, out = {};
	struct lint_options options = { .experimental = wanted->experimental };
	struct error ignored = {};
	bool broken;

	if (strcmp(path, "-") == 0 ? read_all(STDIN_FILENO, DOCKERFILE_SIZE_MAX, &text, err)
				   : read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &text, err))
		return FAILED;
	broken = dockerfile_parse_begin(buf_text(&text), text.length, name, &file, err);
	options.extent = broken ? LINT_READ : LINT_ALL;
	if (!broken && patterns_load(path, wanted->context, &ignore, err))
		return FAILED;
	options.ignore = ignore;
	if (file && lint_run(file, &options, &lint, broken ? &ignored : err) && !broken)
		return FAILED;
	if (wanted->json)
		lint_json(lint, file, broken ? err : NULL, &out);
	else
		lint_text(lint, name, &out);
	if (stdout_write(&out, broken ? &ignored : err) || broken)
		return FAILED;
	return lint_violations(lint, err);
}

const struct command command_lint = {
	.name = "lint",
	.arguments = "[OPTIONS] FILE",
	.summary = "Warn of what is legal in a Dockerfile but seldom meant",
	.example = "mpemu dockerfile lint Dockerfile",
	.text = "The rules are those of BuildKit's build checks.  \"# check=skip=RULE;error=true\" "
		"on\n"
		"top of the file is obeyed, \"# check=skip=RULE\" above an instruction counts for "
		"that\n"
		"one.  Warnings leave the exit status at 0 unless the file says error=true.  FILE "
		"may be\n"
		"- for standard input.",
	.options = table,
	.option_count = countof(table),
	.options_size = sizeof(struct lint_command_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = lint_command_run,
};
