/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules for FROM: what it is based on, its platform, its name.
 */
#include "registry/registry.h"
#include "runner/expand.h"
#include "runner/lint_stages.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void undeclared_check(struct walk *walk, const struct instruction *at,
			     const struct expand_names *names)
{
	char hint[HINT_MAX];

	for (size_t i = 0; i < names->unset.count; i++) {
		const char *name = names->unset.items[i];

		if (!strings_have(&walk->declared, name))
			lint_add(walk->lint, LINT_UNDEFINED_ARG_IN_FROM, at,
				 "FROM argument '%s' is not declared%s", name,
				 lint_suggestion(walk, name, &walk->declared, "", hint));
	}
}

static void platform_check(struct walk *walk, const struct stage *stage,
			   const struct instruction *at, const char *flag)
{
	static const char target[] = "TARGETPLATFORM";
	owned(expand_names) struct expand_names names = {};
	owned(str) char *text = NULL;
	struct platform platform;
	struct error ignored;
	const char *wanted = env_get(&walk->globals, target);

	(void)expand_named(flag, walk->file->escape, &walk->globals, 0, &names, &text, &ignored);
	undeclared_check(walk, at, &names);
	if (!text)
		return;
	if (names.set.count == 1 && !names.unset.count && strcmp(names.set.items[0], target) == 0 &&
	    wanted && strcmp(text, wanted) == 0)
		lint_add(walk->lint, LINT_REDUNDANT_TARGET_PLATFORM, at,
			 "Setting platform to predefined %s in FROM is redundant as this is the "
			 "default behavior",
			 flag);
	if (names.set.count || names.unset.count || platform_parse(text, &platform, &ignored) ||
	    strstr(stage->name, platform.os) || strstr(stage->name, platform.arch))
		return;
	lint_add(walk->lint, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, at,
		 "FROM --platform flag should not use constant value \"%s\"", text);
}

static void stage_name_check(struct walk *walk, const struct stage *stage,
			     const struct instruction *at)
{
	owned(strings) struct strings names = {};
	const char *as = at->args[1];
	bool from_lower = strcmp(at->keyword, "from") == 0;

	if (strcmp(at->args[2], stage->name) != 0)
		lint_add(walk->lint, LINT_STAGE_NAME_CASING, at,
			 "Stage name '%s' should be lowercase", at->args[2]);
	if ((from_lower || strcmp(at->keyword, "FROM") == 0) &&
	    strcmp(as, from_lower ? "as" : "AS") != 0)
		lint_add(walk->lint, LINT_FROM_AS_CASING, at,
			 "'%s' and '%s' keywords' casing do not match", as, at->keyword);
	strings_add(&names, stage->name);
	lint_description(walk, at, "FROM", &names);
}

/** What BuildKit checks before it reads comments of single lines. */
static void whole_check(struct walk *walk, const struct stage *stage, const struct instruction *at)
{
	owned(str) char *base = lint_expanded(at->args[0], walk->file->escape, &walk->defaults);
	struct reference reference;
	struct error ignored;

	if (reference_parse(base, &reference, &ignored))
		lint_add(walk->lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, at,
			 "Default value for ARG %s results in empty or invalid base image name",
			 at->args[0]);
	if (strcmp(stage->name, "context") == 0 || strcmp(stage->name, "scratch") == 0)
		lint_add(walk->lint, LINT_RESERVED_STAGE_NAME, at,
			 "Stage name should not use the same name as reserved stage \"%s\"",
			 stage->name);
	for (size_t i = 0; *stage->name && i + 1 < walk->stage_count; i++) {
		if (strcmp(walk->stages[i].name, stage->name) != 0)
			continue;
		lint_add(walk->lint, LINT_DUPLICATE_STAGE_NAME, at,
			 "Duplicate stage name \"%s\", stage names should be unique", stage->name);
		break;
	}
}

/** Take over what the stage is based on: another one, else an image that may be known. */
static void stage_inherit(struct walk *walk, struct stage *stage, const struct instruction *at,
			  const char *base)
{
	struct lint_base known = {};

	if (walk->options->look)
		walk->options->look(walk->options->closure, at, &known);
	stage->is_left_out = known.is_left_out;
	stage->triggers = known.triggers;
	stage->trigger_count = known.trigger_count;
	for (size_t i = walk->stage_count - 1; i-- > 0;) {
		const struct stage *parent = &walk->stages[i];

		if (!*parent->name || strcmp(parent->name, base) != 0)
			continue;
		strings_add_all(&stage->env, parent->env.items);
		strings_add_all(&stage->declared, parent->declared.items);
		stage->workdir = parent->workdir;
		stage->shell = parent->shell;
		break;
	}
	if (!stage->env.count) {
		strings_add_all(&stage->env, known.env.items);
		stage->shell = known.has_shell;
	}
	if (!env_get(&stage->env, "PATH"))
		strings_add(&stage->env, "PATH=" DEFAULT_PATH);
	strings_drop(&known.env);
}

void lint_from(struct walk *walk, const struct instruction *at)
{
	const char *flag = instruction_flag(at, "platform");
	owned(expand_names) struct expand_names names = {};
	owned(str) char *base = NULL;
	struct stage *stage;
	struct error ignored;

	array_grow(walk->stages, walk->stage_count);
	stage = &walk->stages[walk->stage_count++];
	*stage = (struct stage){ .name = xstrdup(at->arg_count == 3 ? at->args[2] : "") };
	for (char *c = stage->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	lint_use(walk->lint, NULL);
	if (walk->options->extent != LINT_READ)
		whole_check(walk, stage, at);
	lint_use(walk->lint, at);
	if (*stage->name)
		stage_name_check(walk, stage, at);
	if (walk->options->extent == LINT_READ)
		return;
	(void)expand_named(at->args[0], walk->file->escape, &walk->globals, 0, &names, &base,
			   &ignored);
	undeclared_check(walk, at, &names);
	if (flag && *flag)
		platform_check(walk, stage, at, flag);
	stage_inherit(walk, stage, at, base ? base : at->args[0]);
}
