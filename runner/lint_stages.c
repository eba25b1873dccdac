/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lint_stages.h"
#include "runner/exec.h"
#include "runner/expand.h"
#include "runner/plan_globals.h"
#include "runner/ports.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const secrets[] = { "apikey",   "auth",  "credential", "credentials", "key",
				       "password", "pword", "passwd",     "secret",      "token" };
static const char *const no_secrets[] = { "public" };

static void walk_drop(struct walk *walk)
{
	for (size_t i = 0; i < walk->stage_count; i++) {
		strings_drop(&walk->stages[i].env);
		strings_drop(&walk->stages[i].declared);
		free(walk->stages[i].triggers);
		free(walk->stages[i].name);
	}
	free(walk->stages);
	strings_drop(&walk->globals);
	strings_drop(&walk->defaults);
	strings_drop(&walk->declared);
}

static bool has_part(const char *name, const char *const *parts, size_t count)
{
	for (const char *at = name;; at++) {
		size_t length = strcspn(at, "_");

		for (size_t i = 0; i < count; i++) {
			if (strlen(parts[i]) == length && strncasecmp(parts[i], at, length) == 0)
				return true;
		}
		at += length;
		if (!*at)
			return false;
	}
}

static void check_secret(struct walk *walk, const struct instruction *at, const char *name)
{
	if (has_part(name, secrets, countof(secrets)) &&
	    !has_part(name, no_secrets, countof(no_secrets)))
		lint_add(walk->lint, LINT_SECRETS_USED_IN_ARG_OR_ENV, at,
			 "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
			 at->kind == INSTRUCTION_ARG ? "ARG" : "ENV", name);
}

void lint_description(struct walk *walk, const struct instruction *at, const char *what,
		      const struct strings *names)
{
	const char *comment = at->comment_count ? at->comments[at->comment_count - 1] : NULL;
	owned(str) char *first = NULL;

	if (!comment || !names->count)
		return;
	first = xstrndup(comment, strcspn(comment, " "));
	if (!strings_have(names, first))
		lint_add(walk->lint, LINT_INVALID_DEFINITION_DESCRIPTION, at,
			 "Comment for %s should follow the format: `# %s <description>`", what,
			 names->count > 1 ? "<arg_key>" : names->items[0]);
}

/** The comment above an ARG, and names that are declared by it; `declared` may be NULL. */
static void arg_names(struct walk *walk, const struct instruction *at, struct strings *declared)
{
	owned(strings) struct strings names = {};

	for (size_t i = 0; i < instruction_pair_count(at); i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = xstrndup(pair.name, pair.name_length);

		strings_add(&names, name);
	}
	if (declared)
		strings_add_all(declared, names.items);
	lint_description(walk, at, "ARG", &names);
}

/**
 * What an ARG sets, one after the other: the build's argument, else its default, else the global
 * value.  Only a default that is used is looked at.
 */
static void arg_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	const struct strings *given = walk->options->build_args;

	for (size_t i = 0; i < instruction_pair_count(at); i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = xstrndup(pair.name, pair.name_length), *value = NULL;
		const char *text = given ? env_get(given, name) : NULL;

		check_secret(walk, at, name);
		if (!text && pair.value) {
			lint_word(walk, stage, at, pair.value);
			text = value = lint_expanded(pair.value, walk->file->escape, &stage->env);
		}
		if (!text)
			text = env_get(&walk->globals, name);
		if (text)
			env_set(&stage->env, name, text);
		strings_add(&stage->declared, name);
	}
}

static void pairs_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	owned(strings) struct strings names = {}, values = {};

	/* all words of a line see the variables as they were before it */
	for (size_t i = 0; i < instruction_pair_count(at); i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = lint_expanded(pair.name, walk->file->escape, &stage->env);
		owned(str) char *value = lint_expanded(pair.value, walk->file->escape, &stage->env);

		strings_add(&names, name);
		strings_add(&values, value);
	}
	for (size_t i = 0; i < names.count; i++) {
		if (!*at->args[3 * i + 2])
			lint_add(walk->lint, LINT_LEGACY_KEY_VALUE_FORMAT, at,
				 "\"%s key=value\" should be used instead of legacy \"%s key "
				 "value\" format",
				 at->keyword, at->keyword);
		if (at->kind != INSTRUCTION_ENV)
			continue;
		check_secret(walk, at, names.items[i]);
		env_set(&stage->env, names.items[i], values.items[i]);
	}
}

