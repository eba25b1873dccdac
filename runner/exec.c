/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/exec.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/cache_import.h"
#include "runner/expand.h"
#include "runner/flights.h"
#include "runner/history.h"
#include "runner/layers.h"
#include "runner/plan_support.h"
#include "runner/workdir.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

result job_below_open(struct job *job, struct error *err)
{
	const struct strings *lowers = &job->snapshot->lowers;

	if (job->below_fd >= 0 || !lowers->count)
		return OK;
	return overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL,
			    &job->below_fd, err);
}

/** Leave in upper what it changes of the layers below; a layer for any stack is left alone. */
static result upper_settle(struct job *job, int upper_fd, struct error *err)
{
	if (job->stands_alone || !job->snapshot->lowers.count)
		return OK;
	return job_below_open(job, err)
		       ? FAILED
		       : layer_settle(job->build->ctx, upper_fd, job->below_fd, err);
}

/** Pack what is in upper as a blob, and let upper become the layer's directory. */
static result layer_commit(struct job *job, const char *upper, struct layer *out, struct error *err)
{
	const struct build *build = job->build;
	const struct diff_options options = {
		.compression = COMPRESSION_GZIP,
		.epoch = -1,
		.bytes_max = build->request->resources.layer,
	};
	owned(blob_writer) struct blob_writer *writer = NULL;
	owned(fd) int upper_fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct layer_info info = {};

	if (upper_fd < 0)
		return fail_sys(err, "open %s", upper);
	if (upper_settle(job, upper_fd, err) || blob_writer_new(build->store, &writer, err) ||
	    layer_diff(build->ctx, upper_fd, &options, blob_writer_fd(writer), &info, err) ||
	    blob_writer_commit(take(writer), &info.blob, err) ||
	    layer_adopt(build->request->root, &info.diff_id, upper, err))
		return FAILED;
	*out = (struct layer){
		.blob = {
			.media = media_of_layer(options.compression),
			.size = info.blob_size,
			.digest = info.blob,
		},
		.diff_id = info.diff_id,
	};
	return OK;
}

/** The root directory looks as it did below, whatever a fresh upper looks like. */
static result root_inherit(const struct job *job, const char *upper, struct error *err)
{
	struct stat status;

	if (!job->snapshot->lowers.count)
		return OK;
	if (stat(job->snapshot->lowers.items[0], &status) < 0)
		return fail_sys(err, "stat %s", job->snapshot->lowers.items[0]);
	if (chown(upper, status.st_uid, status.st_gid) < 0 ||
	    chmod(upper, status.st_mode & 07777) < 0)
		return fail_sys(err, "set owner of %s", upper);
	return OK;
}

static result layer_try(struct job *job, const struct digest *key, layer_maker *make, void *closure,
			struct made *out, struct error *err)
{
	owned(workdir) struct workdir *dir = NULL;
	owned(str) char *upper = NULL;

	if (workdir_spare(job->build->request->root, &dir, err))
		return FAILED;
	workdir_tidy(dir);
	upper = xasprintf("%s/upper", workdir_path(dir));
	if (root_inherit(job, upper, err) || make(job, workdir_path(dir), closure, err) ||
	    cancel_check(job->build->ctx, err) || layer_commit(job, upper, &out->layer, err))
		return FAILED;
	out->time = job->build->time;
	return cache_record(job->build->cache, key, out, job->step->name, err);
}

static result layer_make(struct job *job, const struct digest *key, layer_maker *make,
			 void *closure, struct made *out, struct error *err)
{
	struct error first = {};
	result done;

	job->crashed = false;
	done = layer_try(job, key, make, closure, out, &first);
	overlay_drop(&job->below_fd);
	if (!done)
		return OK;
	if (!job->crashed || cancel_fired(job->build->ctx->cancel)) {
		*err = first;
		return FAILED;
	}
	(job->refuse_long_double ? progress_note : progress_warn)(
		job->build->ctx, "%s: %s; once more, from a clean snapshot", job->step->name,
		first.text);
	done = layer_try(job, key, make, closure, out, err);
	overlay_drop(&job->below_fd);
	return done;
}

/** A layer from the cache counts only while its blob is in the store; else others may have it. */
static result layer_known(const struct job *job, const struct digest *key, struct made *out,
			  bool *found, struct error *err)
{
	const struct build *build = job->build;

	*found = false;
	if (build->request->no_cache || job->step->no_cache)
		return OK;
	if (cache_lookup(build->cache, key, out, found, err))
		return FAILED;
	*found = *found && store_has(build->store, &out->layer.blob.digest);
	if (*found || !imports_find(build->imports, build->ctx, build->store, key, out))
		return OK;
	*found = true;
	return cache_record(build->cache, key, out, job->step->name, err);
}

