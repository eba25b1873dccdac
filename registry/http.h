/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One HTTP request, done well: limits, streaming both ways, resume, retries, redirects, cancel.
 *
 * What a caller need not think about: a transfer that broke goes on where it stopped; errors that
 * may pass are tried again; credentials never leave the origin that the request was made to; https
 * never becomes http; a server that says nothing for a minute is given up.
 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include "base/ctx.h"
#include "base/text.h"

enum {
	HTTP_TRIES = 4,
	HTTP_REDIRECTS_MAX = 10,
	HTTP_HEADERS_BYTES_MAX = 64 << 10, /* of all headers of one response */
	HTTP_ERROR_BYTES_MAX = 64 << 10,   /* of a body that says what went wrong; more is cut */
	HTTP_CONNECT_SECONDS = 15,
	HTTP_IDLE_SECONDS = 60,    /* slower than HTTP_IDLE_BYTES a second for so long: given up */
	HTTP_COMMIT_SECONDS = 300, /* the same for uploads: a registry may hash what it got */
	HTTP_IDLE_BYTES = 16,
	HTTP_WAIT_SECONDS_MAX = 60, /* between tries, whatever Retry-After says */
};

/** Connections of one thread, kept open between requests. */
struct http;

/** `insecure`: certificates are not checked. */
struct http *http_new(bool insecure);
void http_drop(struct http **http);

/** What an upload reads from; any offset may be asked for again. */
struct http_source {
	uint64_t length;
	result (*read)(void *arg, uint64_t offset, char *to, size_t room, size_t *got,
		       struct error *err);
	void *arg;
};

/** Where a body goes.  Offsets follow one another; 0 again means that all of it comes again. */
struct http_sink {
	result (*write)(void *arg, uint64_t offset, const void *data, size_t length,
			struct error *err);
	void *arg;
};

/** Everything is borrowed.  Fields left zero: none, or the default. */
struct http_request {
	const char *method; /* GET where NULL */
	const char *url;
	const char *authorization; /* the header's value */
	const char *accept;
	const char *content_type;
	const void *body; /* in memory, or ... */
	size_t body_length;
	const struct http_source *source; /* ... streamed */
	const struct http_sink *sink;     /* takes the body of a 2xx; NULL: response.body does */
	size_t limit;                     /* of response.body; FAULT_INPUT past it */
	bool varies; /* what is there may change between tries: parts of two are never joined */
	bool stays;  /* the body is a secret: no redirect leads it to another origin */
	unsigned tries;
	unsigned idle_seconds;
};

enum http_header {
	HTTP_CONTENT_RANGE,
	HTTP_CONTENT_TYPE,
	HTTP_CHALLENGE, /* WWW-Authenticate; several are joined with commas */
	HTTP_DIGEST,    /* Docker-Content-Digest */
	HTTP_ETAG,
	HTTP_LAST_MODIFIED,
	HTTP_LOCATION,
	HTTP_HEADERS,
};

/** Starts as {}; may be used again. */
struct http_response {
	long status;
	struct buf url; /* that answered, after redirects */
	struct buf headers[HTTP_HEADERS];
	struct buf body;
	bool untrusted; /* on failure: the certificate was not good */
	uint64_t retry_after;
};

void http_response_drop(struct http_response *response);
const char *http_header(const struct http_response *response, enum http_header header);

/**
 * OK means that a response came; its status may be any but those that are worth another try, unless
 * all tries are used up.  FAULT_NETWORK where none came; what the sink or source failed with.
 */
result http_send(const struct ctx *ctx, struct http *http, const struct http_request *request,
		 struct http_response *response, struct error *err);

/** Sleep before try number `attempt` (from 1: a half second, doubled); wakes up on cancel. */
result http_wait(const struct ctx *ctx, unsigned attempt, uint64_t retry_after, struct error *err);

/** Whether the same request may do better later: 408, 429, 5xx. */
bool http_is_transient(long status);

#endif
