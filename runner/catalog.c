/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/catalog.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TITLE_MAX = 200, TIME_MAX = INT32_MAX };

void catalog_drop(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->step_count; i++)
		free(catalog->steps[i].title);
	free(catalog->steps);
	free(catalog->layers);
	*catalog = (struct catalog){};
}

/* ---- changing ---- */

static bool layers_equal(const struct layer *a, const struct layer *b)
{
	return digest_equal(&a->blob.digest, &b->blob.digest) &&
	       digest_equal(&a->diff_id, &b->diff_id);
}

static size_t layer_place(struct catalog *catalog, const struct layer *layer)
{
	for (size_t i = 0; i < catalog->layer_count; i++) {
		if (layers_equal(&catalog->layers[i], layer))
			return i;
	}
	array_grow(catalog->layers, catalog->layer_count);
	catalog->layers[catalog->layer_count] = (struct layer){
		.blob = { .media = layer->blob.media,
			  .size = layer->blob.size,
			  .digest = layer->blob.digest },
		.diff_id = layer->diff_id,
	};
	return catalog->layer_count++;
}

const struct catalog_step *catalog_find(const struct catalog *catalog, const struct digest *key)
{
	for (size_t i = 0; i < catalog->step_count; i++) {
		if (digest_equal(&catalog->steps[i].key, key))
			return &catalog->steps[i];
	}
	return NULL;
}

struct catalog_step *catalog_add(struct catalog *catalog, const struct digest *key,
				 const struct layer *layer, int64_t made, int64_t used,
				 const char *title)
{
	struct catalog_step *step = (struct catalog_step *)catalog_find(catalog, key);

	if (!step) {
		array_grow(catalog->steps, catalog->step_count);
		step = &catalog->steps[catalog->step_count++];
		*step = (struct catalog_step){ .key = *key, .made = -1 };
	}
	if (used > step->used)
		step->used = used;
	if (made <= step->made)
		return step;
	step->made = made;
	step->layer = layer_place(catalog, layer);
	free(step->title);
	step->title = xstrndup(title, TITLE_MAX);
	return step;
}

void catalog_merge(struct catalog *catalog, const struct catalog *other)
{
	for (size_t i = 0; i < other->step_count; i++) {
		const struct catalog_step *step = &other->steps[i];
		struct catalog_step *added =
			catalog_add(catalog, &step->key, &other->layers[step->layer], step->made,
				    step->used, step->title);

		if (!digest_is_zero(&step->asked))
			added->asked = step->asked;
	}
}

/** Layers that no step has any more go; the others keep their order. */
static void layers_tidy(struct catalog *catalog)
{
	struct catalog tidy = {};

	for (size_t i = 0; i < catalog->step_count; i++)
		catalog->steps[i].layer =
			layer_place(&tidy, &catalog->layers[catalog->steps[i].layer]);
	free(catalog->layers);
	catalog->layers = tidy.layers;
	catalog->layer_count = tidy.layer_count;
}

/** When a step was used, and where it stands. */
struct use {
	int64_t used;
	size_t at;
};

/** Of two that were used at the same time, the one that stands first is the older. */
static int by_use(const void *a, const void *b)
{
	const struct use *one = a, *other = b;

	if (one->used != other->used)
		return one->used < other->used ? -1 : 1;
	return one->at < other->at ? -1 : 1;
}

/** Mark the steps that were used last, as many as the limits allow. */
static void newest_mark(const struct catalog *catalog, size_t layers_max, size_t steps_max,
			bool *stays)
{
	struct use *uses = xcalloc(catalog->step_count, sizeof(*uses));
	owned(catalog) struct catalog kept = {};

	for (size_t i = 0; i < catalog->step_count; i++)
		uses[i] = (struct use){ catalog->steps[i].used, i };
	qsort(uses, catalog->step_count, sizeof(*uses), by_use);
	for (size_t i = catalog->step_count; i-- > 0 && catalog->step_count - i <= steps_max;) {
		(void)layer_place(&kept, &catalog->layers[catalog->steps[uses[i].at].layer]);
		if (kept.layer_count > layers_max)
			break;
		stays[uses[i].at] = true;
	}
	free(uses);
}

