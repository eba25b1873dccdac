/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lint_rules.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

	if (lint_rules[rule].experimental ? !lint->now.wanted[rule] : lint->now.skipped[rule])
		return;
	va_start(args, format);
	if (vasprintf(&warning.text, format, args) < 0)
		abort();
	va_end(args);
	warning_add(lint, warning);
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

void lint_sort(struct lint *lint)
{
	if (lint->count)
		qsort(lint->warnings, lint->count, sizeof(*lint->warnings), warning_compare);
}
