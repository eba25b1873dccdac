/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/form.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/attest.h"
#include "runner/cache_export.h"
#include "runner/history.h"
#include "runner/layers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- images ---- */

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

/* ---- layers ---- */

static result layer_store(struct blob_writer *writer, enum compression compression,
			  const struct layer_info *info, struct layer *out, struct error *err)
{
	if (blob_writer_commit(writer, &info->blob, err))
		return FAILED;
	*out = (struct layer){
		.blob = { .media = media_of_layer(compression),
			  .size = info->blob_size,
			  .digest = info->blob },
		.diff_id = info->diff_id,
	};
	return OK;
}

/** The layer again from its directory, no file later than the epoch. */
static result layer_rewrite(const struct build *build, const struct diff_options *options,
			    struct layer *layer, struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = NULL;
	owned(buf) struct buf path = {};
	owned(fd) int fd = -1;
	struct layer_info info = {};

	layer_path(build->request->root, &layer->diff_id, &path);
	fd = open(buf_text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_sys(err, "open %s", buf_text(&path));
	if (blob_writer_new(build->store, &writer, err) ||
	    layer_diff(build->ctx, fd, options, blob_writer_fd(writer), &info, err))
		return FAILED;
	return layer_store(take(writer), options->compression, &info, layer, err);
}

static result layer_pack(const struct build *build, enum compression compression,
			 struct layer *layer, struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = NULL;
	owned(fd) int fd = -1;
	struct layer_info info = {};

	if (store_blob(build->store, &layer->blob, &fd, err) ||
	    blob_writer_new(build->store, &writer, err) ||
	    layer_repack(build->ctx, fd, compression, blob_writer_fd(writer), &info, err))
		return FAILED;
	return layer_store(take(writer), compression, &info, layer, err);
}

static result layer_form(const struct build *build, const struct form *form, bool is_base,
			 struct layer *layer, struct error *err)
{
	enum compression now = media_compression(layer->blob.media);
	enum compression want = form->has_compression ? form->compression : now;
	const struct diff_options options = { .compression = want, .epoch = form->epoch };

	if (form->rewrite && form->epoch >= 0 && !is_base)
		return layer_rewrite(build, &options, layer, err);
	if (want == now || (is_base && !form->force))
		return OK;
	return layer_pack(build, want, layer, err);
}

/* ---- images ---- */

static result config_find(const struct build *build, const struct descriptor *manifest,
			  struct digest *out, struct error *err)
{
	struct descriptor *blobs;
	size_t count;

	if (manifest_blobs(build->store, manifest, &blobs, &count, err))
		return FAILED;
	*out = blobs[0].digest;
	free(blobs);
	return OK;
}

/** --cache-to type=inline: what made the layers; what the base image said of its own goes. */
static void cache_tell(const struct build *build, const struct step *final,
		       struct snapshot *snapshot)
{
	owned(catalog) struct catalog catalog = {};

	json_object_del(snapshot->document, CATALOG_INLINE);
	if (!build->request->cache_inline)
		return;
	catalog_of_image(build, final, &catalog);
	json_object_set_new(snapshot->document, CATALOG_INLINE, catalog_steps_json(&catalog));
}

static result image_publish(const struct build *build, const struct form *form,
			    const struct step *final, struct descriptor *out, struct error *err)
{
	const struct history_times times = {
		.now = build->time,
		.exact = build->request->epoch,
		.limit = form->epoch,
	};
	owned(snapshot) struct snapshot *snapshot = snapshot_copy(final->result);
	owned(image) struct image *image = image_new(final->target);
	owned(json) json_t *notes =
		annotations_json(&form->annotations, ANNOTATE_MANIFEST, final->target);

	labels_apply(snapshot_config(snapshot), build->request->labels);
	history_finish(snapshot, &times);
	cache_tell(build, final, snapshot);
	json_decref(image->config);
	image->config = json_incref(snapshot->document);
	image->layers = take(snapshot->layers);
	image->layer_count = snapshot->layer_count;
	image->manifest.is_docker = form->is_docker;
	for (size_t i = 0; i < image->layer_count; i++) {
		if (layer_form(build, form, i < snapshot->base_layers, &image->layers[i], err))
			return FAILED;
	}
	return image_write(build->store, image, notes, out, err);
}

/** An index around a single image too, as BuildKit makes where this is set. */
static bool wants_index(const struct build *build)
{
	const char *value = env_get(&build->request->build_args, "BUILDKIT_MULTI_PLATFORM");

	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}

/** Each image's entry; attestations stand behind all of them. */
struct entries {
	struct descriptor items[2 * PLATFORMS_MAX];
	size_t count;
};

static void entries_drop(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		json_decref(entries->items[i].annotations);
}

static result attestations_add(struct build *build, const struct form *form,
			       const struct published *made, struct entries *entries,
			       struct error *err)
{
	for (size_t i = 0; i < made->count; i++) {
		if (!made->manifests[i].size)
			continue;
		if (attest_write(build, form, build->plan->finals[i], &made->manifests[i],
				 &entries->items[entries->count], err))
			return FAILED;
		entries->count++;
	}
	return OK;
}

static result index_publish(struct build *build, const struct form *form, struct published *out,
			    struct error *err)
{
	__attribute__((cleanup(entries_drop))) struct entries entries = {};
	owned(json) json_t *notes = annotations_json(&form->annotations, ANNOTATE_INDEX, NULL);
	bool attests = build->request->attest.provenance != PROVENANCE_NONE;

	if (out->count == 1 && !wants_index(build) && !attests) {
		out->index = out->manifests[0];
		return OK;
	}
	for (size_t i = 0; i < out->count; i++) {
		/* An optional platform that failed. */
		if (!out->manifests[i].size)
			continue;
		entries.items[entries.count] = out->manifests[i];
		entries.items[entries.count++].annotations =
			annotations_json(&form->annotations, ANNOTATE_MANIFEST_DESCRIPTOR,
					 &out->manifests[i].platform);
	}
	if (attests && attestations_add(build, form, out, &entries, err))
		return FAILED;
	return index_write(build->store, entries.items, entries.count, notes, &out->index, err);
}

result form_publish(struct build *build, const struct form *form, struct published *out,
		    struct error *err)
{
	struct published made = { .count = build->plan->final_count };

	for (size_t i = 0; i < made.count; i++) {
		if (!build->plan->finals[i]->result)
			continue;
		if (image_publish(build, form, build->plan->finals[i], &made.manifests[i], err) ||
		    config_find(build, &made.manifests[i], &made.configs[i], err))
			return FAILED;
	}
	if (index_publish(build, form, &made, err))
		return FAILED;
	*out = made;
	return OK;
}
