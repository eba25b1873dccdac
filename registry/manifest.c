/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/manifest.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- descriptors ---- */

/** Copy a part of a platform that will be printed and compared: letters, digits, "_", "-", ".". */
static result platform_field(const struct json_at *at, const char *key, bool is_required,
			     char *field, size_t size, struct error *err)
{
	const char *text;

	if (json_find_string(at, key, &text, err))
		return FAILED;
	if (!text || !*text) {
		if (is_required)
			return fail(err, FAULT_INPUT, "%s.%s: missing, want a string", at->path,
				    key);
		field[0] = '\0';
		return OK;
	}
	if (strlen(text) >= size)
		return fail(err, FAULT_INPUT, "%s.%s: longer than %zu characters", at->path, key,
			    size - 1);
	for (size_t i = 0; text[i]; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i]))
			return fail(err, FAULT_INPUT, "%s.%s: has an odd character", at->path, key);
	}
	for (size_t i = 0; i == 0 || text[i - 1]; i++)
		field[i] = (char)tolower((unsigned char)text[i]);
	return OK;
}

result platform_read(const struct json_at *at, struct platform *out, struct error *err)
{
	struct platform read = {};

	if (platform_field(at, "os", true, read.os, sizeof(read.os), err) ||
	    platform_field(at, "architecture", true, read.arch, sizeof(read.arch), err) ||
	    platform_field(at, "variant", false, read.variant, sizeof(read.variant), err))
		return FAILED;
	platform_normalise(&read);
	*out = read;
	return OK;
}

/** An object of strings, or nothing. */
static result annotations_check(const struct json_at *at, struct json_at *out, struct error *err)
{
	const char *key;
	json_t *value;
	size_t count;

	if (json_get(at, "annotations", out, err) || json_length(out, ANNOTATIONS_MAX, &count, err))
		return FAILED;
	if (out->value && !json_is_object(out->value))
		return fail(err, FAULT_INPUT, "%s: wrong type, want an object", out->path);
	json_object_foreach((json_t *)out->value, key, value)
	{
		if (!json_is_string(value))
			return fail(err, FAULT_INPUT, "%s: wrong type, want strings", out->path);
	}
	return OK;
}

result descriptor_read(const struct json_at *at, struct descriptor *out, struct error *err)
{
	struct descriptor read = {};
	struct json_at annotations, platform;
	const char *media, *digest;

	if (json_get_string(at, "mediaType", &media, err) ||
	    json_get_number(at, "size", INT64_MAX, &read.size, err) ||
	    json_get_string(at, "digest", &digest, err) ||
	    json_get(at, "platform", &platform, err) || annotations_check(at, &annotations, err))
		return FAILED;
	if (digest_parse(digest, &read.digest, err))
		return fail_in(err, "%s", at->path);
	if (platform.value && platform_read(&platform, &read.platform, err))
		return FAILED;
	read.media = media_parse(media, &read.is_docker);
	read.annotations = (json_t *)annotations.value;
	*out = read;
	return OK;
}

json_t *platform_json(const struct platform *platform)
{
	json_t *json = json_pack("{s:s, s:s}", "architecture", platform->arch, "os", platform->os);

	if (platform->variant[0])
		json_object_set_new(json, "variant", json_string(platform->variant));
	return json;
}

json_t *descriptor_json(const struct descriptor *descriptor)
{
	char digest[DIGEST_TEXT_MAX];
	json_t *json = json_pack("{s:s, s:s, s:I}", "mediaType",
				 media_text(descriptor->media, descriptor->is_docker), "digest",
				 digest_text(&descriptor->digest, digest), "size",
				 (json_int_t)descriptor->size);

	if (json_object_size(descriptor->annotations) > 0)
		json_object_set(json, "annotations", descriptor->annotations);
	if (descriptor->platform.os[0])
		json_object_set_new(json, "platform", platform_json(&descriptor->platform));
	return json;
}

const char *annotation_get(const struct descriptor *descriptor, const char *name)
{
	return json_string_value(json_object_get(descriptor->annotations, name));
}

/* ---- which document it is ---- */

/** Members that only one of the two kinds has. */
static const struct {
	const char *key;
	enum media media;
} telling[] = {
	{ "manifests", MEDIA_INDEX },
	{ "config", MEDIA_MANIFEST },
	{ "layers", MEDIA_MANIFEST },
};

/** The kind by the members; a document that could be read as both is somebody's trick. */
static result media_by_members(const json_t *json, const char *name, enum media *out,
			       struct error *err)
{
	enum media media = MEDIA_UNKNOWN;

	if (json_object_get(json, "fsLayers"))
		return fail(err, FAULT_INPUT,
			    "%s: Docker's image format of before 2016 (schema 1) is not supported",
			    name);
	for (size_t i = 0; i < countof(telling); i++) {
		if (!json_object_get(json, telling[i].key))
			continue;
		if (media != MEDIA_UNKNOWN && media != telling[i].media)
			return fail(err, FAULT_INPUT, "%s: is both an index and a manifest", name);
		media = telling[i].media;
	}
	*out = media;
	return OK;
}