size_t catalog_trim(struct catalog *catalog, size_t layers_max, size_t steps_max)
{
	bool *stays = xcalloc(catalog->step_count, sizeof(*stays));
	size_t count = 0, dropped;

	newest_mark(catalog, layers_max, steps_max, stays);
	for (size_t i = 0; i < catalog->step_count; i++) {
		if (stays[i])
			catalog->steps[count++] = catalog->steps[i];
		else
			free(catalog->steps[i].title);
	}
	free(stays);
	dropped = catalog->step_count - count;
	catalog->step_count = count;
	layers_tidy(catalog);
	return dropped;
}

/* ---- writing ---- */

static json_t *digest_json(const struct digest *digest)
{
	char text[DIGEST_TEXT_MAX];

	return json_string(digest_text(digest, text));
}

json_t *catalog_steps_json(const struct catalog *catalog)
{
	json_t *list = json_array();

	for (size_t i = 0; i < catalog->step_count; i++) {
		const struct catalog_step *step = &catalog->steps[i];
		owned(buf) struct buf title = {};
		json_t *object;

		text_escape(&title, step->title, strlen(step->title));
		object = json_pack("{s:o, s:I, s:I, s:I, s:s}", "key", digest_json(&step->key),
				   "layer", (json_int_t)step->layer, "made", (json_int_t)step->made,
				   "used", (json_int_t)step->used, "title", buf_text(&title));
		if (!digest_is_zero(&step->asked))
			json_object_set_new(object, "asked", digest_json(&step->asked));
		json_array_append_new(list, object);
	}
	return list;
}

void catalog_config(const struct catalog *catalog, struct buf *out)
{
	json_t *diff_ids = json_array();
	owned(json) json_t *json = json_pack("{s:i, s:o, s:o}", "version", 1, "diff_ids", diff_ids,
					     "steps", catalog_steps_json(catalog));
	owned(str) char *text = NULL;

	for (size_t i = 0; i < catalog->layer_count; i++)
		json_array_append_new(diff_ids, digest_json(&catalog->layers[i].diff_id));
	text = json_text(json, false);
	buf_add_str(out, text);
}

static json_t *part_json(const char *media, const struct digest *digest, uint64_t size)
{
	return json_pack("{s:s, s:o, s:I}", "mediaType", media, "digest", digest_json(digest),
			 "size", (json_int_t)size);
}

void catalog_manifest(const struct catalog *catalog, const struct buf *config, struct buf *out)
{
	const struct digest digest = digest_of(buf_text(config), config->length);
	json_t *layers = json_array();
	owned(json) json_t *json =
		json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType",
			  media_text(MEDIA_MANIFEST, false), "config",
			  part_json(CATALOG_MEDIA, &digest, config->length), "layers", layers);
	owned(str) char *text = NULL;

	for (size_t i = 0; i < catalog->layer_count; i++) {
		const struct descriptor *blob = &catalog->layers[i].blob;

		json_array_append_new(layers, part_json(media_text(blob->media, false),
							&blob->digest, blob->size));
	}
	text = json_text(json, true);
	buf_add_str(out, text);
}

/* ---- reading ---- */

static result part_read(const struct json_at *at, const char **media, struct descriptor *out,
			struct error *err)
{
	const char *digest;

	if (json_get_string(at, "mediaType", media, err) ||
	    json_get_string(at, "digest", &digest, err) ||
	    json_get_number(at, "size", 1ull << 50, &out->size, err))
		return FAILED;
	if (digest_parse(digest, &out->digest, err))
		return fail_in(err, "%s", at->path);
	out->media = media_parse(*media, &out->is_docker);
	return OK;
}

