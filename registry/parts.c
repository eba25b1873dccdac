/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/parts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void parts_drop(struct parts *parts)
{
	free(parts->items);
	*parts = (struct parts){};
}

static void part_add(struct parts *parts, const struct descriptor *blob, bool elsewhere)
{
	array_grow(parts->items, parts->count);
	parts->items[parts->count] = (struct part){ .blob = *blob, .elsewhere = elsewhere };
	parts->items[parts->count++].blob.annotations = NULL; /* the document may go */
}

result parts_add(struct parts *parts, const json_t *manifest, struct error *err)
{
	const json_t *layers = json_object_get(manifest, "layers");
	owned(manifest) struct manifest read = {};

	if (manifest_read(manifest, &read, err))
		return FAILED;
	part_add(parts, &read.config, false);
	for (size_t i = 0; i < read.layer_count; i++) {
		const json_t *urls = json_object_get(json_array_get(layers, i), "urls");

		part_add(parts, &read.layers[i], json_array_size(urls) > 0);
	}
	return OK;
}

static int compare(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return memcmp(x->blob.digest.bytes, y->blob.digest.bytes, sizeof(x->blob.digest.bytes));
}

void parts_unique(struct parts *parts)
{
	size_t kept = 0;

	if (parts->count == 0)
		return;
	qsort(parts->items, parts->count, sizeof(*parts->items), compare);
	for (size_t i = 1; i < parts->count; i++)
		if (compare(&parts->items[kept], &parts->items[i]) != 0)
			parts->items[++kept] = parts->items[i];
	parts->count = kept + 1;
}

void document_describe(const json_t *json, enum media media, struct descriptor *out)
{
	const char *stated = json_string_value(json_object_get(json, "mediaType"));
	bool is_docker;

	out->media = media;
	if (stated && media_parse(stated, &is_docker) == media)
		out->is_docker = is_docker;
}
