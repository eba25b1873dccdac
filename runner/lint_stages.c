/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A walk over the stages that keeps what each one declares, sets and inherits.  Base images are
 * not looked at: their variables count as not set.
 */
#include "runner/lint_stages.h"
#include "registry/registry.h"
#include "runner/expand.h"

#include "base/mem.h"
#include "base/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct stage {
	char *name;              /* lower case, "" without */
	struct strings env;      /* set: ENV, and ARG with a value */
	struct strings declared; /* names of ARG */
	bool workdir, shell;
	const struct instruction *last[INSTRUCTION_COUNT];
};

struct walk {
	struct lint *lint;
	const struct dockerfile *file;
	const struct ignore *ignore;
	struct strings globals;  /* NAME=value */
	struct strings declared; /* names, also of those without a value */
	struct stage *stages;
	size_t stage_count;
};

static const char *const automatic[] = {
	"BUILDPLATFORM", "BUILDOS",        "BUILDOSVERSION", "BUILDARCH",
	"BUILDVARIANT",  "TARGETPLATFORM", "TARGETOS",       "TARGETOSVERSION",
	"TARGETARCH",    "TARGETVARIANT",  "TARGETSTAGE",
};

static const char *const secrets[] = { "apikey",   "auth",  "credential", "credentials", "key",
				       "password", "pword", "passwd",     "secret",      "token" };
static const char *const no_secrets[] = { "public", "file", "version" };

static void walk_drop(struct walk *walk)
{
	for (size_t i = 0; i < walk->stage_count; i++) {
		strings_drop(&walk->stages[i].env);
		strings_drop(&walk->stages[i].declared);
		free(walk->stages[i].name);
	}
	free(walk->stages);
	strings_drop(&walk->globals);
	strings_drop(&walk->declared);
}

/** Edits from a name to another, up to 3. */
static size_t name_distance(const char *a, const char *b)
{
	size_t row[64], width = strlen(b);

	if (strlen(a) >= countof(row) || width >= countof(row))
		return 3;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < width; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			best = diagonal + 1 < best ? diagonal + 1 : best;
			row[j + 1] = row[j] + 1 < best ? row[j] + 1 : best;
		}
	}
	return row[width];
}

/** " (did you mean $NAME?)", or nothing; entries may be NAME=value. */
static const char *suggestion(const char *name, const struct strings *known, const char *mark,
			      char out[96])
{
	size_t best = 3;

	out[0] = '\0';
	for (size_t i = 0; i < known->count; i++) {
		owned(str) char *other = xstrndup(known->items[i], strcspn(known->items[i], "="));
		size_t distance = name_distance(name, other);

		if (distance == 0 || distance >= best)
			continue;
		best = distance;
		snprintf(out, 96, " (did you mean %s%s?)", mark, other);
	}
	return out;
}

/** Warn of variables in a word that are neither set nor declared. */
static void check_word(struct walk *walk, const struct stage *stage, const struct instruction *at,
		       const char *word, char escape)
{
	owned(strings) struct strings unset = {};
	char hint[96];

	expand_unset(word, escape, &stage->env, &unset);
	for (size_t i = 0; i < unset.count; i++) {
		if (!strings_have(&stage->declared, unset.items[i]))
			lint_add(walk->lint, LINT_UNDEFINED_VAR, at,
				 "Usage of undefined variable '$%s'%s", unset.items[i],
				 suggestion(unset.items[i], &stage->env, "$", hint));
	}
}

static void check_flags(struct walk *walk, const struct stage *stage, const struct instruction *at,
			const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t cursor = 0;
		const struct flag *flag;

		while ((flag = instruction_next_flag(at, names[i], &cursor))) {
			if (flag->value)
				check_word(walk, stage, at, flag->value, walk->file->escape);
		}
	}
}