/** Keep why a step will fail: for who only checks, and does not get as far as that step. */
static void fault_keep(struct walk *walk, const struct instruction *at, const struct error *why)
{
	if (walk->lint->fault.fault)
		return;
	walk->lint->fault = *why;
	(void)fail_in(&walk->lint->fault, "%s:%u", walk->file->name, at->first_line);
}

/** A word with a variable that nobody knows may be anything. */
static bool is_open(const struct walk *walk, const struct stage *stage, const char *word)
{
	owned(expand_names) struct expand_names names = {};
	struct error ignored;

	(void)expand_named(word, walk->file->escape, &stage->env, 0, &names, NULL, &ignored);
	return names.unset.count > 0;
}

static void stopsignal_check(struct walk *walk, const struct stage *stage,
			     const struct instruction *at)
{
	owned(str) char *word = lint_expanded(at->args[0], walk->file->escape, &stage->env);
	struct error why;

	if (!is_open(walk, stage, at->args[0]) && signal_check(word, &why))
		fault_keep(walk, at, &why);
}

static void expose_check(struct walk *walk, const struct stage *stage, const struct instruction *at)
{
	owned(strings) struct strings words = {};
	bool all_known = true;
	struct error why;

	for (size_t i = 0; i < at->arg_count; i++) {
		if (expand_words(at->args[i], walk->file->escape, &stage->env, 0, &words, &why))
			return;
		all_known &= !is_open(walk, stage, at->args[i]);
	}
	for (size_t i = 0; i < words.count; i++) {
		struct port_range range;

		if (port_parse(words.items[i], &range, &why)) {
			(void)fail_in(&why, "EXPOSE");
			if (all_known)
				fault_keep(walk, at, &why);
			continue;
		}
		if (range.is_shouted)
			lint_add(walk->lint, LINT_EXPOSE_PROTO_CASING, at,
				 "Defined protocol '%s' in EXPOSE instruction should be lowercase",
				 words.items[i]);
		if (range.is_mapped)
			lint_add(walk->lint, LINT_EXPOSE_INVALID_FORMAT, at,
				 "EXPOSE instruction should not define an IP address or host-port "
				 "mapping, found '%s'",
				 words.items[i]);
	}
}

/** Only the last of these counts in a stage. */
static void once_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	const struct instruction *before = stage->last[at->kind];

	stage->last[at->kind] = at;
	if (before)
		lint_add(walk->lint, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, before,
			 "Multiple %s instructions should not be used in the same stage because "
			 "only the last one will be used",
			 at->keyword);
}

static void command_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	once_check(walk, stage, at);
	if (!at->json && !stage->shell && at->kind != INSTRUCTION_HEALTHCHECK)
		lint_add(walk->lint, LINT_JSON_ARGS_RECOMMENDED, at,
			 "JSON arguments recommended for %s to prevent unintended behavior related "
			 "to OS signals",
			 at->keyword);
}

static void workdir_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	owned(str) char *path = lint_expanded(at->args[0], walk->file->escape, &stage->env);

	if (!stage->workdir && *path != '/')
		lint_add(walk->lint, LINT_WORKDIR_RELATIVE_PATH, at,
			 "Relative workdir \"%s\" can have unexpected results if the base image "
			 "changes",
			 path);
	stage->workdir = true;
}

static bool is_remote(const char *source)
{
	return starts_with(source, "http://") || starts_with(source, "https://") ||
	       starts_with(source, "git@") || starts_with(source, "git://") ||
	       starts_with(source, "ssh://");
}

