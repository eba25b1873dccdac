/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/contents.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** Names are typed, so that a bad one is a mistake of usage. */
static result name_parse(const char *name, struct reference *out, struct error *err)
{
	if (!reference_parse(name, out, err))
		return OK;
	err->fault = FAULT_USAGE;
	return FAILED;
}

result name_resolve(struct store *store, const char *name, struct reference *ref,
		    struct descriptor *out, struct error *err)
{
	struct reference parsed;

	if (name_parse(name, &parsed, err) || store_resolve(store, &parsed, out, err))
		return FAILED;
	*ref = parsed;
	return OK;
}

result name_parse_new(const char *name, struct reference *out, struct error *err)
{
	struct reference parsed;

	if (name_parse(name, &parsed, err))
		return FAILED;
	if (parsed.pinned)
		return fail(err, FAULT_USAGE, "%s: a name cannot be given with a digest", name);
	*out = parsed;
	return OK;
}

result platform_argument(const char *text, struct platform *out, struct error *err)
{
	if (!text || !platform_parse(text, out, err))
		return OK;
	err->fault = FAULT_USAGE;
	return FAILED;
}

void contents_drop(struct contents *contents)
{
	for (size_t i = 0; i < contents->count; i++)
		image_drop(&contents->items[i].image);
	free(contents->items);
	index_drop(&contents->index);
	*contents = (struct contents){};
}

static result content_read(struct store *store, struct content *item, struct error *err)
{
	item->is_attestation = descriptor_is_attestation(&item->entry);
	item->is_here = store_has(store, &item->entry.digest);
	if (!item->is_here || item->is_attestation || item->entry.media != MEDIA_MANIFEST)
		return OK;
	return image_read(store, &item->entry, &item->image, err);
}

result contents_read(struct store *store, const struct descriptor *at, struct contents *out,
		     struct error *err)
{
	owned(contents) struct contents read = { .at = *at };

	if (index_read(store, at, &read.index, err))
		return FAILED;
	read.items = xcalloc(read.index.count, sizeof(*read.items));
	read.count = read.index.count;
	for (size_t i = 0; i < read.count; i++) {
		read.items[i].entry = read.index.manifests[i];
		if (content_read(store, &read.items[i], err))
			return FAILED;
	}
	*out = read;
	read = (struct contents){};
	return OK;
}

uint64_t image_size(const struct image *image)
{
	uint64_t size = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		size += image->layers[i].blob.size;
	return size;
}

static int by_digest(const void *a, const void *b)
{
	const struct layer *one = a, *other = b;

	return memcmp(&one->blob.digest, &other->blob.digest, sizeof(one->blob.digest));
}

uint64_t contents_size(const struct contents *contents)
{
	struct layer *all;
	size_t count = 0, found = 0;
	uint64_t size = 0;

	for (size_t i = 0; i < contents->count; i++)
		count += contents->items[i].image ? contents->items[i].image->layer_count : 0;
	all = xcalloc(count, sizeof(*all));
	for (size_t i = 0; i < contents->count; i++) {
		const struct image *image = contents->items[i].image;

		for (size_t j = 0; image && j < image->layer_count; j++)
			all[found++] = image->layers[j];
	}
	qsort(all, found, sizeof(*all), by_digest);
	for (size_t i = 0; i < found; i++) {
		if (i == 0 || by_digest(&all[i - 1], &all[i]) != 0)
			size += all[i].blob.size;
	}
	free(all);
	return size;
}

const char *contents_created(const struct contents *contents)
{
	const char *newest = "";

	for (size_t i = 0; i < contents->count; i++) {
		const struct image *image = contents->items[i].image;
		const char *created =
			image ? json_string_value(json_object_get(image->config, "created")) : NULL;

		/* RFC 3339 in UTC sorts as text. */
		if (created && strcmp(created, newest) > 0)
			newest = created;
	}
	return newest;
}
