/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Instructions that change the image's config only: ARG ENV LABEL EXPOSE USER CMD ENTRYPOINT ...
 */
#include "base/mem.h"
#include "runner/exec.h"
#include "runner/expand.h"
#include "runner/gotext.h"
#include "runner/ports.h"
#include "runner/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ARG ---- */

/** Arguments that are never put into the environment: they speak to a scanner of the result. */
static bool speaks_to_builder(const char *name)
{
	return strcmp(name, "BUILDKIT_SBOM_SCAN_CONTEXT") == 0 ||
	       strcmp(name, "BUILDKIT_SBOM_SCAN_STAGE") == 0;
}

/** --build-arg, else the default, else what the global ARG or the platform gave. */
static result arg_value(const struct job *job, const struct pair *pair, const char *name,
			char **out, struct error *err)
{
	const char *given = env_get(&job->build->request->build_args, name);

	if (!given && pair->value)
		return job_expand(job, pair->value, out, err);
	if (!given)
		given = env_get(job->step->globals, name);
	*out = given ? xstrdup(given) : NULL;
	return OK;
}

/** Keep one entry a name, at the place where it was first declared. */
static void args_declare(struct strings *args, const char *name, const char *value)
{
	for (size_t i = 0; i < args->count; i++) {
		size_t length = strcspn(args->items[i], "=");

		if (strlen(name) != length || strncmp(args->items[i], name, length) != 0)
			continue;
		free(args->items[i]);
		args->items[i] = value ? xasprintf("%s=%s", name, value) : xstrdup(name);
		return;
	}
	if (value)
		strings_printf(args, "%s=%s", name, value);
	else
		strings_add(args, name);
}

static result exec_arg(struct job *job, struct error *err)
{
	const struct instruction *instruction = job->step->instruction;
	owned(buf) struct buf history = {};

	buf_add_str(&history, "ARG");
	for (size_t i = 0; i < instruction_pair_count(instruction); i++) {
		struct pair pair = instruction_pair(instruction, i);
		owned(str) char *name = xstrndup(pair.name, pair.name_length), *value = NULL;

		if (arg_value(job, &pair, name, &value, err))
			return FAILED;
		if (value && !speaks_to_builder(name))
			env_set(&job->snapshot->env, name, value);
		args_declare(&job->snapshot->args, name, value);
		buf_printf(&history, " %s%s%s", name, value ? "=" : "", value ? value : "");
	}
	job_history(job, false, "%s", buf_text(&history));
	return OK;
}

/* ---- ENV, LABEL ---- */

/** Set NAME=value in the config's Env list, keeping the place of an old one. */
static void config_env_set(struct snapshot *snapshot, const char *name, const char *value)
{
	json_t *config = snapshot_config(snapshot), *list = json_object_get(config, "Env");
	owned(str) char *entry = xasprintf("%s=%s", name, value);
	size_t length = strlen(name);

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(config, "Env", list);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *old = json_string_value(json_array_get(list, i));

		/* A base may have names without a value. */
		if (old && strncmp(old, entry, length) == 0 &&
		    (!old[length] || old[length] == '=')) {
			json_array_set_new(list, i, json_from_text(entry));
			return;
		}
	}
	json_array_append_new(list, json_from_text(entry));
}

static void config_label_set(struct snapshot *snapshot, const char *name, const char *value)
{
	json_t *config = snapshot_config(snapshot), *labels = json_object_get(config, "Labels");

	if (!json_is_object(labels)) {
		labels = json_object();
		json_object_set_new(config, "Labels", labels);
	}
	json_object_set_new(labels, name, json_from_text(value));
}

/** All words of one line see the variables as they were before it. */
static result pairs_expand(const struct job *job, struct strings *names, struct strings *values,
			   struct error *err)
{
	const struct instruction *instruction = job->step->instruction;

	for (size_t i = 0; i < instruction_pair_count(instruction); i++) {
		struct pair pair = instruction_pair(instruction, i);
		owned(str) char *raw = xstrndup(pair.name, pair.name_length);
		owned(str) char *name = NULL, *value = NULL;

		if (job_expand(job, raw, &name, err) ||
		    job_expand(job, pair.value ? pair.value : "", &value, err))
			return FAILED;
		strings_add(names, name);
		strings_add(values, value);
	}
	return OK;
}

