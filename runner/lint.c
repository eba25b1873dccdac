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

/* clang-format off */
const struct lint_rule_text lint_rules[LINT_RULE_COUNT] = {
	[LINT_STAGE_NAME_CASING] = { "StageNameCasing", "stage-name-casing",
		"Stage names should be lowercase", false },
	[LINT_FROM_AS_CASING] = { "FromAsCasing", "from-as-casing",
		"The 'as' keyword should match the case of the 'from' keyword", false },
	[LINT_NO_EMPTY_CONTINUATION] = { "NoEmptyContinuation", "no-empty-continuation",
		"Empty continuation lines will become errors in a future release", false },
	[LINT_CONSISTENT_INSTRUCTION_CASING] = { "ConsistentInstructionCasing", "consistent-instruction-casing",
		"All commands within the Dockerfile should use the same casing (either upper or lower)", false },
	[LINT_DUPLICATE_STAGE_NAME] = { "DuplicateStageName", "duplicate-stage-name",
		"Stage names should be unique", false },
	[LINT_RESERVED_STAGE_NAME] = { "ReservedStageName", "reserved-stage-name",
		"Reserved words should not be used as stage names", false },
	[LINT_JSON_ARGS_RECOMMENDED] = { "JSONArgsRecommended", "json-args-recommended",
		"JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals", false },
	[LINT_MAINTAINER_DEPRECATED] = { "MaintainerDeprecated", "maintainer-deprecated",
		"The MAINTAINER instruction is deprecated, use a label instead to define an image author", false },
	[LINT_UNDEFINED_ARG_IN_FROM] = { "UndefinedArgInFrom", "undefined-arg-in-from",
		"FROM command must use declared ARGs", false },
	[LINT_WORKDIR_RELATIVE_PATH] = { "WorkdirRelativePath", "workdir-relative-path",
		"Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes", false },
	[LINT_UNDEFINED_VAR] = { "UndefinedVar", "undefined-var",
		"Variables should be defined before their use", false },
	[LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = { "MultipleInstructionsDisallowed", "multiple-instructions-disallowed",
		"Multiple instructions of the same type should not be used in the same stage", false },
	[LINT_LEGACY_KEY_VALUE_FORMAT] = { "LegacyKeyValueFormat", "legacy-key-value-format",
		"Legacy key/value format with whitespace separator should not be used", false },
	[LINT_INVALID_BASE_IMAGE_PLATFORM] = { "InvalidBaseImagePlatform", "invalid-base-image-platform",
		"Base image platform does not match expected target platform", false },
	[LINT_REDUNDANT_TARGET_PLATFORM] = { "RedundantTargetPlatform", "redundant-target-platform",
		"Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior", false },
	[LINT_SECRETS_USED_IN_ARG_OR_ENV] = { "SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env",
		"Sensitive data should not be used in the ARG or ENV commands", false },
	[LINT_INVALID_DEFAULT_ARG_IN_FROM] = { "InvalidDefaultArgInFrom", "invalid-default-arg-in-from",
		"Default value for global ARG results in an empty or invalid base image name", false },
	[LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = { "FromPlatformFlagConstDisallowed", "from-platform-flag-const-disallowed",
		"FROM --platform flag should not use a constant value", false },
	[LINT_COPY_IGNORED_FILE] = { "CopyIgnoredFile", "copy-ignored-file",
		"Attempting to Copy file that is excluded by .dockerignore", true },
	[LINT_INVALID_DEFINITION_DESCRIPTION] = { "InvalidDefinitionDescription", "invalid-definition-description",
		"Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. "
		"If this is not intended to be a description comment, add an empty line or comment between the "
		"instruction and the comment.", true },
	[LINT_EXPOSE_PROTO_CASING] = { "ExposeProtoCasing", "expose-proto-casing",
		"Protocol in EXPOSE instruction should be lowercase", false },
	[LINT_EXPOSE_INVALID_FORMAT] = { "ExposeInvalidFormat", "expose-invalid-format",
		"IP address and host-port mapping should not be used in EXPOSE instruction. "
		"This will become an error in a future release", false },
};
/* clang-format on */

void lint_drop(struct lint **lint)
{
	for (size_t i = 0; *lint && i < (*lint)->count; i++)
		free((*lint)->warnings[i].text);
	if (*lint)
		free((*lint)->warnings);
	free(*lint);
	*lint = NULL;
}

static void warning_add(struct lint *lint, struct lint_warning warning)
{
	array_grow(lint->warnings, lint->count);
	lint->warnings[lint->count++] = warning;
}

void lint_add(struct lint *lint, enum lint_rule rule, const struct instruction *instruction,
	      const char *format, ...)
{
	struct lint_warning warning = { rule, instruction->first_line, instruction->last_line,
					NULL };
	va_list args;

	if (lint->skipped[rule])
		return;
	va_start(args, format);
	if (vasprintf(&warning.text, format, args) < 0)
		abort();
	va_end(args);
	warning_add(lint, warning);
}

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

static result check_read(struct lint *lint, const struct dockerfile *dockerfile, struct error *err)
{
	for (size_t i = 0; i < dockerfile->directive_count; i++) {
		owned(strings) struct strings options = {};

		if (strcmp(dockerfile->directives[i].key, "check") != 0)
			continue;
		strings_split(&options, dockerfile->directives[i].value, ';');
		for (size_t o = 0; o < options.count; o++) {
			if (option_read(lint, options.items[o], err))
				return fail_in(err, "%s:%u", dockerfile->name,
					       dockerfile->directives[i].line);
		}
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
	if (check_read(lint, dockerfile, err))
		return FAILED;
	check_continuations(lint, dockerfile);
	check_casing(lint, dockerfile);
	lint_stages(lint, dockerfile, options->ignore);
	if (lint->count)
		qsort(lint->warnings, lint->count, sizeof(*lint->warnings), warning_compare);
	*out = take(lint);
	return OK;
}