static void copy_check(struct walk *walk, const struct stage *stage, const struct instruction *at)
{
	const struct ignore *ignore = walk->options->ignore;

	if (!ignore || instruction_flag(at, "from"))
		return;
	for (size_t i = 0; i + 1 < at->arg_count; i++) {
		owned(str) char *source =
			lint_expanded(at->args[i], walk->file->escape, &stage->env);

		/* the word as it is, whatever patterns may take back below it */
		if (!is_remote(source) && !instruction_heredoc(at, at->args[i]) &&
		    ignore_excludes(ignore, source))
			lint_add(walk->lint, LINT_COPY_IGNORED_FILE, at,
				 "Attempting to %s file \"%s\" that is excluded by .dockerignore",
				 at->kind == INSTRUCTION_ADD ? "Add" : "Copy", source);
	}
}

static void instruction_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	lint_words(walk, stage, at);
	switch (at->kind) {
	case INSTRUCTION_ARG:
		arg_check(walk, stage, at);
		break;
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
		pairs_check(walk, stage, at);
		break;
	case INSTRUCTION_EXPOSE:
		expose_check(walk, stage, at);
		break;
	case INSTRUCTION_STOPSIGNAL:
		stopsignal_check(walk, stage, at);
		break;
	case INSTRUCTION_CMD:
	case INSTRUCTION_ENTRYPOINT:
	case INSTRUCTION_HEALTHCHECK:
		command_check(walk, stage, at);
		break;
	case INSTRUCTION_WORKDIR:
		workdir_check(walk, stage, at);
		break;
	case INSTRUCTION_SHELL:
		stage->shell = true;
		break;
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		copy_check(walk, stage, at);
		break;
	default:
		break;
	}
}

/** What is seen where the file is read, and what is seen where a stage is built. */
static void instruction_lint(struct walk *walk, const struct instruction *at)
{
	struct stage *stage = walk->stage_count ? &walk->stages[walk->stage_count - 1] : NULL;

	lint_use(walk->lint, at);
	if (at->kind == INSTRUCTION_MAINTAINER)
		lint_add(walk->lint, LINT_MAINTAINER_DEPRECATED, at,
			 "Maintainer instruction is deprecated in favor of using label");
	if (at->kind == INSTRUCTION_ARG)
		arg_names(walk, at, stage ? NULL : &walk->declared);
	if (stage && !stage->is_left_out && walk->options->extent == LINT_ALL)
		instruction_check(walk, stage, at);
}

/** A FROM, and what it brings: that is told of in its line. */
static void stage_lint(struct walk *walk, const struct instruction *from)
{
	struct stage *stage;

	lint_from(walk, from);
	stage = &walk->stages[walk->stage_count - 1];
	for (size_t i = 0; i < stage->trigger_count && walk->options->extent == LINT_ALL; i++)
		instruction_check(walk, stage, stage->triggers[i]);
}

static result globals_fill(struct walk *walk, struct error *err)
{
	static const struct strings none = {};
	const struct lint_options *options = walk->options;
	const struct strings *given = options->build_args ? options->build_args : &none;
	struct platform host = platform_host();
	const struct platform *platform = options->platform ? options->platform : &host;

	if (globals_make(walk->file, given, platform, options->target, &walk->globals, err) ||
	    globals_make(walk->file, &none, platform, options->target, &walk->defaults, err))
		return FAILED;
	for (size_t i = 0; i < walk->globals.count; i++) {
		owned(str) char *name =
			xstrndup(walk->globals.items[i], strcspn(walk->globals.items[i], "="));

		strings_add(&walk->declared, name);
	}
	return OK;
}

result lint_stages(struct lint *lint, const struct dockerfile *dockerfile,
		   const struct lint_options *options, struct error *err)
{
	owned(walk) struct walk walk = { .lint = lint, .file = dockerfile, .options = options };

	if (globals_fill(&walk, err))
		return FAILED;
	for (size_t i = 0; i < dockerfile->instruction_count; i++) {
		const struct instruction *at = &dockerfile->instructions[i];

		if (at->kind == INSTRUCTION_FROM)
			stage_lint(&walk, at);
		else
			instruction_lint(&walk, at);
	}
	return OK;
}
