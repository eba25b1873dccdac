/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One platform's image: manifest and config together, read from the store and written to it.
 */
#include "registry/manifest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** The order in which a config is written, so that equal images have equal digests. */
static const char *const config_order[] = {
	"created",    "author",      "architecture", "variant", "os",
	"os.version", "os.features", "config",       "rootfs",  "history",
};

struct image *image_new(const struct platform *platform)
{
	struct image *image = xnew(struct image);

	image->manifest.media = MEDIA_MANIFEST;
	image->platform = *platform;
	image->config = json_object();
	return image;
}

void image_drop(struct image **image)
{
	if (!*image)
		return;
	json_decref((*image)->config);
	free((*image)->layers);
	free(*image);
	*image = NULL;
}

/* ---- reading ---- */

static result manifest_load(struct store *store, const struct descriptor *at, json_t **out,
			    struct manifest *manifest, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(json) json_t *json = NULL;
	enum media media;

	if (at->media != MEDIA_MANIFEST)
		return fail(err, FAULT_INPUT, "not an image manifest");
	if (store_read(store, at, MANIFEST_BYTES_MAX, &text, err) ||
	    document_parse(buf_text(&text), text.length, "manifest", MEDIA_MANIFEST, &json, &media,
			   err) ||
	    manifest_read(json, manifest, err))
		return FAILED;
	*out = take(json);
	return OK;
}

result manifest_blobs(struct store *store, const struct descriptor *at, struct descriptor **out,
		      size_t *count, struct error *err)
{
	owned(json) json_t *json = NULL;
	owned(manifest) struct manifest manifest = {};
	struct descriptor *blobs;

	if (manifest_load(store, at, &json, &manifest, err))
		return FAILED;
	blobs = xcalloc(manifest.layer_count + 1, sizeof(*blobs));
	blobs[0] = manifest.config;
	blobs[0].annotations = NULL;
	for (size_t i = 0; i < manifest.layer_count; i++) {
		blobs[i + 1] = manifest.layers[i];
		blobs[i + 1].annotations = NULL;
	}
	*out = blobs;
	*count = manifest.layer_count + 1;
	return OK;
}

result config_load(struct store *store, const struct descriptor *at, json_t **out,
		   struct error *err)
{
	owned(buf) struct buf text = {};

	if (at->media != MEDIA_CONFIG)
		return fail(err, FAULT_INPUT,
			    "manifest.config.mediaType: not that of an image (an artifact?)");
	if (store_read(store, at, CONFIG_BYTES_MAX, &text, err) ||
	    json_parse(buf_text(&text), text.length, "config", out, err))
		return FAILED;
	return OK;
}

result image_platform(struct store *store, const struct descriptor *at, struct platform *out,
		      struct error *err)
{
	owned(json) json_t *json = NULL, *config = NULL;
	owned(manifest) struct manifest manifest = {};
	struct json_at root;

	if (manifest_load(store, at, &json, &manifest, err) ||
	    config_load(store, &manifest.config, &config, err))
		return FAILED;
	root = json_root(config, "config");
	return platform_read(&root, out, err);
}

/** Join the manifest's blobs with the config's diff_ids, one to one. */
static result layers_join(const struct manifest *manifest, const struct digest diff_ids[],
			  size_t count, struct image *image, struct error *err)
{
	if (manifest->layer_count != count)
		return fail(err, FAULT_INPUT,
			    "manifest has %zu layers but config.rootfs.diff_ids has %zu",
			    manifest->layer_count, count);
	image->layers = xcalloc(count, sizeof(*image->layers));
	image->layer_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!media_is_layer(manifest->layers[i].media))
			return fail(err, FAULT_INPUT,
				    "manifest.layers[%zu].mediaType: not that of a layer", i);
		image->layers[i].blob = manifest->layers[i];
		image->layers[i].blob.annotations = NULL; /* they end with the manifest */
		image->layers[i].diff_id = diff_ids[i];
	}
	return OK;
}

