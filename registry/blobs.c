/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Blobs down and up: hashed on the way, so that nothing is believed and nothing is read twice.
 */
#include "registry/client.h"
#include "registry/url.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdio.h>
#include <string.h>

enum { UPLOAD_TRIES = 4, ANSWER_BYTES_MAX = 1 << 20, EVENT_BYTES = 1 << 18 };

/** A blob on its way, in either direction. */
struct passage {
	const struct ctx *ctx;
	const struct descriptor *blob;
	int fd;
	struct hasher *hasher;
	uint64_t hashed; /* bytes from the start that the hasher has seen */
	uint64_t told;   /* what the last event said */
	char name[40];   /* for people: "pulling sha256:0123456789ab" */
};

static void passage_drop(struct passage *passage)
{
	hasher_drop(&passage->hasher);
}

static struct passage passage_new(const struct ctx *ctx, const char *verb,
				  const struct descriptor *blob, int fd)
{
	struct passage passage = {
		.ctx = ctx,
		.blob = blob,
		.fd = fd,
		.hasher = hasher_new(),
	};
	char text[DIGEST_TEXT_MAX];

	snprintf(passage.name, sizeof(passage.name), "%s %.19s", verb,
		 digest_text(&blob->digest, text));
	return passage;
}

static void tell(struct passage *passage, uint64_t bytes)
{
	if (bytes != passage->blob->size && bytes >= passage->told &&
	    bytes - passage->told < EVENT_BYTES)
		return;
	passage->told = bytes;
	progress_transfer(passage->ctx, passage->name, bytes, passage->blob->size);
}

/* ---- down ---- */

static result begin_anew(struct passage *passage, struct error *err)
{
	if (ftruncate(passage->fd, 0) < 0 || lseek(passage->fd, 0, SEEK_SET) < 0)
		return fail_sys(err, "truncate");
	(void)hasher_finish(passage->hasher);
	passage->hashed = 0;
	return OK;
}

static result on_arrival(void *arg, uint64_t offset, const void *data, size_t length,
			 struct error *err)
{
	struct passage *passage = arg;

	if (offset == 0 && passage->hashed && begin_anew(passage, err))
		return FAILED;
	if (length > passage->blob->size - passage->hashed)
		return fail(err, FAULT_INTEGRITY, "registry sent more than its %llu bytes",
			    (unsigned long long)passage->blob->size);
	if (write_all(passage->fd, data, length, err))
		return FAILED;
	hasher_add(passage->hasher, data, length);
	passage->hashed += length;
	tell(passage, passage->hashed);
	return OK;
}

static result arrival_check(struct passage *passage, struct error *err)
{
	struct digest got = hasher_finish(passage->hasher);
	char text[DIGEST_TEXT_MAX];

	if (passage->hashed != passage->blob->size)
		return fail(err, FAULT_INTEGRITY, "registry sent %llu of %llu bytes",
			    (unsigned long long)passage->hashed,
			    (unsigned long long)passage->blob->size);
	if (!digest_equal(&got, &passage->blob->digest))
		return fail(err, FAULT_INTEGRITY, "registry sent %s", digest_text(&got, text));
	return OK;
}

result client_blob(const struct ctx *ctx, struct client *client, const struct descriptor *blob,
		   int fd, struct error *err)
{
	owned(http_response) struct http_response response = {};
	owned(passage) struct passage passage = passage_new(ctx, "pulling", blob, fd);
	char digest[DIGEST_TEXT_MAX];
	owned(str) char *path = xasprintf("blobs/%s", digest_text(&blob->digest, digest));
	struct http_sink sink = { .write = on_arrival, .arg = &passage };
	struct http_request request = { .url = path, .sink = &sink };

	if (client_call(ctx, client, &request, &response, err) ||
	    (response.status != 200 && response.status != 206 &&
	     client_refused(client, &response, err)) ||
	    arrival_check(&passage, err))
		return fail_in(err, "blob %s", digest);
	return OK;
}

/* ---- up ---- */