static void env_pair_set(struct snapshot *snapshot, const char *name, const char *value)
{
	env_set(&snapshot->env, name, value);
	config_env_set(snapshot, name, value);
}

/** Expand all pairs, set each, and write the line of the history. */
static result exec_pairs(struct job *job, const char *keyword,
			 void (*set)(struct snapshot *, const char *, const char *),
			 struct error *err)
{
	owned(strings) struct strings names = {}, values = {};
	owned(buf) struct buf history = {};

	if (pairs_expand(job, &names, &values, err))
		return FAILED;
	buf_add_str(&history, keyword);
	for (size_t i = 0; i < names.count; i++) {
		if (!*names.items[i])
			return fail(err, FAULT_INPUT, "%s names can not be blank", keyword);
		set(job->snapshot, names.items[i], values.items[i]);
		buf_printf(&history, " %s=%s", names.items[i], values.items[i]);
	}
	job_history(job, false, "%s", buf_text(&history));
	return OK;
}

/* ---- lists: EXPOSE, VOLUME, SHELL, CMD, ENTRYPOINT ---- */

/** The words of EXPOSE sorted as written, then expanded: $PORTS may become several. */
static result words_expand(const struct job *job, struct strings *out, struct error *err)
{
	owned(strings) struct strings words = {};

	strings_add_all(&words, (char *const *)job->step->instruction->args);
	strings_sort(&words);
	for (size_t i = 0; i < words.count; i++) {
		if (expand_words(words.items[i], job->build->dockerfile->escape,
				 &job->snapshot->env, 0, out, err))
			return FAILED;
	}
	return OK;
}

/** Add each word as a key with an empty object, as the config has sets. */
static void config_set_add(struct snapshot *snapshot, const char *key, const struct strings *words)
{
	json_t *config = snapshot_config(snapshot), *set = json_object_get(config, key);

	if (!json_is_object(set)) {
		set = json_object();
		json_object_set_new(config, key, set);
	}
	for (size_t i = 0; i < words->count; i++) {
		owned(json) json_t *name = json_from_text(words->items[i]);

		json_object_set_new(set, json_string_value(name), json_object());
	}
}

static result exec_expose(struct job *job, struct error *err)
{
	owned(strings) struct strings words = {}, ports = {};
	owned(buf) struct buf history = {};

	if (words_expand(job, &words, err))
		return FAILED;
	for (size_t i = 0; i < words.count; i++) {
		struct port_range range;

		if (port_parse(words.items[i], &range, err))
			return fail_in(err, "EXPOSE");
		port_range_list(&range, &ports);
	}
	config_set_add(job->snapshot, "ExposedPorts", &ports);
	go_list(&history, &ports, false);
	job_history(job, false, "EXPOSE %s", buf_text(&history));
	return OK;
}

static result exec_volume(struct job *job, struct error *err)
{
	const struct instruction *instruction = job->step->instruction;
	owned(strings) struct strings words = {};
	owned(buf) struct buf history = {};

	for (size_t i = 0; i < instruction->arg_count; i++) {
		const char *arg = instruction->args[i];
		size_t length = strlen(arg), start = space_prefix(arg, length);
		owned(str) char *bare =
			xstrndup(arg + start, space_trimmed(arg + start, length - start));
		owned(str) char *word = NULL;

		if (job_expand(job, bare, &word, err))
			return FAILED;
		if (!*word)
			return fail(err, FAULT_INPUT,
				    "VOLUME specified can not be an empty string");
		strings_add(&words, word);
	}
	config_set_add(job->snapshot, "Volumes", &words);
	go_list(&history, &words, false);
	job_history(job, false, "VOLUME %s", buf_text(&history));
	return OK;
}

static result exec_shell(struct job *job, struct error *err)
{
	owned(strings) struct strings words = {};
	owned(buf) struct buf history = {};

	(void)err;
	strings_add_all(&words, (char *const *)job->step->instruction->args);
	json_object_set_new(snapshot_config(job->snapshot), "Shell", json_from_strings(&words));
	go_list(&history, &words, false);
	job_history(job, false, "SHELL %s", buf_text(&history));
	return OK;
}

