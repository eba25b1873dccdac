/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The checks as a whole: what the file says about them, and the rules that look at all lines alike.
 */
#include "runner/lint.h"
#include "runner/lint_stages.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>

/** "# check=" on top of the file, or the build argument that stands for it. */
static result check_read(struct lint *lint, const struct dockerfile *dockerfile,
			 const struct strings *build_args, struct error *err)
{
	static const char argument[] = "BUILDKIT_DOCKERFILE_CHECK";
	const char *given = build_args ? env_get(build_args, argument) : NULL;

	if (given && lint_config_read(&lint->config, given, err))
		return fail_in(err, "%s", argument);
	for (size_t i = 0; !given && i < dockerfile->directive_count; i++) {
		const struct directive *at = &dockerfile->directives[i];
		owned(str) char *value = xstrndup(at->value, strcspn(at->value, " "));

		if (strcmp(at->key, "check") == 0 && lint_config_read(&lint->config, value, err))
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

result lint_run(const struct dockerfile *dockerfile, const struct lint_options *options,
		struct lint **out, struct error *err)
{
	owned(lint) struct lint *lint = xnew(struct lint);

	for (size_t i = 0; i < LINT_RULE_COUNT; i++)
		lint->config.wanted[i] = options->experimental;
	if (check_read(lint, dockerfile, options->build_args, err))
		return FAILED;
	lint_use(lint, NULL);
	check_continuations(lint, dockerfile);
	if (options->extent != LINT_READ)
		check_casing(lint, dockerfile);
	if (lint_stages(lint, dockerfile, options, err))
		return FAILED;
	lint_sort(lint);
	*out = take(lint);
	return OK;
}