/** Nothing is hashed twice, but a new try reads from the start again. */
static result departure_check(struct passage *passage, uint64_t offset, const char *data,
			      size_t length, struct error *err)
{
	struct digest got;
	char text[DIGEST_TEXT_MAX];

	if (offset == 0 && passage->hashed) {
		(void)hasher_finish(passage->hasher);
		passage->hashed = 0;
	}
	if (offset != passage->hashed)
		return OK; /* curl went back a bit; the registry checks the whole anyway */
	hasher_add(passage->hasher, data, length);
	passage->hashed += length;
	if (passage->hashed < passage->blob->size)
		return OK;
	got = hasher_finish(passage->hasher);
	passage->hashed = 0;
	if (digest_equal(&got, &passage->blob->digest))
		return OK;
	return fail(err, FAULT_INTEGRITY, "the store holds %s in its place; run 'mpemu fsck'",
		    digest_text(&got, text));
}

static result on_departure(void *arg, uint64_t offset, char *to, size_t room, size_t *got,
			   struct error *err)
{
	struct passage *passage = arg;
	ssize_t bytes;

	do
		bytes = pread(passage->fd, to, room, (off_t)offset);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return fail_sys(err, "read");
	if (bytes == 0)
		return fail(err, FAULT_INTEGRITY, "the store's file is too short");
	if (departure_check(passage, offset, to, (size_t)bytes, err))
		return FAILED;
	tell(passage, offset + (uint64_t)bytes);
	*got = (size_t)bytes;
	return OK;
}

/** Where the registry wants the bytes: Location, seen from where it answered. */
static result upload_url(const struct http_response *response, const char *digest, char **out,
			 struct error *err)
{
	const char *from = buf_text(&response->url);
	owned(str) char *location = NULL;

	if (!*http_header(response, HTTP_LOCATION))
		return fail(err, FAULT_INPUT, "the registry does not say where to upload to");
	if (url_resolve(from, http_header(response, HTTP_LOCATION), &location, err))
		return fail_in(err, "upload location");
	if (url_is_https(from) && !url_is_https(location))
		return fail(err, FAULT_NETWORK,
			    "the registry wants the upload over plain http; a proxy before it may "
			    "have to set X-Forwarded-Proto");
	if (url_is_local(location) && !url_is_local(from))
		return fail(err, FAULT_NETWORK, "the registry wants the upload at a local address");
	*out = url_with(location, "digest", digest);
	return OK;
}

static result upload(const struct ctx *ctx, struct client *client, struct passage *passage,
		     struct http_response *response, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];
	owned(str) char *url = NULL;
	struct http_source source = {
		.length = passage->blob->size,
		.read = on_departure,
		.arg = passage,
	};
	struct http_request start = {
		.method = "POST",
		.url = "blobs/uploads/",
		.limit = ANSWER_BYTES_MAX,
	};
	struct http_request put = {
		.method = "PUT",
		.content_type = "application/octet-stream",
		.source = &source,
		.limit = ANSWER_BYTES_MAX,
		.tries = 1, /* a broken upload has to be started anew */
	};

	if (client_call(ctx, client, &start, response, err))
		return FAILED;
	if (response->status != 202)
		return client_refused(client, response, err);
	if (upload_url(response, digest_text(&passage->blob->digest, digest), &url, err))
		return FAILED;
	put.url = url;
	if (client_call(ctx, client, &put, response, err))
		return FAILED;
	if (response->status != 201 && response->status != 204)
		return client_refused(client, response, err);
	return OK;
}

result client_put_blob(const struct ctx *ctx, struct client *client, const struct descriptor *blob,
		       int fd, struct error *err)
{
	owned(passage) struct passage passage = passage_new(ctx, "pushing", blob, fd);
	char digest[DIGEST_TEXT_MAX];

	digest_text(&blob->digest, digest);
	for (unsigned attempt = 1;; attempt++) {
		owned(http_response) struct http_response response = {};
		struct error fault = {};

		if (upload(ctx, client, &passage, &response, &fault) == OK)
			return OK;
		if (!fault_is_transient(fault.fault) || attempt == UPLOAD_TRIES) {
			*err = fault;
			return fail_in(err, "blob %s", digest);
		}
		progress_note(ctx, "blob %s: %s; trying again", digest, fault.text);
		if (http_wait(ctx, attempt, response.retry_after, err))
			return FAILED;
	}
}