static result exec_cmd(struct job *job, struct error *err)
{
	json_t *config = snapshot_config(job->snapshot);
	owned(strings) struct strings words = {};
	owned(buf) struct buf history = {};

	(void)err;
	job_command(job, &words);
	if (words.count)
		json_object_set_new(config, "Cmd", json_from_strings(&words));
	else
		json_object_del(config, "Cmd"); /* an empty list is not written */
	json_object_set_new(config, "ArgsEscaped", json_true());
	job->snapshot->has_command = true;
	go_list(&history, &words, true);
	job_history(job, false, "CMD %s", buf_text(&history));
	return OK;
}

static result exec_entrypoint(struct job *job, struct error *err)
{
	json_t *config = snapshot_config(job->snapshot);
	owned(strings) struct strings words = {};
	owned(buf) struct buf history = {};

	(void)err;
	job_command(job, &words);
	if (words.count)
		json_object_set_new(config, "Entrypoint", json_from_strings(&words));
	else
		json_object_del(config, "Entrypoint");
	/* A CMD of the base belongs to the base's entry point. */
	if (!job->snapshot->has_command)
		json_object_del(config, "Cmd");
	go_list(&history, &words, true);
	job_history(job, false, "ENTRYPOINT %s", buf_text(&history));
	return OK;
}

/* ---- one word: USER, MAINTAINER; ONBUILD ---- */

static result exec_word(struct job *job, const char *key, const char *name, struct error *err)
{
	owned(str) char *word = NULL;

	if (job_expand(job, job->step->instruction->args[0], &word, err))
		return FAILED;
	if (*word)
		json_object_set_new(snapshot_config(job->snapshot), key, json_from_text(word));
	else
		json_object_del(snapshot_config(job->snapshot), key);
	job_history(job, false, "%s %s", name, word);
	return OK;
}

static result exec_maintainer(struct job *job)
{
	const char *author = job->step->instruction->args[0];

	if (*author)
		json_object_set_new(job->snapshot->document, "author", json_from_text(author));
	else
		json_object_del(job->snapshot->document, "author");
	job_history(job, false, "MAINTAINER %s", author);
	return OK;
}

/** Kept as written for the children of this image; the history does not know of it. */
static result exec_onbuild(struct job *job)
{
	json_t *config = snapshot_config(job->snapshot), *list = json_object_get(config, "OnBuild");
	owned(buf) struct buf text = {};

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(config, "OnBuild", list);
	}
	instruction_trigger_text(job->step->instruction, &text);
	json_array_append_new(list, json_from_text(buf_text(&text)));
	return OK;
}

result exec_config(struct job *job, struct error *err)
{
	switch (job->step->instruction->kind) {
	case INSTRUCTION_ARG:
		return exec_arg(job, err);
	case INSTRUCTION_ENV:
		return exec_pairs(job, "ENV", env_pair_set, err);
	case INSTRUCTION_LABEL:
		return exec_pairs(job, "LABEL", config_label_set, err);
	case INSTRUCTION_EXPOSE:
		return exec_expose(job, err);
	case INSTRUCTION_VOLUME:
		return exec_volume(job, err);
	case INSTRUCTION_SHELL:
		return exec_shell(job, err);
	case INSTRUCTION_CMD:
		return exec_cmd(job, err);
	case INSTRUCTION_ENTRYPOINT:
		return exec_entrypoint(job, err);
	case INSTRUCTION_USER:
		return exec_word(job, "User", "USER", err);
	case INSTRUCTION_STOPSIGNAL:
		return exec_stopsignal(job, err);
	case INSTRUCTION_HEALTHCHECK:
		return exec_healthcheck(job, err);
	case INSTRUCTION_ONBUILD:
		return exec_onbuild(job);
	case INSTRUCTION_MAINTAINER:
		return exec_maintainer(job);
	default:
		/* The plan lets nothing else through. */
		return fail(err, FAULT_INPUT, "%s is not supported yet by this version of mpemu",
			    job->step->instruction->name);
	}
}
