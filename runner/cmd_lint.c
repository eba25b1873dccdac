/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu dockerfile lint`: the build checks, as text or JSON.
 */
#include "runner/commands.h"
#include "runner/lint.h"

#include "base/fd.h"
#include "base/json.h"
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

static json_t *position_json(unsigned line)
{
	json_t *position = json_object();

	json_object_set_new(position, "line", json_integer(line));
	json_object_set_new(position, "character", json_integer(0));
	return position;
}

static json_t *warning_json(const struct lint_warning *warning)
{
	const struct lint_rule_text *rule = &lint_rules[warning->rule];
	owned(str) char *url = xasprintf("%s%s/", LINT_URL, rule->page);
	owned(buf) struct buf safe = {};
	json_t *object = json_object(), *range = json_object(), *ranges = json_array(),
	       *location = json_object();

	text_escape(&safe, warning->text, strlen(warning->text));
	json_object_set_new(range, "start", position_json(warning->first_line));
	json_object_set_new(range, "end", position_json(warning->last_line));
	json_array_append_new(ranges, range);
	json_object_set_new(location, "ranges", ranges);
	json_object_set_new(object, "ruleName", json_string(rule->name));
	json_object_set_new(object, "description", json_string(rule->description));
	json_object_set_new(object, "url", json_string(url));
	json_object_set_new(object, "detail", json_string(buf_text(&safe)));
	json_object_set_new(object, "line", json_integer(warning->first_line));
	json_object_set_new(object, "location", location);
	return object;
}

static void print_json(const struct lint *lint)
{
	owned(json) json_t *document = json_object();
	owned(str) char *text = NULL;
	json_t *warnings = json_array();

	for (size_t i = 0; i < lint->count; i++)
		json_array_append_new(warnings, warning_json(&lint->warnings[i]));
	json_object_set_new(document, "warnings", warnings);
	text = json_text(document, true);
	puts(text);
}

static void print_text(const struct lint *lint, const char *name)
{
	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_warning *warning = &lint->warnings[i];
		owned(buf) struct buf safe = {};

		text_escape(&safe, warning->text, strlen(warning->text));
		printf("%s:%u: %s: %s\n", name, warning->first_line, lint_rules[warning->rule].name,
		       buf_text(&safe));
	}
}

static result violations(const struct lint *lint, struct error *err)
{
	owned(buf) struct buf names = {};
	bool told[LINT_RULE_COUNT] = {};

	if (!lint->is_error || !lint->count)
		return OK;
	for (size_t i = 0; i < lint->count; i++) {
		if (!told[lint->warnings[i].rule])
			buf_printf(&names, "%s%s", names.length ? ", " : "",
				   lint_rules[lint->warnings[i].rule].name);
		told[lint->warnings[i].rule] = true;
	}
	return fail(err, FAULT_INPUT, "lint violation found for rules: %s", buf_text(&names));
}

static result lint_command_run(struct invocation *in, struct error *err)
{
	const struct lint_command_options *wanted = in->options;
	const char *path = in->argv[0], *name = strcmp(path, "-") == 0 ? "stdin" : path;
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(ignore) struct ignore *ignore = NULL;
	owned(lint) struct lint *lint = NULL;
	owned(buf) struct buf text = {};
	struct lint_options options = { .experimental = wanted->experimental };

	if (strcmp(path, "-") == 0 ? read_all(STDIN_FILENO, DOCKERFILE_SIZE_MAX, &text, err)
				   : read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &text, err))
		return FAILED;
	if (dockerfile_parse(buf_text(&text), text.length, name, &file, err) ||
	    patterns_load(path, wanted->context, &ignore, err))
		return FAILED;
	options.ignore = ignore;
	if (lint_run(file, &options, &lint, err))
		return FAILED;
	if (wanted->json)
		print_json(lint);
	else
		print_text(lint, name);
	return violations(lint, err);
}

const struct command command_lint = {
	.name = "lint",
	.arguments = "[OPTIONS] FILE",
	.summary = "Warn of what is legal in a Dockerfile but seldom meant",
	.example = "mpemu dockerfile lint Dockerfile",
	.text = "The rules are those of BuildKit's build checks, and \"# "
		"check=skip=RULE;error=true\"\n"
		"on top of the file is obeyed.  Warnings leave the exit status at 0 unless that "
		"says\n"
		"error=true.  FILE may be - for standard input.",
	.options = table,
	.option_count = countof(table),
	.options_size = sizeof(struct lint_command_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = lint_command_run,
};
