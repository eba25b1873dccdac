/* SPDX-License-Identifier: Apache-2.0 */
/**
 * FROM: an image of the store, else of its registry, for one platform; or nothing at all.
 */
#include "base/mem.h"
#include "runner/base_config.h"
#include "runner/bases.h"
#include "runner/exec.h"
#include "runner/layers.h"

#include <string.h>

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

/** Programs find others wherever they come from; those of Windows ask their registry. */
static void path_ensure(const struct job *job)
{
	struct snapshot *snapshot = job->snapshot;
	json_t *config = snapshot_config(snapshot), *list = json_object_get(config, "Env");

	if (env_get(&snapshot->env, "PATH") || strcmp(job->step->platform->os, "windows") == 0)
		return;
	if (!list) {
		list = json_array();
		json_object_set_new(config, "Env", list);
	}
	json_array_append_new(list, json_string("PATH=" DEFAULT_PATH));
	strings_add(&snapshot->env, "PATH=" DEFAULT_PATH);
}

void scratch_start(struct job *job)
{
	path_ensure(job);
	json_object_set_new(snapshot_config(job->snapshot), "WorkingDir", json_string("/"));
	job->snapshot->files = files_key(job->step->platform, job->snapshot);
}

static result image_start(struct job *job, struct image *image, struct error *err)
{
	struct snapshot *snapshot = job->snapshot;
	struct json_at config;
	json_t *document;

	if (base_config_take(image->config, &document, err))
		return FAILED;
	json_decref(snapshot->document);
	snapshot->document = document;
	config = json_root(snapshot_config(snapshot), "config.config");
	if (json_get_strings(&config, "Env", 10000, &snapshot->env, err))
		return FAILED;
	path_ensure(job);
	/* The plan has them as steps of this stage; children of this one have no part in them. */
	json_object_del(snapshot_config(snapshot), "OnBuild");
	return OK;
}

static result exec_image(struct job *job, struct error *err)
{
	struct build *build = job->build;
	owned(image) struct image *image = NULL;

	if (base_image(build, job->step->image, job->step->platform, &image, err) ||
	    image_start(job, image, err))
		return fail_in(err, "FROM %s", job->step->image);
	for (size_t i = 0; i < image->layer_count; i++) {
		owned(buf) struct buf path = {};

		/* Keys need what the layers are called, not what is in them. */
		if (job->extent == EXTENT_ALL &&
		    layer_prepare(build->ctx, build->store, build->request->root, &image->layers[i],
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
	if (job->step->kind == STEP_IMAGE)
		return exec_image(job, err);
	scratch_start(job);
	return OK;
}