/**
 * What stands behind a step that runs in spite of the cache depends on what it makes this time
 * (`layer`); and nobody shares its run who would have taken an older result (NULL).
 */
static struct digest fresh_key(const struct digest *key, const struct layer *layer)
{
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu fresh 1");
	hasher_add(hasher, key->bytes, sizeof(key->bytes));
	if (layer)
		hasher_add(hasher, layer->diff_id.bytes, sizeof(layer->diff_id.bytes));
	return hasher_finish(hasher);
}

static result layer_obtain(struct job *job, const struct digest *key, layer_maker *make,
			   void *closure, struct made *made, struct error *err)
{
	const struct digest flight = job->step->no_cache ? fresh_key(key, NULL) : *key;
	struct flights *flights = job->build->flights;
	bool found;

	if (flight_board(flights, &flight, made)) {
		job->cached = true;
		return OK;
	}
	if (layer_known(job, key, made, &found, err) ||
	    (!found && layer_make(job, key, make, closure, made, err))) {
		flight_land(flights, &flight, NULL);
		return FAILED;
	}
	flight_land(flights, &flight, made);
	job->cached = found;
	return OK;
}

static result layer_forecast(struct job *job, const struct digest *key, struct error *err)
{
	bool found = false;
	struct made made;

	if (job->extent == EXTENT_LAYER && layer_known(job, key, &made, &found, err))
		return FAILED;
	job->missed = !found;
	job->snapshot->files = *key;
	return OK;
}

result job_asked_find(const struct job *job, const struct digest *asked, struct digest *key,
		      bool *found, struct error *err)
{
	owned(buf) struct buf text = {};
	struct error ignored = {};

	if (cache_note_find(job->build->cache, asked, &text, found, err))
		return FAILED;
	*found = (*found && !digest_parse(buf_text(&text), key, &ignored)) ||
		 imports_asked(job->build->imports, asked, key);
	return OK;
}

result job_asked_keep(const struct job *job, const struct digest *asked, const struct digest *key,
		      struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	job->snapshot->asked = *asked;
	return cache_note_keep(job->build->cache, asked, digest_text(key, text), err);
}

/** "[build 2/7] COPY a /b", with the variables expanded where that can be done. */
static char *maker_text(const struct job *job)
{
	const struct step *step = job->step;
	owned(str) char *text = NULL;
	struct error ignored = {};

	if (job->maker)
		return xstrdup(job->maker);
	if (job_expand(job, step->instruction->original, &text, &ignored))
		text = xstrdup(step->instruction->original);
	for (char *c = text; *c && *c != ' '; c++)
		*c = (char)toupper((unsigned char)*c);
	return xasprintf("%s%s", step->mark ? step->mark : "", text);
}

result job_layer(struct job *job, const struct digest *key, layer_maker *make, void *closure,
		 struct error *err)
{
	const struct build *build = job->build;
	owned(buf) struct buf path = {};
	owned(str) char *maker = NULL;
	struct made made = {};

	if (job->extent != EXTENT_ALL)
		return layer_forecast(job, key, err);
	if (layer_obtain(job, key, make, closure, &made, err) ||
	    layer_prepare(build->ctx, build->store, build->request->root, &made.layer,
			  &job->snapshot->lowers, &path, err))
		return FAILED;
	snapshot_push(job->snapshot, &made.layer, buf_text(&path));
	maker = maker_text(job);
	strings_add(&job->snapshot->makers, maker);
	job->snapshot->time = made.time;
	job->snapshot->key = *key;
	job->snapshot->files = job->step->no_cache ? fresh_key(key, &made.layer) : *key;
	return OK;
}

result job_root_open(const struct job *job, const char *workdir, int *root_fd, struct error *err)
{
	owned(str) char *upper = xasprintf("%s/upper", workdir);
	owned(str) char *work = xasprintf("%s/work", workdir);

	return overlay_open((const char *const *)job->snapshot->lowers.items,
			    job->snapshot->lowers.count, upper, work, root_fd, err);
}

/* ---- small things that all instructions share ---- */

result job_expand(const struct job *job, const char *word, char **out, struct error *err)
{
	return expand_word(word, job->build->dockerfile->escape, &job->snapshot->env, 0, out, err);
}