const char *catalog_kind_text(enum catalog_kind kind)
{
	static const char *const texts[] = {
		[CATALOG_OURS] = "a cache of mpemu",
		[CATALOG_IMAGE] = "an image",
		[CATALOG_INDEX] = "an index of images",
		[CATALOG_BUILDKIT] = "a cache of BuildKit",
		[CATALOG_OTHER] = "neither a cache nor an image",
	};

	return texts[kind];
}

static enum catalog_kind kind_of(const char *config_media)
{
	static const struct {
		const char *media;
		enum catalog_kind kind;
	} kinds[] = {
		{ CATALOG_MEDIA, CATALOG_OURS },
		{ "application/vnd.buildkit.cacheconfig.v0", CATALOG_BUILDKIT },
	};
	bool is_docker;

	for (size_t i = 0; i < countof(kinds); i++) {
		if (strcmp(kinds[i].media, config_media) == 0)
			return kinds[i].kind;
	}
	return media_parse(config_media, &is_docker) == MEDIA_CONFIG ? CATALOG_IMAGE
								     : CATALOG_OTHER;
}

/** BuildKit's older caches are indexes, with the config among their entries. */
static enum catalog_kind index_kind(const json_t *manifests)
{
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const char *media = json_string_value(
			json_object_get(json_array_get(manifests, i), "mediaType"));

		if (media && kind_of(media) == CATALOG_BUILDKIT)
			return CATALOG_BUILDKIT;
	}
	return CATALOG_INDEX;
}

result catalog_look(const struct buf *manifest, enum catalog_kind *kind, struct descriptor *config,
		    struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at root, at;
	const char *media;

	if (json_parse(buf_text(manifest), manifest->length, "manifest", &json, err))
		return FAILED;
	if (json_object_get(json, "manifests")) {
		*kind = index_kind(json_object_get(json, "manifests"));
		return OK;
	}
	root = json_root(json, "manifest");
	if (json_get(&root, "config", &at, err))
		return FAILED;
	*kind = CATALOG_OTHER;
	if (!at.value)
		return OK;
	if (part_read(&at, &media, config, err))
		return FAILED;
	if (config->size > CATALOG_BYTES_MAX)
		return fail(err, FAULT_INPUT, "its config is larger than %d bytes",
			    CATALOG_BYTES_MAX);
	*kind = kind_of(media);
	return OK;
}

static result layers_read(const json_t *manifest, const struct strings *diff_ids,
			  struct catalog *out, struct error *err)
{
	struct json_at root = json_root(manifest, "manifest"), list;
	size_t count;

	if (json_get(&root, "layers", &list, err) ||
	    json_length(&list, CATALOG_LAYERS_MAX, &count, err))
		return FAILED;
	if (count != diff_ids->count)
		return fail(err, FAULT_INPUT, "%zu layers, but %zu diff_ids", count,
			    diff_ids->count);
	for (size_t i = 0; i < count; i++) {
		struct json_at at = json_element(&list, i);
		struct layer layer = {};
		const char *media;

		if (part_read(&at, &media, &layer.blob, err) ||
		    digest_parse(diff_ids->items[i], &layer.diff_id, err))
			return FAILED;
		if (!media_is_layer(layer.blob.media))
			return fail(err, FAULT_INPUT, "%s is no layer: %s", at.path, media);
		array_grow(out->layers, out->layer_count);
		out->layers[out->layer_count++] = layer;
	}
	return OK;
}

static result step_read(const struct json_at *at, struct catalog *out, struct error *err)
{
	uint64_t layer, made, used;
	const char *key, *title, *asked;
	struct digest digest, other = {};

	if (json_get_string(at, "key", &key, err) || digest_parse(key, &digest, err) ||
	    json_get_number(at, "layer", SIZE_MAX / 2, &layer, err) ||
	    json_get_number(at, "made", TIME_MAX, &made, err) ||
	    json_get_number(at, "used", TIME_MAX, &used, err) ||
	    json_get_string(at, "title", &title, err) ||
	    json_find_string(at, "asked", &asked, err) ||
	    (asked && digest_parse(asked, &other, err)))
		return FAILED;
	if (layer >= out->layer_count)
		return fail(err, FAULT_INPUT, "%s: there is no layer %llu", at->path,
			    (unsigned long long)layer);
	array_grow(out->steps, out->step_count);
	out->steps[out->step_count++] = (struct catalog_step){
		.key = digest,
		.asked = other,
		.layer = (size_t)layer,
		.made = (int64_t)made,
		.used = (int64_t)used,
		.title = xstrndup(title, TITLE_MAX),
	};
	return OK;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct catalog_step *)a)->key.bytes,
		      ((const struct catalog_step *)b)->key.bytes, sizeof(struct digest));
}

