/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From the store into a registry: blobs, then manifests, then what names them, so that nobody who
 * pulls meanwhile finds a manifest whose parts are missing.
 */
#include "registry/client.h"
#include "registry/parallel.h"
#include "registry/parts.h"
#include "registry/registry.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdlib.h>

struct push {
	struct store *store;
	struct client *client;
	struct descriptor top;
	struct buf top_body;
	json_t *top_json;
	struct index index; /* of a manifest: none */
	struct parts parts;
};

static void push_drop(struct push *push)
{
	buf_drop(&push->top_body);
	json_drop(&push->top_json);
	index_drop(&push->index);
	parts_drop(&push->parts);
	client_drop(&push->client);
}

/* ---- what has to go ---- */

static result document_load(struct push *push, struct descriptor *at, struct buf *body,
			    json_t **json, struct error *err)
{
	enum media media = MEDIA_UNKNOWN;

	if (store_read(push->store, at, MANIFEST_BYTES_MAX, body, err) ||
	    document_parse(buf_text(body), body->length, "manifest", at->media, json, &media, err))
		return FAILED;
	document_describe(*json, media, at);
	return OK;
}

/** An index must be whole: list the platforms whose manifests were never fetched. */
static result index_check(struct push *push, struct error *err)
{
	owned(buf) struct buf missing = {};
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < push->index.count; i++) {
		const struct descriptor *entry = &push->index.manifests[i];

		if (store_has(push->store, &entry->digest))
			continue;
		if (missing.length > 200) {
			buf_add_str(&missing, ", ...");
			break;
		}
		buf_printf(&missing, "%s%s", missing.length ? ", " : "",
			   *entry->platform.os ? platform_text(&entry->platform, text)
					       : "a manifest");
	}
	if (!missing.length)
		return OK;
	return fail(err, FAULT_MISSING,
		    "the store does not have all of this index: %s missing; "
		    "'mpemu pull --platform all' fetches the rest",
		    buf_text(&missing));
}

static result entry_parts(struct push *push, struct descriptor *entry, struct error *err)
{
	owned(buf) struct buf body = {};
	owned(json) json_t *json = NULL;
	char digest[DIGEST_TEXT_MAX];

	if (document_load(push, entry, &body, &json, err))
		return FAILED;
	if (entry->media != MEDIA_MANIFEST)
		return fail(err, FAULT_INPUT, "an index within an index is not supported");
	if (parts_add(&push->parts, json, err))
		return fail_in(err, "%s", digest_text(&entry->digest, digest));
	return OK;
}

static result push_plan(struct push *push, struct error *err)
{
	if (document_load(push, &push->top, &push->top_body, &push->top_json, err))
		return FAILED;
	if (push->top.media == MEDIA_MANIFEST) {
		if (parts_add(&push->parts, push->top_json, err))
			return FAILED;
	} else if (index_parse(push->top_json, &push->index, err) || index_check(push, err)) {
		return FAILED;
	}
	for (size_t i = 0; i < push->index.count; i++)
		if (entry_parts(push, &push->index.manifests[i], err))
			return FAILED;
	parts_unique(&push->parts);
	return OK;
}

/* ---- going ---- */

static result blob_send(const struct ctx *ctx, void *arg, size_t item, struct error *err)
{
	struct push *push = arg;
	const struct part *part = &push->parts.items[item];
	owned(fd) int fd = -1;
	bool there = false;

	/* A foreign layer that was never fetched: whoever pulls gets it where its URLs say. */
	if (part->elsewhere && !store_has(push->store, &part->blob.digest))
		return OK;
	if (client_has(ctx, push->client, "blobs", &part->blob.digest, &there, err))
		return FAILED;
	if (there)
		return OK;
	if (store_blob(push->store, &part->blob, &fd, err))
		return FAILED;
	return client_put_blob(ctx, push->client, &part->blob, fd, err);
}

static result manifest_send(const struct ctx *ctx, void *arg, size_t item, struct error *err)
{
	struct push *push = arg;
	const struct descriptor *entry = &push->index.manifests[item];
	owned(buf) struct buf body = {};
	char digest[DIGEST_TEXT_MAX];
	bool there = false;

	digest_text(&entry->digest, digest);
	if (client_has(ctx, push->client, "manifests", &entry->digest, &there, err))
		return fail_in(err, "manifest %s", digest);
	if (there)
		return OK;
	if (store_read(push->store, entry, MANIFEST_BYTES_MAX, &body, err))
		return FAILED;
	if (client_put_manifest(ctx, push->client, digest, entry, &body, err))
		return fail_in(err, "manifest %s", digest);
	return OK;
}

static result push_all(const struct ctx *ctx, struct push *push, const struct reference *ref,
		       struct error *err)
{
	char digest[DIGEST_TEXT_MAX];
	const char *name = *ref->tag ? ref->tag : digest_text(&push->top.digest, digest);

	if (parallel_run(ctx, push->parts.count, blob_send, push, err) ||
	    parallel_run(ctx, push->index.count, manifest_send, push, err))
		return FAILED;
	if (client_put_manifest(ctx, push->client, name, &push->top, &push->top_body, err))
		return fail_in(err, "manifest %s", name);
	return OK;
}

/** A name with a digest can only stand for that. */
static result pin_check(const struct reference *ref, const struct descriptor *at, struct error *err)
{
	char want[DIGEST_TEXT_MAX], is[DIGEST_TEXT_MAX];

	if (!ref->pinned || digest_equal(&ref->digest, &at->digest))
		return OK;
	return fail(err, FAULT_INPUT, "cannot be pushed as %s: it is %s",
		    digest_text(&ref->digest, want), digest_text(&at->digest, is));
}

result image_push(const struct ctx *ctx, struct store *store, const struct descriptor *at,
		  const struct reference *ref, const struct transport *transport, struct error *err)
{
	owned(push) struct push push = { .store = store, .top = *at };
	char text[REFERENCE_TEXT_MAX];

	if (pin_check(ref, at, err) || push_plan(&push, err) ||
	    client_open(ctx, ref, CLIENT_PUSH, transport, &push.client, err) ||
	    push_all(ctx, &push, ref, err))
		return fail_in(err, "%s", reference_text(ref, text));
	return OK;
}
