/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules as a table, what "# check=" says about them, and those that look at one line or at all
 * lines alike.
 */
#include "runner/lint.h"
#include "runner/lint_stages.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** Set `skipped` of the rules that a list names. */
static void rules_mark(struct lint *lint, const char *list, bool skipped, bool experimental)
{
	owned(strings) struct strings names = {};

	strings_split(&names, list, ',');
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i] + strspn(names.items[i], " \t");
		size_t length = strcspn(name, " \t");
		bool all = length == 3 && strncmp(name, "all", 3) == 0;

		for (size_t rule = 0; rule < LINT_RULE_COUNT; rule++) {
			const struct lint_rule_text *text = &lint_rules[rule];

			if ((all ||
			     (strncmp(text->name, name, length) == 0 && !text->name[length])) &&
			    (!experimental || text->experimental))
				lint->skipped[rule] = skipped;
		}
	}
}

static result option_read(struct lint *lint, const char *option, struct error *err)
{
	const char *equals = strchr(option, '=');
	const char *value = equals ? equals + 1 + strspn(equals + 1, " \t") : "";

	option += strspn(option, " \t");
	if (starts_with(option, "skip") && equals) {
		rules_mark(lint, value, true, false);
	} else if (starts_with(option, "experimental") && equals) {
		rules_mark(lint, value, false, true);
	} else if (starts_with(option, "error") && equals) {
		lint->is_error = strncasecmp(value, "true", 4) == 0 || *value == '1' ||
				 strcasecmp(value, "t") == 0;
	} else {
		return fail(err, FAULT_INPUT, "invalid check option \"%.100s\"", option);
	}
	return OK;
}

static result options_read(struct lint *lint, const char *text, struct error *err)
{
	owned(strings) struct strings options = {};

	strings_split(&options, text, ';');
	for (size_t i = 0; i < options.count; i++) {
		if (option_read(lint, options.items[i], err))
			return FAILED;
	}
	return OK;
}

static result check_read(struct lint *lint, const struct dockerfile *dockerfile, struct error *err)
{
	for (size_t i = 0; i < dockerfile->directive_count; i++) {
		const struct directive *at = &dockerfile->directives[i];

		if (strcmp(at->key, "check") == 0 && options_read(lint, at->value, err))
			return fail_in(err, "%s:%u", dockerfile->name, at->line);
	}
	return OK;
}

static bool is_all(const char *word, int (*is)(int c))
{
	for (; *word; word++) {
		if (isalpha((unsigned char)*word) && !is((unsigned char)*word))
			return false;
	}
	return true;
}

/** The instructions of stages; what comes before has no vote and is left alone. */
static const struct instruction *first_stage(const struct dockerfile *dockerfile)
{
	const struct instruction *at = dockerfile->instructions;

	while (at < dockerfile->instructions + dockerfile->instruction_count &&
	       at->kind != INSTRUCTION_FROM)
		at++;
	return at;
}

static void check_casing(struct lint *lint, const struct dockerfile *dockerfile)
{
	const struct instruction *end = dockerfile->instructions + dockerfile->instruction_count;
	size_t lower = 0, upper = 0;

	for (const struct instruction *at = first_stage(dockerfile); at < end; at++) {
		if (is_all(at->keyword, islower))
			lower++;
		else if (is_all(at->keyword, isupper))
			upper++;
	}
	for (const struct instruction *at = first_stage(dockerfile); at < end; at++) {
		if (!is_all(at->keyword, lower > upper ? islower : isupper))
			lint_add(lint, LINT_CONSISTENT_INSTRUCTION_CASING, at,
				 "Command '%s' should match the case of the command majority (%s)",
				 at->keyword, lower > upper ? "lowercase" : "uppercase");
	}
}

static void check_continuations(struct lint *lint, const struct dockerfile *dockerfile)
{
	for (size_t i = 0; i < dockerfile->empty_continuation_count; i++) {
		struct instruction at = { .first_line = dockerfile->empty_continuations[i],
					  .last_line = dockerfile->empty_continuations[i] };

		lint_add(lint, LINT_NO_EMPTY_CONTINUATION, &at, "Empty continuation line");
	}
}

static int warning_compare(const void *a, const void *b)
{
	const struct lint_warning *left = a, *right = b;

	if (left->first_line != right->first_line)
		return left->first_line < right->first_line ? -1 : 1;
	if (left->rule != right->rule)
		return left->rule < right->rule ? -1 : 1;
	return strcmp(left->text, right->text);
}

result lint_run(const struct dockerfile *dockerfile, const struct lint_options *options,
		struct lint **out, struct error *err)
{
	owned(lint) struct lint *lint = xnew(struct lint);

	for (size_t i = 0; i < LINT_RULE_COUNT; i++)
		lint->skipped[i] = lint_rules[i].experimental && !options->experimental;
	if (options->check ? options_read(lint, options->check, err)
			   : check_read(lint, dockerfile, err))
		return FAILED;
	check_continuations(lint, dockerfile);
	check_casing(lint, dockerfile);
	lint_stages(lint, dockerfile, options->ignore);
	if (lint->count)
		qsort(lint->warnings, lint->count, sizeof(*lint->warnings), warning_compare);
	*out = take(lint);
	return OK;
}
