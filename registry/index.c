/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Images of several platforms under one name: read, choose from, merge, write.
 *
 * Order is meaning: who takes an image from an index takes the first that fits.  So entries are
 * written in the order given, and never sorted.
 */
#include "registry/manifest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void index_drop(struct index *index)
{
	free(index->manifests);
	json_decref(index->json);
	*index = (struct index){};
}

bool descriptor_is_attestation(const struct descriptor *descriptor)
{
	return strcmp(descriptor->platform.os, "unknown") == 0 ||
	       annotation_get(descriptor, "vnd.docker.reference.type");
}

/* ---- reading ---- */

static result index_of_manifest(struct store *store, const struct descriptor *at, struct index *out,
				struct error *err)
{
	struct platform platform;

	if (image_platform(store, at, &platform, err))
		return FAILED;
	out->manifests = xnew(struct descriptor);
	out->manifests[0] = *at;
	out->manifests[0].annotations = NULL;
	out->manifests[0].platform = platform;
	out->count = 1;
	out->is_lone = true;
	return OK;
}

/** Entries that do not say their platform; an image that was not pulled stays without. */
static result platforms_fill(struct store *store, struct index *index, struct error *err)
{
	for (size_t i = 0; i < index->count; i++) {
		struct descriptor *entry = &index->manifests[i];

		if (entry->platform.os[0] || entry->media != MEDIA_MANIFEST ||
		    descriptor_is_attestation(entry) || !store_has(store, &entry->digest))
			continue;
		if (image_platform(store, entry, &entry->platform, err))
			return fail_in(err, "index.manifests[%zu]", i);
	}
	return OK;
}

static result index_fill(struct store *store, const struct descriptor *at, struct index *out,
			 struct error *err)
{
	owned(buf) struct buf text = {};
	enum media media;

	if (at->media == MEDIA_MANIFEST)
		return index_of_manifest(store, at, out, err);
	if (at->media != MEDIA_INDEX)
		return fail(err, FAULT_INPUT, "neither an index nor an image");
	if (store_read(store, at, MANIFEST_BYTES_MAX, &text, err) ||
	    document_parse(buf_text(&text), text.length, "index", MEDIA_INDEX, &out->json, &media,
			   err) ||
	    index_parse(out->json, out, err))
		return FAILED;
	return platforms_fill(store, out, err);
}

result index_read(struct store *store, const struct descriptor *at, struct index *out,
		  struct error *err)
{
	owned(index) struct index index = {};

	if (index_fill(store, at, &index, err))
		return FAILED;
	*out = index;
	index = (struct index){};
	return OK;
}

/* ---- choosing ---- */

static bool is_choosable(const struct descriptor *entry)
{
	return entry->media == MEDIA_MANIFEST && entry->platform.os[0] &&
	       !descriptor_is_attestation(entry);
}

static result no_such_platform(const struct index *index, const struct platform *platform,
			       struct error *err)
{
	owned(buf) struct buf list = {};
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < index->count; i++) {
		if (!is_choosable(&index->manifests[i]))
			continue;
		buf_printf(&list, "%s%s", list.length ? ", " : "",
			   platform_text(&index->manifests[i].platform, text));
	}
	return fail(err, FAULT_MISSING, "no %s; has %s", platform_text(platform, text),
		    list.length ? buf_text(&list) : "no image of any platform");
}

result index_choose(const struct index *index, const struct platform *platform,
		    struct descriptor *out, struct error *err)
{
	const struct descriptor *best = NULL;
	int nearest = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct descriptor *entry = &index->manifests[i];
		int distance =
			is_choosable(entry) ? platform_distance(&entry->platform, platform) : 0;

		if (distance == 0 || (best && distance >= nearest))
			continue;
		best = entry;
		nearest = distance;
	}
	if (!best)
		return no_such_platform(index, platform, err);
	*out = *best;
	return OK;
}

