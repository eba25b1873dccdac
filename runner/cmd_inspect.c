/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu inspect` and `mpemu index inspect`: what a name stands for, in full and as a table.
 */
#include "runner/command.h"
#include "runner/contents.h"
#include "runner/table.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_MAX = 8 << 20 };

struct inspect_options {
	bool raw;
	bool json; /* of `index inspect` */
	const char *platform;
};

static const struct option inspect_table[] = {
	{ "raw", 0, OPTION_FLAG, offsetof(struct inspect_options, raw), NULL,
	  "the bytes of the index or manifest as they are stored" },
	{ "platform", 0, OPTION_TEXT, offsetof(struct inspect_options, platform), "PLATFORM",
	  "only the image for this platform" },
};

static const struct option index_inspect_table[] = {
	{ "raw", 0, OPTION_FLAG, offsetof(struct inspect_options, raw), NULL,
	  "the bytes of the index as they are stored" },
	{ "json", 0, OPTION_FLAG, offsetof(struct inspect_options, json), NULL, "one JSON object" },
};

static const char *const head[] = { "PLATFORM", "DIGEST", "LAYERS", "SIZE" };

/** The name in full, and what it leads to. */
struct subject {
	char name[REFERENCE_TEXT_MAX];
	struct descriptor at;
};

static result subject_find(struct store *store, const char *name, struct subject *out,
			   struct error *err)
{
	struct reference ref;

	if (name_resolve(store, name, &ref, &out->at, err))
		return FAILED;
	reference_text(&ref, out->name);
	return OK;
}

static result raw_print(struct store *store, const struct descriptor *at, struct error *err)
{
	owned(buf) struct buf text = {};

	if (store_read(store, at, DOCUMENT_MAX, &text, err))
		return FAILED;
	return stdout_write(&text, err);
}

static result json_print(const json_t *json, struct error *err)
{
	owned(str) char *text = json_text(json, true);
	owned(buf) struct buf out = {};

	buf_printf(&out, "%s\n", text);
	return stdout_write(&out, err);
}

/** What every answer begins with. */
static json_t *descriptor_head(const struct descriptor *at)
{
	char text[PLATFORM_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	json_t *json = json_object();

	if (at->platform.os[0])
		json_object_set_new(json, "platform",
				    json_string(platform_text(&at->platform, text)));
	json_object_set_new(json, "digest", json_string(digest_text(&at->digest, digest)));
	json_object_set_new(json, "mediaType", json_string(media_text(at->media, at->is_docker)));
	return json;
}

/* ---- mpemu inspect ---- */

static json_t *layers_json(struct store *store, const struct image *image)
{
	json_t *list = json_array();

	for (size_t i = 0; i < image->layer_count; i++) {
		const struct layer *layer = &image->layers[i];
		json_t *json = descriptor_head(&layer->blob);
		char text[DIGEST_TEXT_MAX];

		json_object_set_new(json, "size", json_integer((json_int_t)layer->blob.size));
		json_object_set_new(json, "diffId",
				    json_string(digest_text(&layer->diff_id, text)));
		json_object_set_new(json, "present",
				    json_boolean(store_has(store, &layer->blob.digest)));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *image_json(struct store *store, const struct image *image)
{
	json_t *json = descriptor_head(&image->manifest);

	json_object_set_new(json, "size", json_integer((json_int_t)image_size(image)));
	json_object_set_new(json, "layers", layers_json(store, image));
	json_object_set(json, "config", image->config);
	return json;
}

/** One image of an index, or all that are here. */
static result images_json(struct store *store, const struct subject *subject,
			  const struct platform *platform, json_t *list, struct error *err)
{
	owned(index) struct index index = {};

	if (index_read(store, &subject->at, &index, err))
		return FAILED;
	for (size_t i = 0; i < index.count; i++) {
		owned(image) struct image *image = NULL;
		struct descriptor at = index.manifests[i];

		if (platform && index_choose(&index, platform, &at, err))
			return FAILED;
		if (!platform && (at.media != MEDIA_MANIFEST || descriptor_is_attestation(&at) ||
				  !store_has(store, &at.digest)))
			continue;
		if (image_read(store, &at, &image, err))
			return FAILED;
		json_array_append_new(list, image_json(store, image));
		if (platform)
			break;
	}
	return OK;
}

/** The manifest of one platform as it is stored. */
static result raw_of_platform(struct store *store, const struct subject *subject,
			      const struct platform *platform, struct error *err)
{
	owned(index) struct index index = {};
	struct descriptor at;

	if (index_read(store, &subject->at, &index, err) ||
	    index_choose(&index, platform, &at, err))
		return FAILED;
	return raw_print(store, &at, err);
}

static result inspect_show(struct store *store, const struct subject *subject,
			   const struct platform *platform, struct error *err)
{
	owned(json) json_t *json = json_object(), *about = descriptor_head(&subject->at);
	json_t *list = json_array();

	json_object_set_new(json, "name", json_string(subject->name));
	json_object_update(json, about);
	json_object_set_new(json, "images", list);
	if (images_json(store, subject, platform, list, err))
		return FAILED;
	return json_print(json, err);
}

static result inspect_run(struct invocation *in, struct error *err)
{
	const struct inspect_options *wanted = in->options;
	owned(store) struct store *store = NULL;
	struct platform wanted_platform, *platform = wanted->platform ? &wanted_platform : NULL;
	struct subject subject;
	result shown;

	if (platform_argument(wanted->platform, &wanted_platform, err) ||
	    store_open(in->ctx, in->globals->root, &store, err) ||
	    subject_find(store, in->argv[0], &subject, err))
		return FAILED;
	if (!wanted->raw)
		shown = inspect_show(store, &subject, platform, err);
	else if (platform)
		shown = raw_of_platform(store, &subject, platform, err);
	else
		shown = raw_print(store, &subject.at, err);
	if (shown)
		return fail_in(err, "%s", subject.name);
	return OK;
}

const struct command command_inspect = {
	.name = "inspect",
	.arguments = "[OPTIONS] NAME",
	.summary = "Show the config and layers of an image",
	.example = "mpemu inspect --platform linux/arm64 debian:bookworm",
	.options = inspect_table,
	.option_count = countof(inspect_table),
	.options_size = sizeof(struct inspect_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = inspect_run,
};

/* ---- mpemu index inspect ---- */

static void row_add(struct table *table, const struct content *item)
{
	char text[PLATFORM_TEXT_MAX], digest[DIGEST_TEXT_MAX], size[SIZE_TEXT_MAX], layers[16];

	snprintf(layers, sizeof(layers), "%zu", item->image ? item->image->layer_count : 0);
	table_add(table, item->is_attestation         ? "(attestation)"
			 : item->entry.platform.os[0] ? platform_text(&item->entry.platform, text)
						      : "-");
	table_add(table, digest_text(&item->entry.digest, digest));
	table_add(table, item->image ? layers : "-");
	table_add(table, item->image     ? size_text(image_size(item->image), size)
			 : item->is_here ? "-"
					 : "not pulled");
}

static result index_table(const struct subject *subject, const struct contents *contents,
			  struct error *err)
{
	owned(table) struct table table = { .columns = countof(head) };
	owned(buf) struct buf out = {};
	char digest[DIGEST_TEXT_MAX];

	buf_printf(&out, "Name:       %s\nDigest:     %s\nMediaType:  %s\n\n", subject->name,
		   digest_text(&subject->at.digest, digest),
		   media_text(subject->at.media, subject->at.is_docker));
	for (size_t i = 0; i < countof(head); i++)
		table_add(&table, head[i]);
	for (size_t i = 0; i < contents->count; i++)
		row_add(&table, &contents->items[i]);
	table_text(&table, &out);
	return stdout_write(&out, err);
}

static json_t *item_json(const struct content *item)
{
	json_t *json = descriptor_head(&item->entry);

	if (item->image) {
		json_object_set_new(json, "layers",
				    json_integer((json_int_t)item->image->layer_count));
		json_object_set_new(json, "size",
				    json_integer((json_int_t)image_size(item->image)));
	}
	json_object_set_new(json, "present", json_boolean(item->is_here));
	json_object_set_new(json, "attestation", json_boolean(item->is_attestation));
	if (json_object_size(item->entry.annotations) > 0)
		json_object_set(json, "annotations", item->entry.annotations);
	return json;
}

static result index_json(const struct subject *subject, const struct contents *contents,
			 struct error *err)
{
	owned(json) json_t *json = json_object(), *about = descriptor_head(&subject->at);
	json_t *list = json_array();
	json_t *annotations = json_object_get(contents->index.json, "annotations");

	json_object_set_new(json, "name", json_string(subject->name));
	json_object_update(json, about);
	for (size_t i = 0; i < contents->count; i++)
		json_array_append_new(list, item_json(&contents->items[i]));
	json_object_set_new(json, "manifests", list);
	if (json_is_object(annotations))
		json_object_set(json, "annotations", annotations);
	return json_print(json, err);
}

static result index_inspect_run(struct invocation *in, struct error *err)
{
	const struct inspect_options *wanted = in->options;
	owned(store) struct store *store = NULL;
	owned(contents) struct contents contents = {};
	struct subject subject;

	if (store_open(in->ctx, in->globals->root, &store, err) ||
	    subject_find(store, in->argv[0], &subject, err))
		return FAILED;
	if (wanted->raw)
		return raw_print(store, &subject.at, err);
	if (contents_read(store, &subject.at, &contents, err))
		return fail_in(err, "%s", subject.name);
	return wanted->json ? index_json(&subject, &contents, err)
			    : index_table(&subject, &contents, err);
}

const struct command command_index_inspect = {
	.name = "inspect",
	.arguments = "[OPTIONS] NAME",
	.summary = "Show the platforms of an index",
	.example = "mpemu index inspect example.com/app:1",
	.options = index_inspect_table,
	.option_count = countof(index_inspect_table),
	.options_size = sizeof(struct inspect_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = index_inspect_run,
};