void job_command(const struct job *job, struct strings *out)
{
	const struct instruction *instruction = job->step->instruction;
	struct json_at config =
		json_root(json_object_get(job->snapshot->document, "config"), "config");
	struct error ignored = {};

	/* A SHELL that is no list of strings counts as none. */
	if (!instruction->json &&
	    (!config.value || json_get_strings(&config, "Shell", 1000, out, &ignored) ||
	     !out->count)) {
		strings_add(out, "/bin/sh");
		strings_add(out, "-c");
	}
	strings_add_all(out, (char *const *)instruction->args);
	/* Nothing at all is still a command for the shell. */
	if (!instruction->json && !instruction->arg_count)
		strings_add(out, "");
}

void job_history(const struct job *job, bool has_layer, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	history_add(job->snapshot, text, has_layer);
	free(text);
}

char *path_in(const char *workdir, const char *path)
{
	owned(str) char *whole = xasprintf("%s/%s", *path == '/' ? "" : workdir, path);

	return path_absolute(whole);
}

/* ---- dispatch ---- */

static result exec_instruction(struct job *job, struct error *err)
{
	switch (job->step->instruction->kind) {
	case INSTRUCTION_RUN:
		return exec_run(job, err);
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		return exec_copy(job, err);
	case INSTRUCTION_WORKDIR:
		return exec_workdir(job, err);
	default:
		return exec_config(job, err);
	}
}

/**
 * FROM of a stage: variables of ARG come along, but that of an ENV counts again where both have the
 * same name; CMD counts as inherited, ONBUILD is planned.
 */
static result exec_stage(struct job *job)
{
	json_t *config = snapshot_config(job->snapshot), *entry;
	size_t i;

	json_array_foreach(json_object_get(config, "Env"), i, entry)
	{
		const char *text = json_string_value(entry),
			   *equals = text ? strchr(text, '=') : NULL;
		owned(str) char *name = equals ? xstrndup(text, (size_t)(equals - text)) : NULL;

		if (name)
			env_set(&job->snapshot->env, name, equals + 1);
	}
	job->snapshot->has_command = false;
	json_object_del(config, "OnBuild");
	return OK;
}

static result job_execute(struct job *job, struct error *err)
{
	switch (job->step->kind) {
	case STEP_SCRATCH:
	case STEP_IMAGE:
		return exec_base(job, err);
	case STEP_FILES:
		return exec_files(job, err);
	case STEP_STAGE:
		return exec_stage(job);
	case STEP_INSTRUCTION:
		return exec_instruction(job, err);
	}
	return fail(err, FAULT_SYSTEM, "step of unknown kind");
}

static bool only_configures(const struct step *step)
{
	return step->kind == STEP_INSTRUCTION && !instruction_makes_layer(step->instruction);
}

/**
 * What the step begins with.  In a row of instructions that only change the config, nobody but the
 * next one looks at what one of them left, and thousands of copies would be as many times as large.
 */
static struct snapshot *snapshot_start(const struct step *step)
{
	struct step *previous = step->previous;

	if (!previous)
		return snapshot_new();
	if (!only_configures(step) || !only_configures(previous) || previous->dependant_count > 1)
		return snapshot_copy(previous->result);
	previous->passed_on = true;
	previous->result->is_forecast = false;
	return take(previous->result);
}

result step_execute(struct build *build, const struct step *step, struct snapshot **out,
		    bool *cached, struct error *err)
{
	owned(snapshot) struct snapshot *snapshot = snapshot_start(step);
	struct job job = { .build = build, .step = step, .snapshot = snapshot, .below_fd = -1 };

	if (cancel_check(build->ctx, err))
		return FAILED;
	if (job_execute(&job, err)) {
		char text[PLATFORM_TEXT_MAX];

		return fail_in(err, "%s: %s:%u", platform_text(step->target, text),
			       build->dockerfile->name, step->instruction->first_line);
	}
	*out = take(snapshot);
	*cached = job.cached;
	return OK;
}

result step_forecast(struct build *build, const struct step *step, bool wants_layer,
		     struct snapshot **out, bool *known, struct error *err)
{
	owned(snapshot) struct snapshot *snapshot = snapshot_start(step);
	struct job job = {
		.build = build,
		.step = step,
		.snapshot = snapshot,
		.extent = wants_layer ? EXTENT_LAYER : EXTENT_KEY,
		.below_fd = -1,
	};

	if (cancel_check(build->ctx, err) || job_execute(&job, err))
		return FAILED;
	snapshot->is_forecast = true;
	*known = !job.missed;
	*out = take(snapshot);
	return OK;
}