result index_choose_base(const struct index *index, const struct platform *platform,
			 struct descriptor *out, struct error *err)
{
	if (!index->is_lone || !is_choosable(&index->manifests[0]))
		return index_choose(index, platform, out, err);
	*out = index->manifests[0];
	return OK;
}

/* ---- merging ---- */

/** What was merged so far, and which source each entry came from. */
struct merged {
	struct descriptor *entries;
	size_t *sources;
	size_t count;
};

static void merged_drop(struct merged *merged)
{
	free(merged->entries);
	free(merged->sources);
}

static void merged_add(struct merged *merged, const struct descriptor *entry, size_t source)
{
	array_grow(merged->entries, merged->count);
	array_grow(merged->sources, merged->count);
	merged->entries[merged->count] = *entry;
	merged->sources[merged->count++] = source;
}

/** Whether the entry is there already; FAULT_INPUT where another stands in its place. */
static result merged_has(const struct merged *merged, const struct index_source sources[],
			 size_t source, const struct descriptor *entry, bool *out,
			 struct error *err)
{
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < merged->count; i++) {
		const struct descriptor *other = &merged->entries[i];

		if (digest_equal(&other->digest, &entry->digest)) {
			*out = true;
			return OK;
		}
		if (is_choosable(entry) && is_choosable(other) &&
		    platform_equal(&other->platform, &entry->platform))
			return fail(err, FAULT_INPUT, "%s and %s both have an image for %s",
				    sources[merged->sources[i]].name, sources[source].name,
				    platform_text(&entry->platform, text));
	}
	*out = false;
	return OK;
}

/** All entries of one source: its images first, what attests them at the end (`is_late`). */
static result merge_source(struct merged *merged, const struct index_source sources[],
			   size_t source, bool is_late, struct error *err)
{
	const struct index *index = sources[source].index;

	for (size_t i = 0; i < index->count; i++) {
		bool known = false;

		if (descriptor_is_attestation(&index->manifests[i]) != is_late)
			continue;
		if (merged_has(merged, sources, source, &index->manifests[i], &known, err))
			return FAILED;
		if (!known && merged->count == INDEX_ENTRIES_MAX)
			return fail(err, FAULT_INPUT, "more than %d images", INDEX_ENTRIES_MAX);
		if (!known)
			merged_add(merged, &index->manifests[i], source);
	}
	return OK;
}

result index_merge(const struct index_source sources[], size_t source_count,
		   struct descriptor **out, size_t *count, struct error *err)
{
	owned(merged) struct merged merged = {};

	for (int is_late = 0; is_late <= 1; is_late++) {
		for (size_t i = 0; i < source_count; i++) {
			if (merge_source(&merged, sources, i, is_late, err))
				return FAILED;
		}
	}
	*count = merged.count;
	*out = take(merged.entries);
	return OK;
}

/* ---- writing ---- */

result index_write(struct store *store, const struct descriptor manifests[], size_t count,
		   const json_t *annotations, struct descriptor *out, struct error *err)
{
	json_t *list = json_array();
	owned(json) json_t *json = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType",
					     media_text(MEDIA_INDEX, false), "manifests", list);
	owned(str) char *text = NULL;

	for (size_t i = 0; i < count; i++) {
		if (manifests[i].media == MEDIA_UNKNOWN)
			return fail(err, FAULT_INPUT,
				    "index.manifests[%zu]: neither image nor index", i);
		json_array_append_new(list, descriptor_json(&manifests[i]));
	}
	if (json_object_size(annotations) > 0)
		json_object_set_new(json, "annotations", json_deep_copy(annotations));
	text = json_text(json, true);
	if (strlen(text) > MANIFEST_BYTES_MAX)
		return fail(err, FAULT_INPUT, "the index is larger than %d bytes",
			    MANIFEST_BYTES_MAX);
	if (store_put(store, MEDIA_INDEX, text, strlen(text), out, err))
		return fail_in(err, "index");
	return OK;
}