static const char *kind_name(enum media media)
{
	return media == MEDIA_INDEX ? "an index" : "a manifest";
}

static result media_agree(const struct json_at *root, enum media expected, enum media *out,
			  struct error *err)
{
	enum media by_members = MEDIA_UNKNOWN, stated;
	bool is_docker;
	const char *text;

	if (media_by_members(root->value, root->path, &by_members, err) ||
	    json_find_string(root, "mediaType", &text, err))
		return FAILED;
	stated = text ? media_parse(text, &is_docker) : expected;
	if (stated == MEDIA_UNKNOWN && !text)
		stated = by_members;
	if (stated != MEDIA_INDEX && stated != MEDIA_MANIFEST)
		return fail(err, FAULT_INPUT,
			    "%s.mediaType: '%.100s' is neither index nor manifest", root->path,
			    text ? text : "");
	if (expected != MEDIA_UNKNOWN && stated != expected)
		return fail(err, FAULT_INPUT, "%s.mediaType: says %s where its descriptor says %s",
			    root->path, kind_name(stated), kind_name(expected));
	if (by_members != MEDIA_UNKNOWN && by_members != stated)
		return fail(err, FAULT_INPUT, "%s: says that it is %s but is %s", root->path,
			    kind_name(stated), kind_name(by_members));
	*out = stated;
	return OK;
}

result document_parse(const char *text, size_t length, const char *name, enum media expected,
		      json_t **out, enum media *media, struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at root;
	uint64_t version;

	if (json_parse(text, length, name, &json, err))
		return FAILED;
	root = json_root(json, name);
	if (json_get_number(&root, "schemaVersion", 2, &version, err) ||
	    media_agree(&root, expected, media, err))
		return FAILED;
	if (version != 2)
		return fail(err, FAULT_INPUT, "%s.schemaVersion: %d, only 2 is known", name,
			    (int)version);
	*out = take(json);
	return OK;
}

/* ---- the documents ---- */

/** An array of descriptors, which the caller frees. */
static result descriptors_read(const struct json_at *root, const char *key, size_t max,
			       struct descriptor **out, size_t *out_count, struct error *err)
{
	struct descriptor *list;
	struct json_at array;
	size_t count;

	if (json_get(root, key, &array, err))
		return FAILED;
	if (array.value && !json_is_array(array.value))
		return fail(err, FAULT_INPUT, "%s: wrong type, want an array", array.path);
	if (json_length(&array, max, &count, err))
		return FAILED;
	list = xcalloc(count, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		struct json_at at = json_element(&array, i);

		if (descriptor_read(&at, &list[i], err)) {
			free(list);
			return FAILED;
		}
	}
	*out = list;
	*out_count = count;
	return OK;
}

void manifest_drop(struct manifest *manifest)
{
	free(manifest->layers);
	*manifest = (struct manifest){};
}

result manifest_read(const json_t *json, struct manifest *out, struct error *err)
{
	struct json_at root = json_root(json, "manifest"), config;
	struct manifest read = {};

	if (json_get(&root, "config", &config, err) ||
	    descriptor_read(&config, &read.config, err) ||
	    descriptors_read(&root, "layers", LAYERS_MAX, &read.layers, &read.layer_count, err))
		return FAILED;
	*out = read;
	return OK;
}

result index_parse(const json_t *json, struct index *out, struct error *err)
{
	struct json_at root = json_root(json, "index");

	return descriptors_read(&root, "manifests", INDEX_ENTRIES_MAX, &out->manifests, &out->count,
				err);
}

/** The digests of a config's layers, each sha256. */
static result diff_ids_read(const struct json_at *rootfs, struct digest **out, size_t *count,
			    struct error *err)
{
	owned(strings) struct strings texts = {};
	struct digest *list;

	if (json_get_strings(rootfs, "diff_ids", LAYERS_MAX, &texts, err))
		return FAILED;
	list = xcalloc(texts.count, sizeof(*list));
	for (size_t i = 0; i < texts.count; i++) {
		if (digest_parse(texts.items[i], &list[i], err)) {
			free(list);
			return fail_in(err, "%s.diff_ids[%zu]", rootfs->path, i);
		}
	}
	*out = list;
	*count = texts.count;
	return OK;
}

result config_read(const json_t *json, struct platform *platform, struct digest **diff_ids,
		   size_t *count, struct error *err)
{
	struct json_at root = json_root(json, "config"), rootfs;
	const char *type;
	struct platform read;

	if (platform_read(&root, &read, err) || json_get(&root, "rootfs", &rootfs, err))
		return FAILED;
	if (!rootfs.value)
		return fail(err, FAULT_INPUT, "config.rootfs: missing, want an object");
	if (json_find_string(&rootfs, "type", &type, err))
		return FAILED;
	if (type && strcmp(type, "layers") != 0)
		return fail(err, FAULT_INPUT, "config.rootfs.type: '%.32s', want 'layers'", type);
	if (diff_ids_read(&rootfs, diff_ids, count, err))
		return FAILED;
	*platform = read;
	return OK;
}
