/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Places that keep blobs and manifests, whatever they are: each call goes to the one or the other.
 */
#include "registry/depot.h"
#include "registry/client.h"
#include "registry/parallel.h"

#include "base/fd.h"
#include "base/mem.h"

#include <stdlib.h>

void depot_drop(struct depot **depot)
{
	if (!*depot)
		return;
	client_drop(&(*depot)->client);
	layout_drop(&(*depot)->layout);
	free(*depot);
	*depot = NULL;
}

result depot_open_repository(const struct ctx *ctx, const struct reference *ref, bool writes,
			     const struct transport *transport, struct depot **out,
			     struct error *err)
{
	owned(depot) struct depot *depot = xnew(struct depot);

	if (client_open(ctx, ref, writes ? CLIENT_PUSH : CLIENT_PULL, transport, &depot->client,
			err))
		return FAILED;
	*out = take(depot);
	return OK;
}

result depot_open_layout(const char *path, bool writes, struct depot **out, struct error *err)
{
	owned(depot) struct depot *depot = xnew(struct depot);

	if (layout_open(path, writes, &depot->layout, err))
		return FAILED;
	*out = take(depot);
	return OK;
}

result depot_lock(const struct ctx *ctx, struct depot *depot, bool *alone, struct error *err)
{
	if (depot->layout && layout_lock(ctx, depot->layout, err))
		return FAILED;
	*alone = depot->layout != NULL;
	return OK;
}

void depot_unlock(struct depot *depot)
{
	if (depot->layout)
		layout_unlock(depot->layout);
}

result depot_manifest(const struct ctx *ctx, struct depot *depot, const char *name,
		      struct buf *body, struct descriptor *out, struct error *err)
{
	struct digest want;
	struct error ignored = {};
	bool pinned = starts_with(name, "sha256:") && !digest_parse(name, &want, &ignored);

	if (depot->layout)
		return layout_manifest(depot->layout, name, body, out, err);
	return client_manifest(ctx, depot->client, name, pinned ? &want : NULL, body, out, err);
}

result depot_blob(const struct ctx *ctx, struct depot *depot, const struct descriptor *blob, int fd,
		  struct error *err)
{
	if (depot->layout)
		return layout_blob(ctx, depot->layout, blob, fd, err);
	return client_blob(ctx, depot->client, blob, fd, err);
}

result depot_fetch(const struct ctx *ctx, struct depot *depot, struct store *store,
		   const struct descriptor *blob, struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = NULL;
	owned(fd) int here = -1;
	struct error ignored = {};

	if (!store_blob(store, blob, &here, &ignored))
		return OK;
	if (blob_writer_new(store, &writer, err) ||
	    depot_blob(ctx, depot, blob, blob_writer_fd(writer), err))
		return FAILED;
	return blob_writer_commit(take(writer), &blob->digest, err);
}

/* ---- putting ---- */

struct put {
	struct depot *depot;
	struct store *store;
	const struct descriptor *blobs;
};

static result blob_put(const struct ctx *ctx, void *arg, size_t item, struct error *err)
{
	const struct put *put = arg;
	const struct descriptor *blob = &put->blobs[item];
	owned(fd) int fd = -1;
	bool there = false;

	if (put->depot->client &&
	    client_has(ctx, put->depot->client, "blobs", &blob->digest, &there, err))
		return FAILED;
	if (there)
		return OK;
	if (store_blob(put->store, blob, &fd, err))
		return FAILED;
	return put->depot->layout ? layout_put_blob(ctx, put->depot->layout, blob, fd, err)
				  : client_put_blob(ctx, put->depot->client, blob, fd, err);
}

result depot_put_blobs(const struct ctx *ctx, struct depot *depot, struct store *store,
		       const struct descriptor blobs[], size_t count, struct error *err)
{
	struct put put = { depot, store, blobs };

	return parallel_run(ctx, count, blob_put, &put, err);
}

result depot_put_manifest(const struct ctx *ctx, struct depot *depot, const char *tag,
			  const struct buf *body, struct error *err)
{
	const struct descriptor descriptor = {
		.media = MEDIA_MANIFEST,
		.size = body->length,
		.digest = digest_of(body->data, body->length),
	};

	if (depot->layout)
		return layout_put_manifest(ctx, depot->layout, tag, body, err);
	return client_put_manifest(ctx, depot->client, tag, &descriptor, body, err);
}
