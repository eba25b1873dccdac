/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From a registry into the store.
 *
 * Documents stay in memory until all blobs are there and are stored in the order of what points to
 * what, so that a manifest in the store means that its image is whole.
 */
#include "registry/client.h"
#include "registry/parallel.h"
#include "registry/parts.h"
#include "registry/registry.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENTS_BYTES_MAX = 64 << 20 /* held at the same time */ };

/** A manifest or index as it came. */
struct document {
	struct descriptor descriptor;
	struct buf body;
	json_t *json;
	bool wanted;
};

struct pull {
	struct store *store;
	struct client *client;
	const struct reference *ref;
	index_chooser *choose;
	struct document top;
	struct document *entries; /* of the index, one each; those not fetched have no json */
	struct index index;       /* of a manifest: itself */
	struct parts parts;
	atomic_size_t held;
};

static void document_drop(struct document *document)
{
	buf_drop(&document->body);
	json_drop(&document->json);
}

static void pull_drop(struct pull *pull)
{
	for (size_t i = 0; pull->entries && i < pull->index.count; i++)
		document_drop(&pull->entries[i]);
	free(pull->entries);
	document_drop(&pull->top);
	index_drop(&pull->index);
	parts_drop(&pull->parts);
	client_drop(&pull->client);
}

/* ---- documents ---- */

static result document_read(struct document *document, struct error *err)
{
	struct descriptor *descriptor = &document->descriptor;
	const struct buf *body = &document->body;
	enum media media = MEDIA_UNKNOWN;

	if (document_parse(buf_text(body), body->length, "manifest", descriptor->media,
			   &document->json, &media, err))
		return FAILED;
	document_describe(document->json, media, descriptor);
	return OK;
}

static result top_fetch(const struct ctx *ctx, struct pull *pull, struct error *err)
{
	const struct reference *ref = pull->ref;
	char digest[DIGEST_TEXT_MAX];
	const char *name = ref->pinned ? digest_text(&ref->digest, digest) : ref->tag;

	if (client_manifest(ctx, pull->client, name, ref->pinned ? &ref->digest : NULL,
			    &pull->top.body, &pull->top.descriptor, err) ||
	    document_read(&pull->top, err))
		return FAILED;
	pull->top.wanted = true;
	return OK;
}

/** Whether the store has a blob in its full size; one that was cut short is fetched again. */
static bool is_here(struct pull *pull, const struct descriptor *blob)
{
	owned(fd) int fd = -1;
	struct error ignored = {};

	return store_blob(pull->store, blob, &fd, &ignored) == OK;
}

static result entry_download(const struct ctx *ctx, struct pull *pull, struct document *entry,
			     struct error *err)
{
	const struct descriptor *want = &entry->descriptor;
	char digest[DIGEST_TEXT_MAX];
	struct descriptor got;

	if (is_here(pull, want))
		return store_read(pull->store, want, MANIFEST_BYTES_MAX, &entry->body, err);
	if (client_manifest(ctx, pull->client, digest_text(&want->digest, digest), &want->digest,
			    &entry->body, &got, err))
		return FAILED;
	if (got.size != want->size)
		return fail(err, FAULT_INTEGRITY, "manifest %s: %llu bytes, its index says %llu",
			    digest, (unsigned long long)got.size, (unsigned long long)want->size);
	return OK;
}

/** One entry of the index, if it is wanted and not here yet. */
static result entry_fetch(const struct ctx *ctx, void *arg, size_t item, struct error *err)
{
	struct pull *pull = arg;
	struct document *entry = &pull->entries[item];
	char text[PLATFORM_TEXT_MAX];

	if (!entry->wanted || entry->json)
		return OK;
	platform_text(&pull->index.manifests[item].platform, text);
	if (entry_download(ctx, pull, entry, err) || document_read(entry, err))
		return *text ? fail_in(err, "%s", text) : FAILED;
	if (entry->descriptor.media != MEDIA_MANIFEST)
		return fail(err, FAULT_INPUT, "an index within an index is not supported");
	if (atomic_fetch_add(&pull->held, entry->body.length) > DOCUMENTS_BYTES_MAX)
		return fail(err, FAULT_INPUT, "manifests are larger than %d bytes together",
			    DOCUMENTS_BYTES_MAX);
	return OK;
}

static result blob_fetch(const struct ctx *ctx, struct pull *pull, const struct part *part,
			 struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = NULL;
	const struct descriptor *blob = &part->blob;
	char digest[DIGEST_TEXT_MAX];

	if (is_here(pull, blob))
		return OK;
	if (part->elsewhere)
		return fail(err, FAULT_INPUT,
			    "layer %s is kept outside of the registry, under URLs of its manifest; "
			    "such foreign layers are not fetched",
			    digest_text(&blob->digest, digest));
	if (blob_writer_new(pull->store, &writer, err) ||
	    client_blob(ctx, pull->client, blob, blob_writer_fd(writer), err))
		return FAILED;
	return blob_writer_commit(take(writer), &blob->digest, err);
}

static result part_fetch(const struct ctx *ctx, void *arg, size_t item, struct error *err)
{
	struct pull *pull = arg;

	return blob_fetch(ctx, pull, &pull->parts.items[item], err);
}

/* ---- platforms ---- */

/** The platform of a manifest that nobody told: its config has it. */
static result platform_find(const struct ctx *ctx, struct pull *pull,
			    const struct document *document, struct platform *out,
			    struct error *err)
{
	owned(parts) struct parts parts = {};
	owned(buf) struct buf body = {};
	owned(json) json_t *json = NULL;
	struct digest *diff_ids = NULL;
	size_t count = 0;

