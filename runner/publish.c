/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/publish.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/archive.h"
#include "runner/summary.h"

#include <string.h>
#include <strings.h>

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* ---- images ---- */

/** Every config has a PATH, as BuildKit sees to. */
static void path_ensure(json_t *config)
{
	json_t *list = json_object_get(config, "Env");
	owned(str) char *entry = xasprintf("PATH=%s", default_path);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *old = json_string_value(json_array_get(list, i));

		if (old && starts_with(old, "PATH="))
			return;
	}
	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(config, "Env", list);
	}
	json_array_append_new(list, json_string(entry));
}

static void labels_apply(json_t *config, const struct strings *labels)
{
	json_t *object = json_object_get(config, "Labels");

	if (!labels->count)
		return;
	if (!json_is_object(object)) {
		object = json_object();
		json_object_set_new(config, "Labels", object);
	}
	for (size_t i = 0; i < labels->count; i++) {
		const char *label = labels->items[i];
		owned(str) char *name = xstrndup(label, strcspn(label, "="));
		const char *value = label + strlen(name);

		json_object_set_new(object, name, json_from_text(*value ? value + 1 : ""));
	}
}

static result image_publish(const struct build *build, const struct step *final,
			    struct descriptor *out, struct error *err)
{
	owned(snapshot) struct snapshot *snapshot = snapshot_copy(final->result);
	owned(image) struct image *image = image_new(final->target);
	owned(str) char *created = time_text(snapshot->time ? snapshot->time : build->time);
	json_t *config = snapshot_config(snapshot);

	path_ensure(config);
	labels_apply(config, build->request->labels);
	json_object_set_new(snapshot->document, "created", json_string(created));
	json_decref(image->config);
	image->config = json_incref(snapshot->document);
	image->layers = take(snapshot->layers);
	image->layer_count = snapshot->layer_count;
	return image_write(build->store, image, NULL, out, err);
}

/** An index around a single image too, as BuildKit makes where this is set. */
static bool wants_index(const struct build *build)
{
	const char *value = env_get(&build->request->build_args, "BUILDKIT_MULTI_PLATFORM");

	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}

static result index_publish(const struct build *build, struct descriptor manifests[PLATFORMS_MAX],
			    struct descriptor *out, struct error *err)
{
	struct descriptor present[PLATFORMS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < build->plan->final_count; i++) {
		/* An optional platform that failed. */
		if (!build->plan->finals[i]->result)
			continue;
		if (image_publish(build, build->plan->finals[i], &manifests[i], err))
			return FAILED;
		present[count++] = manifests[i];
	}
	if (build->plan->final_count == 1 && !wants_index(build)) {
		*out = manifests[0];
		return OK;
	}
	return index_write(build->store, present, count, NULL, out, err);
}

static result tags_apply(const struct build *build, const struct descriptor *index,
			 struct error *err)
{
	const struct strings *tags = build->request->tags;

	for (size_t i = 0; i < tags->count; i++) {
		struct reference ref;

		if (reference_parse(tags->items[i], &ref, err) ||
		    store_tag(build->store, &ref, index, err))
			return FAILED;
	}
	return OK;
}

/* ---- all of it ---- */

static result push_all(const struct build *build, const struct descriptor *index, struct error *err)
{
	const struct strings *tags = build->request->tags;

	for (size_t i = 0; i < tags->count; i++) {
		struct reference ref;

		if (reference_parse(tags->items[i], &ref, err))
			return FAILED;
		progress_note(build->ctx, "pushing %s", tags->items[i]);
		if (image_push(build->ctx, build->store, index, &ref, &build->request->transport,
			       err))
			return fail_in(err, "push %s", tags->items[i]);
	}
	return OK;
}

result publish(struct build *build, struct descriptor *index, struct error *err)
{
	const struct build_request *request = build->request;
	struct descriptor manifests[PLATFORMS_MAX] = {};

	if (index_publish(build, manifests, index, err) || tags_apply(build, index, err))
		return FAILED;
	for (size_t i = 0; i < request->output_count; i++) {
		const struct output *output = &request->outputs[i];
		result done = output->kind == OUTPUT_OCI
				      ? archive_export(build->ctx, build->store, index,
						       request->tags, output->dest, err)
				      : push_all(build, index, err);

		if (done)
			return FAILED;
	}
	summary_tell(build, manifests);
	return OK;
}