/** All words that this kind of instruction expands. */
static void check_variables(struct walk *walk, const struct stage *stage,
			    const struct instruction *at)
{
	static const char *const copy_flags[] = { "chown", "chmod", "checksum" };
	static const char *const run_flags[] = { "mount" };
	char escape = walk->file->escape;

	switch (at->kind) {
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		check_flags(walk, stage, at, copy_flags, countof(copy_flags));
		for (size_t i = 0; i < at->arg_count; i++) {
			if (!instruction_heredoc(at, at->args[i]))
				check_word(walk, stage, at, at->args[i], escape);
		}
		break;
	case INSTRUCTION_RUN:
		check_flags(walk, stage, at, run_flags, countof(run_flags));
		break;
	case INSTRUCTION_ARG:
		for (size_t i = 0; i < at->arg_count; i++) {
			struct pair pair = instruction_pair(at, i);

			if (pair.value)
				check_word(walk, stage, at, pair.value, escape);
		}
		break;
	case INSTRUCTION_ENV:
	case INSTRUCTION_EXPOSE:
	case INSTRUCTION_LABEL:
	case INSTRUCTION_STOPSIGNAL:
	case INSTRUCTION_USER:
	case INSTRUCTION_VOLUME:
	case INSTRUCTION_WORKDIR:
		for (size_t i = 0; i < at->arg_count; i++)
			check_word(walk, stage, at, at->args[i], escape);
		break;
	default:
		break;
	}
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

static void check_description(struct walk *walk, const struct instruction *at, const char *what,
			      const struct strings *names)
{
	owned(str) char *first = NULL;

	const char *comment = at->comment_count ? at->comments[at->comment_count - 1] : NULL;

	if (!comment || !names->count)
		return;
	first = xstrndup(comment, strcspn(comment, " "));
	if (!strings_have(names, first))
		lint_add(walk->lint, LINT_INVALID_DEFINITION_DESCRIPTION, at,
			 "Comment for %s should follow the format: `# %s <description>`", what,
			 names->count > 1 ? "<arg_key>" : names->items[0]);
}

/** The word expanded, or as it is where that fails. */
static char *expanded(const char *word, char escape, const struct strings *env)
{
	char *out = NULL;
	struct error ignored;

	if (expand_word(word, escape, env, 0, &out, &ignored))
		return xstrdup(word);
	return out;
}

/** Set and declare what an ARG says; without a default it takes the global value. */
static void arg_apply(struct walk *walk, const struct instruction *at, struct strings *env,
		      struct strings *declared)
{
	owned(strings) struct strings names = {};

	for (size_t i = 0; i < at->arg_count; i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = xstrndup(pair.name, pair.name_length), *value = NULL;

		if (pair.value)
			value = expanded(pair.value, walk->file->escape, env);
		else if (env_get(&walk->globals, name))
			value = xstrdup(env_get(&walk->globals, name));
		if (value)
			env_set(env, name, value);
		strings_add(declared, name);
		strings_add(&names, name);
		if (declared != &walk->declared)
			check_secret(walk, at, name);
	}
	check_description(walk, at, "ARG", &names);
}

static void pairs_check(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	owned(strings) struct strings old = {};

	strings_add_all(&old, stage->env.items);
	for (size_t i = 0; i < instruction_pair_count(at); i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = expanded(pair.name, walk->file->escape, &old);
		owned(str) char *value = expanded(pair.value, walk->file->escape, &old);

		if (!*at->args[3 * i + 2])
			lint_add(walk->lint, LINT_LEGACY_KEY_VALUE_FORMAT, at,
				 "\"%s key=value\" should be used instead of legacy \"%s key "
				 "value\" format",
				 at->keyword, at->keyword);
		if (at->kind != INSTRUCTION_ENV)
			continue;
		check_secret(walk, at, name);
		env_set(&stage->env, name, value);
	}
}

static void expose_check(struct walk *walk, const struct stage *stage, const struct instruction *at)
{
	for (size_t i = 0; i < at->arg_count; i++) {
		owned(str) char *text = expanded(at->args[i], walk->file->escape, &stage->env);
		const char *slash = strchr(text, '/');

		for (const char *c = slash; c && *c; c++) {
			if (!isupper((unsigned char)*c))
				continue;
			lint_add(walk->lint, LINT_EXPOSE_PROTO_CASING, at,
				 "Defined protocol '%s' in EXPOSE instruction should be lowercase",
				 text);
			break;
		}
		if (strchr(text, ':'))
			lint_add(walk->lint, LINT_EXPOSE_INVALID_FORMAT, at,
				 "EXPOSE instruction should not define an IP address or host-port "
				 "mapping, found '%s'",
				 text);
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
	owned(str) char *path = expanded(at->args[0], walk->file->escape, &stage->env);

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
	if (!walk->ignore || ignore_has_exceptions(walk->ignore) || instruction_flag(at, "from"))
		return;
	for (size_t i = 0; i + 1 < at->arg_count; i++) {
		owned(str) char *source = expanded(at->args[i], walk->file->escape, &stage->env);
		owned(buf) struct buf path = {};

		if (is_remote(source) || instruction_heredoc(at, at->args[i]))
			continue;
		ignore_clean_path(source, &path);
		if (ignore_excludes(walk->ignore, buf_text(&path) + (*path.data == '/')))
			lint_add(walk->lint, LINT_COPY_IGNORED_FILE, at,
				 "Attempting to %s file \"%s\" that is excluded by .dockerignore",
				 at->kind == INSTRUCTION_ADD ? "Add" : "Copy", buf_text(&path));
	}
}

static void from_words_check(struct walk *walk, const struct instruction *at, const char *word)
{
	owned(strings) struct strings unset = {};
	char hint[96];

	expand_unset(word, walk->file->escape, &walk->globals, &unset);
	for (size_t i = 0; i < unset.count; i++) {
		if (!strings_have(&walk->declared, unset.items[i]))
			lint_add(walk->lint, LINT_UNDEFINED_ARG_IN_FROM, at,
				 "FROM argument '%s' is not declared%s", unset.items[i],
				 suggestion(unset.items[i], &walk->declared, "", hint));
	}
}

static void platform_check(struct walk *walk, const struct stage *stage,
			   const struct instruction *at, const char *flag)
{
	struct platform platform;
	struct error ignored;

	from_words_check(walk, at, flag);
	if (strcmp(flag, "$TARGETPLATFORM") == 0 || strcmp(flag, "${TARGETPLATFORM}") == 0)
		lint_add(walk->lint, LINT_REDUNDANT_TARGET_PLATFORM, at,
			 "Setting platform to predefined %s in FROM is redundant as this is the "
			 "default behavior",
			 flag);
	if (strchr(flag, '$') || platform_parse(flag, &platform, &ignored) ||
	    strstr(stage->name, platform.os) || strstr(stage->name, platform.arch))
		return;
	lint_add(walk->lint, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, at,
		 "FROM --platform flag should not use constant value \"%s\"", flag);
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
	if (strcmp(stage->name, "context") == 0 || strcmp(stage->name, "scratch") == 0)
		lint_add(walk->lint, LINT_RESERVED_STAGE_NAME, at,
			 "Stage name should not use the same name as reserved stage \"%s\"",
			 stage->name);
	for (size_t i = 0; i + 1 < walk->stage_count; i++) {
		if (strcmp(walk->stages[i].name, stage->name) == 0) {
			lint_add(walk->lint, LINT_DUPLICATE_STAGE_NAME, at,
				 "Duplicate stage name \"%s\", stage names should be unique",
				 stage->name);
			break;
		}
	}
	strings_add(&names, stage->name);
	check_description(walk, at, "FROM", &names);
}

/** Take over what the stage is based on; an image brings only a PATH, as far as we know. */
static void stage_inherit(struct walk *walk, struct stage *stage, const char *base)
{
	for (size_t i = walk->stage_count - 1; i-- > 0;) {
		const struct stage *parent = &walk->stages[i];

		if (!*parent->name || strcasecmp(parent->name, base) != 0)
			continue;
		strings_add_all(&stage->env, parent->env.items);
		strings_add_all(&stage->declared, parent->declared.items);
		stage->workdir = parent->workdir;
		stage->shell = parent->shell;
		return;
	}
	strings_add(&stage->env, "PATH=" DEFAULT_PATH);
}

static void from_check(struct walk *walk, const struct instruction *at)
{
	const char *flag = instruction_flag(at, "platform");
	owned(str) char *base = expanded(at->args[0], walk->file->escape, &walk->globals);
	struct stage *stage;
	struct reference reference;
	struct error ignored;

	array_grow(walk->stages, walk->stage_count);
	stage = &walk->stages[walk->stage_count++];
	*stage = (struct stage){ .name = xstrdup(at->arg_count == 3 ? at->args[2] : "") };
	for (char *c = stage->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	from_words_check(walk, at, at->args[0]);
	if (reference_parse(base, &reference, &ignored))
		lint_add(walk->lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, at,
			 "Default value for ARG %s results in empty or invalid base image name",
			 at->args[0]);
	if (*stage->name)
		stage_name_check(walk, stage, at);
	if (flag)
		platform_check(walk, stage, at, flag);
	stage_inherit(walk, stage, base);
}

static void instruction_lint(struct walk *walk, struct stage *stage, const struct instruction *at)
{
	check_variables(walk, stage, at);
	switch (at->kind) {
	case INSTRUCTION_ARG:
		arg_apply(walk, at, &stage->env, &stage->declared);
		break;
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
		pairs_check(walk, stage, at);
		break;
	case INSTRUCTION_EXPOSE:
		expose_check(walk, stage, at);
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
	case INSTRUCTION_MAINTAINER:
		lint_add(walk->lint, LINT_MAINTAINER_DEPRECATED, at,
			 "Maintainer instruction is deprecated in favor of using label");
		break;
	default:
		break;
	}
}

static void globals_fill(struct walk *walk)
{
	struct platform host = platform_host();
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < countof(automatic); i++) {
		const char *name = automatic[i];
		const char *value = ends_with(name, "PLATFORM")  ? platform_text(&host, text)
				    : ends_with(name, "OS")      ? host.os
				    : ends_with(name, "ARCH")    ? host.arch
				    : ends_with(name, "VARIANT") ? host.variant
								 : "";

		env_set(&walk->globals, name, value);
		strings_add(&walk->declared, name);
	}
}

void lint_stages(struct lint *lint, const struct dockerfile *dockerfile,
		 const struct ignore *ignore)
{
	owned(walk) struct walk walk = { .lint = lint, .file = dockerfile, .ignore = ignore };

	globals_fill(&walk);
	for (size_t i = 0; i < dockerfile->instruction_count; i++) {
		const struct instruction *at = &dockerfile->instructions[i];

		if (at->kind == INSTRUCTION_FROM)
			from_check(&walk, at);
		else if (walk.stage_count)
			instruction_lint(&walk, &walk.stages[walk.stage_count - 1], at);
		else if (at->kind == INSTRUCTION_ARG)
			arg_apply(&walk, at, &walk.globals, &walk.declared);
	}
}