	if (parts_add(&parts, document->json, err))
		return FAILED;
	if (parts.items[0].blob.media != MEDIA_CONFIG)
		return OK; /* an artifact: of no platform */
	if (blob_fetch(ctx, pull, &parts.items[0], err) ||
	    store_read(pull->store, &parts.items[0].blob, CONFIG_BYTES_MAX, &body, err) ||
	    json_parse(buf_text(&body), body.length, "config", &json, err) ||
	    config_read(json, out, &diff_ids, &count, err))
		return FAILED;
	free(diff_ids);
	return OK;
}

/** Give every entry of the index a document and a platform; a manifest is its own only entry. */
static result index_open(const struct ctx *ctx, struct pull *pull, struct error *err)
{
	struct index *index = &pull->index;

	if (pull->top.descriptor.media == MEDIA_MANIFEST) {
		index->manifests = xnew(struct descriptor);
		index->manifests[0] = pull->top.descriptor;
		index->count = 1;
		index->is_lone = true;
		return platform_find(ctx, pull, &pull->top, &index->manifests[0].platform, err);
	}
	if (index_parse(pull->top.json, index, err))
		return FAILED;
	pull->entries = xcalloc(index->count, sizeof(*pull->entries));
	for (size_t i = 0; i < index->count; i++) {
		pull->entries[i].descriptor = index->manifests[i];
		pull->entries[i].wanted = !*index->manifests[i].platform.os;
	}
	if (parallel_run(ctx, index->count, entry_fetch, pull, err))
		return FAILED;
	for (size_t i = 0; i < index->count; i++) {
		struct document *entry = &pull->entries[i];

		if (entry->wanted &&
		    platform_find(ctx, pull, entry, &index->manifests[i].platform, err))
			return FAILED;
		entry->wanted = false;
	}
	return OK;
}

static void want(struct pull *pull, const struct descriptor *chosen)
{
	for (size_t i = 0; pull->entries && i < pull->index.count; i++)
		if (digest_equal(&pull->index.manifests[i].digest, &chosen->digest)) {
			pull->entries[i].wanted = true;
			return; /* the same manifest twice is fetched once */
		}
}

static result entries_choose(struct pull *pull, const struct platform platforms[], size_t count,
			     struct error *err)
{
	struct descriptor chosen;

	for (size_t i = 0; i < count; i++) {
		if (pull->choose(&pull->index, &platforms[i], &chosen, err))
			return FAILED;
		want(pull, &chosen);
	}
	for (size_t i = 0; count == 0 && i < pull->index.count; i++)
		want(pull, &pull->index.manifests[i]);
	return OK;
}

/* ---- the whole ---- */

static result parts_find(struct pull *pull, struct error *err)
{
	if (!pull->entries)
		return parts_add(&pull->parts, pull->top.json, err);
	for (size_t i = 0; i < pull->index.count; i++)
		if (pull->entries[i].wanted && parts_add(&pull->parts, pull->entries[i].json, err))
			return FAILED;
	return OK;
}

static result document_keep(struct pull *pull, const struct document *document, struct error *err)
{
	struct descriptor kept;

	return store_put(pull->store, document->descriptor.media, document->body.data,
			 document->body.length, &kept, err);
}

static result documents_keep(struct pull *pull, struct error *err)
{
	for (size_t i = 0; pull->entries && i < pull->index.count; i++)
		if (pull->entries[i].wanted && document_keep(pull, &pull->entries[i], err))
			return FAILED;
	return document_keep(pull, &pull->top, err);
}

static result pull_all(const struct ctx *ctx, struct pull *pull, const struct platform platforms[],
		       size_t count, struct error *err)
{
	if (top_fetch(ctx, pull, err) || index_open(ctx, pull, err) ||
	    entries_choose(pull, platforms, count, err))
		return FAILED;
	if (pull->entries && parallel_run(ctx, pull->index.count, entry_fetch, pull, err))
		return FAILED;
	if (parts_find(pull, err))
		return FAILED;
	parts_unique(&pull->parts);
	if (parallel_run(ctx, pull->parts.count, part_fetch, pull, err))
		return FAILED;
	return documents_keep(pull, err);
}

static result pull_run(const struct ctx *ctx, struct pull *pull, const struct platform platforms[],
		       size_t count, const struct transport *transport, struct descriptor *out,
		       struct error *err)
{
	char text[REFERENCE_TEXT_MAX];

	if (client_open(ctx, pull->ref, CLIENT_PULL, transport, &pull->client, err) ||
	    pull_all(ctx, pull, platforms, count, err))
		return fail_in(err, "%s", reference_text(pull->ref, text));
	*out = pull->top.descriptor;
	return OK;
}

result image_pull(const struct ctx *ctx, struct store *store, const struct reference *ref,
		  const struct platform platforms[], size_t count,
		  const struct transport *transport, struct descriptor *out, struct error *err)
{
	owned(pull) struct pull pull = { .store = store, .ref = ref, .choose = index_choose };

	return pull_run(ctx, &pull, platforms, count, transport, out, err);
}

result image_pull_base(const struct ctx *ctx, struct store *store, const struct reference *ref,
		       const struct platform platforms[], size_t count,
		       const struct transport *transport, struct descriptor *out, struct error *err)
{
	owned(pull) struct pull pull = { .store = store, .ref = ref, .choose = index_choose_base };

	return pull_run(ctx, &pull, platforms, count, transport, out, err);
}
