/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules of BuildKit's build checks by their names, and the list of what they found.
 */
#ifndef RUNNER_LINT_RULES_H
#define RUNNER_LINT_RULES_H

#include "runner/dockerfile.h"

enum lint_rule {
	LINT_STAGE_NAME_CASING,
	LINT_FROM_AS_CASING,
	LINT_NO_EMPTY_CONTINUATION,
	LINT_CONSISTENT_INSTRUCTION_CASING,
	LINT_DUPLICATE_STAGE_NAME,
	LINT_RESERVED_STAGE_NAME,
	LINT_JSON_ARGS_RECOMMENDED,
	LINT_MAINTAINER_DEPRECATED,
	LINT_UNDEFINED_ARG_IN_FROM,
	LINT_WORKDIR_RELATIVE_PATH,
	LINT_UNDEFINED_VAR,
	LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	LINT_LEGACY_KEY_VALUE_FORMAT,
	LINT_INVALID_BASE_IMAGE_PLATFORM, /* only a build knows the image: see lint_add() */
	LINT_REDUNDANT_TARGET_PLATFORM,
	LINT_SECRETS_USED_IN_ARG_OR_ENV,
	LINT_INVALID_DEFAULT_ARG_IN_FROM,
	LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
	LINT_COPY_IGNORED_FILE,
	LINT_INVALID_DEFINITION_DESCRIPTION,
	LINT_EXPOSE_PROTO_CASING,
	LINT_EXPOSE_INVALID_FORMAT,
	LINT_RULE_COUNT,
};

struct lint_rule_text {
	const char *name, *page; /* of its documentation, below LINT_URL */
	const char *description;
	bool experimental; /* only where "# check=experimental=..." or the caller asks */
};

#define LINT_URL "https://docs.docker.com/go/dockerfile/rule/"
extern const struct lint_rule_text lint_rules[LINT_RULE_COUNT];

struct lint_warning {
	enum lint_rule rule;
	unsigned first_line, last_line;
	char *text;
};

/** Warnings in the order of their lines. */
struct lint {
	struct lint_warning *warnings;
	size_t count;
	bool skipped[LINT_RULE_COUNT]; /* by "# check=skip=..." or because experimental */
	bool is_error;                 /* "# check=error=true" */
};

/** Add a warning, unless its rule is skipped. */
void lint_add(struct lint *lint, enum lint_rule rule, const struct instruction *instruction,
	      const char *format, ...) PRINTF(4, 5);

void lint_drop(struct lint **lint);

#endif
