/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules of BuildKit's build checks by their names, and the list of what they found.
 */
#ifndef RUNNER_LINT_RULES_H
#define RUNNER_LINT_RULES_H

#include "base/platform.h"
#include "runner/dockerfile.h"
#include "runner/ignore.h"

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

/** Which rules apply. */
struct lint_config {
	bool skipped[LINT_RULE_COUNT];
	bool wanted[LINT_RULE_COUNT]; /* of those that are experimental */
	bool is_error;
};

/** What a build knows of a stage beyond its lines. */
struct lint_base {
	bool is_left_out;                    /* the target does not need it */
	bool has_shell;                      /* its image sets SHELL */
	const struct instruction **triggers; /* that its FROM brings; the list is the caller's */
	size_t trigger_count;
	struct strings env; /* of its image; without any: nothing but PATH */
};

/** Fill in what is known of the stage that `from` starts; `out` is {}. */
typedef void lint_look(void *closure, const struct instruction *from, struct lint_base *out);

/** How much of a file that has an error is looked at. */
enum lint_extent {
	LINT_ALL,    /* it has none */
	LINT_STAGES, /* what FROM and the names of stages say */
	LINT_READ,   /* only what is seen while it is read */
};

struct lint_options {
	const struct ignore *ignore; /* the context's .dockerignore, or NULL */
	bool experimental;
	enum lint_extent extent;
	const struct strings *build_args; /* NAME=value, or NULL */
	const struct platform *platform;  /* of the image; NULL: this machine's */
	const char *target;               /* as it was asked for, or NULL */
	lint_look *look;                  /* or NULL: all stages count, base images are not known */
	void *closure;
};

/** Warnings in the order of their lines. */
struct lint {
	struct lint_warning *warnings;
	size_t count;
	struct lint_config config; /* what is said on top of the file */
	struct lint_config now;    /* and what comments above an instruction add */
	struct error fault;        /* the first step that could only fail; FAULT_NONE: none */
};

/**
 * Read what stands behind "check=": skip=RULE,...;experimental=RULE,...;error=BOOL.  It is added to
 * the config.  FAULT_INPUT as BuildKit has it.
 */
result lint_config_read(struct lint_config *config, const char *text, struct error *err);

/** From here on, what comments above the instruction say counts too (NULL: nothing but the file).
 */
void lint_use(struct lint *lint, const struct instruction *instruction);

/** Add a warning, if its rule applies. */
void lint_add(struct lint *lint, enum lint_rule rule, const struct instruction *instruction,
	      const char *format, ...) PRINTF(4, 5);

/** Put the warnings into their order. */
void lint_sort(struct lint *lint);

void lint_drop(struct lint **lint);

#endif
