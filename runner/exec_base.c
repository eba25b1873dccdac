/* SPDX-License-Identifier: Apache-2.0 */
/**
 * FROM: an image of the store, else of its registry, for one platform; or nothing at all.
 */
#include "base/mem.h"
#include "base/progress.h"
#include "runner/exec.h"
#include "runner/layers.h"

#include <pthread.h>
#include <string.h>

static const char default_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** One pull at a time: two platforms of one base would fetch the same index twice. */
static pthread_mutex_t pull_lock = PTHREAD_MUTEX_INITIALIZER;

static struct digest files_key(const struct platform *platform, const struct snapshot *snapshot)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char text[PLATFORM_TEXT_MAX];

	hasher_add_str(hasher, "mpemu base 1");
	hasher_add_str(hasher, platform_text(platform, text));
	for (size_t i = 0; i < snapshot->layer_count; i++)
		hasher_add(hasher, snapshot->layers[i].diff_id.bytes,
			   sizeof(snapshot->layers[i].diff_id.bytes));
	return hasher_finish(hasher);
}

static result scratch_start(struct job *job)
{
	json_t *config = snapshot_config(job->snapshot);
	json_t *env = json_array();

	json_array_append_new(env, json_string(default_path));
	json_object_set_new(config, "Env", env);
	json_object_set_new(config, "WorkingDir", json_string("/"));
	strings_add(&job->snapshot->env, default_path);
	job->snapshot->files = files_key(job->step->platform, job->snapshot);
	return OK;
}

/** Take the manifest for the platform out of what a name stands for. */
static result choose(struct store *store, const struct descriptor *at,
		     const struct platform *platform, struct descriptor *out, struct error *err)
{
	owned(index) struct index index = {};

	if (index_read(store, at, &index, err) || index_choose(&index, platform, out, err))
		return FAILED;
	out->annotations = NULL; /* borrowed from the index, which goes now */
	return OK;
}

/** All platforms that steps of this build want of the same image, so that it is asked for once. */
static size_t wanted_platforms(const struct job *job, struct platform out[PLATFORMS_MAX])
{
	const struct plan *plan = job->build->plan;
	size_t count = 0;

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = plan->steps[i];
		bool known = false;

		if (step->kind != STEP_IMAGE || strcmp(step->image, job->step->image) != 0)
			continue;
		for (size_t j = 0; j < count; j++)
			known |= platform_equal(&out[j], step->platform);
		if (!known && count < PLATFORMS_MAX)
			out[count++] = *step->platform;
	}
	return count;
}

static result fetch(struct job *job, const struct reference *ref, struct descriptor *out,
		    struct error *err)
{
	const struct build *build = job->build;
	struct platform platforms[PLATFORMS_MAX];
	size_t count = wanted_platforms(job, platforms);
	char text[REFERENCE_TEXT_MAX];
	struct descriptor at;

	progress_note(build->ctx, "pulling %s", reference_text(ref, text));
	if (image_pull(build->ctx, build->store, ref, platforms, count, &build->request->transport,
		       &at, err))
		return FAILED;
	if (store_tag(build->store, ref, &at, err))
		return FAILED;
	return choose(build->store, &at, job->step->platform, out, err);
}

/** The name in the store, if it has this platform whole; `named` tells if the name is there. */
static result find_local(struct job *job, const struct reference *ref, struct descriptor *out,
			 bool *named, struct error *err)
{
	struct store *store = job->build->store;
	struct descriptor at;
	char text[DIGEST_TEXT_MAX];

	*named = false;
	if (store_resolve(store, ref, &at, err))
		return FAILED;
	*named = true;
	if (choose(store, &at, job->step->platform, out, err))
		return FAILED;
	if (!store_has(store, &out->digest))
		return fail(err, FAULT_MISSING, "manifest %s is missing from the store",
			    digest_text(&out->digest, text));
	return OK;
}

/**
 * The store first (unless --pull), then the registry: when the name is not there, or when it lacks
 * the platform, because another one was pulled before.
 */
static result find_manifest(struct job *job, const struct reference *ref, struct descriptor *out,
			    struct error *err)
{
	struct error missing = {};
	bool named = false;

	if (!job->build->request->pull) {
		if (!find_local(job, ref, out, &named, &missing))
			return OK;
		if (missing.fault != FAULT_MISSING) {
			*err = missing;
			return FAILED;
		}
	}
	if (!fetch(job, ref, out, err))
		return OK;
	/* For a local image, what the store said explains more than that no registry has it. */
	if (err->fault != FAULT_CANCELLED && missing.fault == FAULT_MISSING &&
	    (named || strcmp(ref->host, "localhost") == 0))
		*err = missing;
	return FAILED;
}

static result image_start(struct job *job, struct image *image, struct error *err)
{
	struct snapshot *snapshot = job->snapshot;
	struct json_at root, config;

	json_decref(snapshot->document);
	snapshot->document = json_deep_copy(image->config);
	snapshot->time =
		time_parse(json_string_value(json_object_get(snapshot->document, "created")));
	json_object_del(snapshot->document, "created");
	root = json_root(snapshot->document, "config");
	if (json_get(&root, "config", &config, err))
		return FAILED;
	if (config.value && json_get_strings(&config, "Env", 10000, &snapshot->env, err))
		return FAILED;
	if (config.value && json_array_size(json_object_get(config.value, "OnBuild")))
		return fail(err, FAULT_INPUT,
			    "the base image has ONBUILD triggers, which this version of mpemu does "
			    "not support yet");
	return OK;
}

static result exec_image(struct job *job, struct error *err)
{
	struct build *build = job->build;
	owned(image) struct image *image = NULL;
	struct descriptor manifest;
	struct reference ref;
	result found;

	if (reference_parse(job->step->image, &ref, err))
		return FAILED;
	pthread_mutex_lock(&pull_lock);
	found = find_manifest(job, &ref, &manifest, err);
	pthread_mutex_unlock(&pull_lock);
	if (found || image_read(build->store, &manifest, &image, err) ||
	    image_start(job, image, err))
		return fail_in(err, "FROM %s", job->step->image);
	for (size_t i = 0; i < image->layer_count; i++) {
		owned(buf) struct buf path = {};

		if (layer_prepare(build->ctx, build->store, build->request->root, &image->layers[i],
				  &job->snapshot->lowers, &path, err))
			return fail_in(err, "FROM %s: layer %zu", job->step->image, i + 1);
		snapshot_push(job->snapshot, &image->layers[i], buf_text(&path));
	}
	job->snapshot->base_layers = image->layer_count;
	job->snapshot->base_history =
		json_array_size(json_object_get(job->snapshot->document, "history"));
	job->snapshot->files = files_key(job->step->platform, job->snapshot);
	return OK;
}

result exec_base(struct job *job, struct error *err)
{
	return job->step->kind == STEP_SCRATCH ? scratch_start(job) : exec_image(job, err);
}