static result image_fill(struct store *store, struct image *image, struct error *err)
{
	owned(json) json_t *json = NULL;
	owned(manifest) struct manifest manifest = {};
	struct digest *diff_ids = NULL;
	size_t count;
	result joined;

	if (manifest_load(store, &image->manifest, &json, &manifest, err) ||
	    config_load(store, &manifest.config, &image->config, err) ||
	    config_read(image->config, &image->platform, &diff_ids, &count, err))
		return FAILED;
	joined = layers_join(&manifest, diff_ids, count, image, err);
	free(diff_ids);
	return joined;
}

result image_read(struct store *store, const struct descriptor *manifest, struct image **out,
		  struct error *err)
{
	owned(image) struct image *image = xnew(struct image);
	char digest[DIGEST_TEXT_MAX];

	image->manifest = *manifest;
	image->manifest.annotations = NULL;
	if (image_fill(store, image, err))
		return fail_in(err, "image %s", digest_text(&manifest->digest, digest));
	image->manifest.platform = image->platform;
	*out = take(image);
	return OK;
}

/* ---- writing ---- */

static json_t *rootfs_json(const struct image *image)
{
	json_t *diff_ids = json_array();

	for (size_t i = 0; i < image->layer_count; i++) {
		char text[DIGEST_TEXT_MAX];

		json_array_append_new(diff_ids,
				      json_string(digest_text(&image->layers[i].diff_id, text)));
	}
	/* An image without layers, as BuildKit writes it. */
	if (!image->layer_count) {
		json_decref(diff_ids);
		diff_ids = json_null();
	}
	return json_pack("{s:s, s:o}", "type", "layers", "diff_ids", diff_ids);
}

static void set_text(json_t *json, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(json, key, json_string(text));
	else
		json_object_del(json, key);
}

/** The config with the image's own fields in it: what is known in its order, the rest after it. */
static json_t *config_json(const struct image *image)
{
	owned(json) json_t *all = json_copy(image->config);
	json_t *ordered = json_object();

	set_text(all, "architecture", image->platform.arch);
	set_text(all, "os", image->platform.os);
	set_text(all, "variant", image->platform.variant);
	json_object_set_new(all, "rootfs", rootfs_json(image));
	for (size_t i = 0; i < countof(config_order); i++) {
		json_t *value = json_object_get(all, config_order[i]);

		if (value)
			json_object_set(ordered, config_order[i], value);
	}
	json_object_update_missing(ordered, all);
	return ordered;
}

/** An image that came in Docker's format leaves in it, as long as that can say all of it. */
static bool is_docker_image(const struct image *image, const json_t *annotations)
{
	bool is_docker = image->manifest.is_docker && json_object_size(annotations) == 0;

	for (size_t i = 0; i < image->layer_count; i++)
		is_docker &= image->layers[i].blob.media != MEDIA_LAYER_ZSTD;
	return is_docker;
}

static json_t *manifest_json(const struct image *image, const struct descriptor *config,
			     const json_t *annotations, bool is_docker)
{
	json_t *layers = json_array(), *json;

	for (size_t i = 0; i < image->layer_count; i++) {
		struct descriptor blob = image->layers[i].blob;

		blob.is_docker = is_docker;
		blob.platform = (struct platform){};
		json_array_append_new(layers, descriptor_json(&blob));
	}
	json = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType",
			 media_text(MEDIA_MANIFEST, is_docker), "config", descriptor_json(config),
			 "layers", layers);
	if (json_object_size(annotations) > 0)
		json_object_set_new(json, "annotations", json_deep_copy(annotations));
	return json;
}

result image_write(struct store *store, const struct image *image, const json_t *annotations,
		   struct descriptor *out, struct error *err)
{
	bool is_docker = is_docker_image(image, annotations);
	owned(json) json_t *config = config_json(image), *manifest = NULL;
	owned(str) char *config_text = json_text(config, false), *text = NULL;
	struct descriptor config_at, at;

	if (store_put(store, MEDIA_CONFIG, config_text, strlen(config_text), &config_at, err))
		return fail_in(err, "config");
	config_at.is_docker = is_docker;
	manifest = manifest_json(image, &config_at, annotations, is_docker);
	text = json_text(manifest, true);
	if (store_put(store, MEDIA_MANIFEST, text, strlen(text), &at, err))
		return fail_in(err, "manifest");
	at.is_docker = is_docker;
	at.platform = image->platform;
	*out = at;
	return OK;
}