static result keys_check(const struct catalog *catalog, struct error *err)
{
	struct catalog_step *sorted = xcalloc(catalog->step_count + 1, sizeof(*sorted));
	result status = OK;

	if (catalog->step_count)
		memcpy(sorted, catalog->steps, catalog->step_count * sizeof(*sorted));
	qsort(sorted, catalog->step_count, sizeof(*sorted), by_key);
	for (size_t i = 1; i < catalog->step_count && !status; i++) {
		if (by_key(&sorted[i - 1], &sorted[i]) == 0)
			status = fail(err, FAULT_INPUT, "a step stands there twice");
	}
	free(sorted);
	return status;
}

static result steps_read(const struct json_at *list, struct catalog *out, struct error *err)
{
	size_t count;

	if (json_length(list, CATALOG_STEPS_MAX, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		struct json_at at = json_element(list, i);

		if (step_read(&at, out, err))
			return FAILED;
	}
	return keys_check(out, err);
}

static result both_read(const json_t *manifest, const json_t *config, struct catalog *out,
			struct error *err)
{
	owned(strings) struct strings diff_ids = {};
	struct json_at root = json_root(config, "cache"), steps;
	uint64_t version;

	if (json_get_number(&root, "version", UINT32_MAX, &version, err))
		return FAILED;
	if (version != 1)
		return fail(err, FAULT_INPUT, "version %llu of a newer mpemu",
			    (unsigned long long)version);
	if (json_get_strings(&root, "diff_ids", CATALOG_LAYERS_MAX, &diff_ids, err) ||
	    layers_read(manifest, &diff_ids, out, err) || json_get(&root, "steps", &steps, err))
		return FAILED;
	return steps_read(&steps, out, err);
}

result catalog_parse(const struct buf *manifest, const struct buf *config, struct catalog *out,
		     struct error *err)
{
	owned(json) json_t *top = NULL, *json = NULL;
	owned(catalog) struct catalog made = {};

	if (json_parse(buf_text(manifest), manifest->length, "manifest", &top, err) ||
	    json_parse(buf_text(config), config->length, "cache", &json, err) ||
	    both_read(top, json, &made, err))
		return FAILED;
	*out = made;
	made = (struct catalog){};
	return OK;
}

static result image_read_both(const json_t *manifest, const json_t *config, struct catalog *out,
			      struct error *err)
{
	owned(strings) struct strings diff_ids = {};
	struct json_at root = json_root(config, "config"), rootfs, steps;

	if (json_get(&root, CATALOG_INLINE, &steps, err))
		return FAILED;
	if (!steps.value)
		return OK;
	if (json_get(&root, "rootfs", &rootfs, err) ||
	    json_get_strings(&rootfs, "diff_ids", CATALOG_LAYERS_MAX, &diff_ids, err) ||
	    layers_read(manifest, &diff_ids, out, err))
		return FAILED;
	return steps_read(&steps, out, err);
}

result catalog_parse_image(const struct buf *manifest, const struct buf *config,
			   struct catalog *out, struct error *err)
{
	owned(json) json_t *top = NULL, *json = NULL;
	owned(catalog) struct catalog made = {};

	if (json_parse(buf_text(manifest), manifest->length, "manifest", &top, err) ||
	    json_parse(buf_text(config), config->length, "config", &json, err) ||
	    image_read_both(top, json, &made, err))
		return FAILED;
	*out = made;
	made = (struct catalog){};
	return OK;
}
