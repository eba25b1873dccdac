/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTTP over libcurl's multi interface, so that every wait also sees the cancel token.
 *
 * Three loops, from the inside out: exchange_run() is one request and its response, follow() goes
 * through redirects, http_send() tries again.  curl itself follows, decodes and retries nothing.
 */
#include "registry/http.h"
#include "registry/url.h"

#include "base/mem.h"
#include "base/progress.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const header_names[HTTP_HEADERS] = {
	[HTTP_CONTENT_RANGE] = "Content-Range",
	[HTTP_CONTENT_TYPE] = "Content-Type",
	[HTTP_CHALLENGE] = "WWW-Authenticate",
	[HTTP_DIGEST] = "Docker-Content-Digest",
	[HTTP_ETAG] = "ETag",
	[HTTP_LAST_MODIFIED] = "Last-Modified",
	[HTTP_LOCATION] = "Location",
};

/** Certificate errors: trying again is of no use, and plain HTTP is no way out. */
static const CURLcode untrusted_codes[] = {
	CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR,         CURLE_SSL_CACERT_BADFILE,
	CURLE_SSL_CERTPROBLEM,          CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS,
};

struct http {
	CURL *easy;
	CURLM *multi;
	bool insecure;
};

/** One request in flight.  `received` outlives it: the next try goes on from there. */
struct exchange {
	const struct ctx *ctx;
	struct http *http;
	const struct http_request *request;
	struct http_response *response;
	uint64_t sent, received;
	struct buf etag; /* a strong one, of what was received */
	size_t header_bytes;
	bool begun;     /* the first byte of the body was seen */
	bool cut;       /* enough of an error page */
	bool misplaced; /* a 206 for another range than we asked for */
	bool unheard;   /* nobody listens, which the host itself says, and it is this one */
	result failed;  /* a callback failed, and says why in ... */
	struct error error;
	char reason[CURL_ERROR_SIZE];
};

static void global_init(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

struct http *http_new(bool insecure)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *http = xnew(struct http);

	pthread_once(&once, global_init);
	http->easy = curl_easy_init();
	http->multi = curl_multi_init();
	http->insecure = insecure;
	if (!http->easy || !http->multi)
		abort(); /* no memory */
	return http;
}

void http_drop(struct http **http)
{
	if (!*http)
		return;
	curl_easy_cleanup((*http)->easy);
	curl_multi_cleanup((*http)->multi);
	free(*http);
	*http = NULL;
}

void http_response_drop(struct http_response *response)
{
	for (size_t i = 0; i < HTTP_HEADERS; i++)
		buf_drop(&response->headers[i]);
	buf_drop(&response->url);
	buf_drop(&response->body);
}

const char *http_header(const struct http_response *response, enum http_header header)
{
	return buf_text(&response->headers[header]);
}

bool http_is_transient(long status)
{
	return status == 408 || status == 429 || (status >= 500 && status != 501);
}

static bool is_success(long status)
{
	return status >= 200 && status < 300;
}

/* ---- what curl calls ---- */

static void response_clear(struct http_response *response)
{
	for (size_t i = 0; i < HTTP_HEADERS; i++)
		buf_clear(&response->headers[i]);
	buf_clear(&response->body);
	response->status = 0;
	response->retry_after = 0;
	response->untrusted = false;
}

static void keep_header(struct http_response *response, const char *name, size_t name_length,
			const char *value, size_t value_length)
{
	for (size_t i = 0; i < HTTP_HEADERS; i++) {
		struct buf *kept = &response->headers[i];

		if (strlen(header_names[i]) != name_length ||
		    strncasecmp(header_names[i], name, name_length) != 0)
			continue;
		if (i != HTTP_CHALLENGE)
			buf_clear(kept);
		else if (kept->length)
			buf_add_str(kept, ", ");
		buf_add(kept, value, value_length);
	}
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	size_t length = size * count;
	const char *colon = memchr(line, ':', length), *value, *end = line + length;

	exchange->header_bytes += length;
	if (exchange->header_bytes > HTTP_HEADERS_BYTES_MAX) {
		exchange->failed = fail(&exchange->error, FAULT_INPUT,
					"headers are larger than %d bytes", HTTP_HEADERS_BYTES_MAX);
		return 0;
	}
	if (length > 5 && strncmp(line, "HTTP/", 5) == 0) {
		response_clear(exchange->response); /* after a 100 comes another one */
		return length;
	}
	if (!colon)
		return length;
	for (value = colon + 1; value < end && is_blank(*value);)
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	keep_header(exchange->response, line, (size_t)(colon - line), value, (size_t)(end - value));
	return length;
}

/** Whether a Content-Range starts at this byte. */
static bool range_starts_at(const char *text, uint64_t offset)
{
	static const char unit[] = "bytes ";
	char *end;

	if (!starts_with(text, unit) || !isdigit((unsigned char)text[sizeof(unit) - 1]))
		return false;
	return strtoull(text + sizeof(unit) - 1, &end, 10) == offset && *end == '-';
}

static void whole_begin(struct exchange *exchange)
{
	const char *etag = http_header(exchange->response, HTTP_ETAG);

	exchange->received = 0;
	buf_clear(&exchange->etag);
	if (*etag == '"')
		buf_add_str(&exchange->etag, etag);
}

/** A body begins: does it start where we asked, or at zero? */
static bool body_begin(struct exchange *exchange)
{
	struct http_response *response = exchange->response;

	if (exchange->begun)
		return !exchange->misplaced;
	exchange->begun = true;
	curl_easy_getinfo(exchange->http->easy, CURLINFO_RESPONSE_CODE, &response->status);
	if (!exchange->request->sink || !is_success(response->status))
		return true;
	if (response->status == 206)
		exchange->misplaced = !range_starts_at(http_header(response, HTTP_CONTENT_RANGE),
						       exchange->received);
	else
		whole_begin(exchange);
	return !exchange->misplaced;
}

/**
 * Whether the next try may go on where the last one stopped: what varies only where the server has
 * told what it is, and then it says by its status whether it is that still.
 */
static bool can_go_on(const struct exchange *exchange)
{
	return exchange->request->sink && exchange->received &&
	       (!exchange->request->varies || exchange->etag.length);
}

static size_t keep_body(struct exchange *exchange, const char *data, size_t length)
{
	struct buf *body = &exchange->response->body;

	if (!is_success(exchange->response->status)) {
		exchange->cut = body->length + length > HTTP_ERROR_BYTES_MAX;
	} else if (body->length + length > exchange->request->limit) {
		exchange->failed =
			fail(&exchange->error, FAULT_INPUT, "response is larger than %zu bytes",
			     exchange->request->limit);
		return 0;
	}
	if (exchange->cut)
		return 0;
	buf_add(body, data, length);
	return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	const struct http_sink *sink = exchange->request->sink;
	size_t length = size * count;

	if (!body_begin(exchange))
		return 0;
	if (!sink || !is_success(exchange->response->status))
		return keep_body(exchange, data, length);
	exchange->failed =
		sink->write(sink->arg, exchange->received, data, length, &exchange->error);
	if (exchange->failed)
		return 0;
	exchange->received += length;
	return length;
}

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	const struct http_source *source = exchange->request->source;
	uint64_t left = source->length - exchange->sent;
	size_t got = 0, room = size * count;

	if (left == 0)
		return 0;
	exchange->failed = source->read(source->arg, exchange->sent, to,
					room < left ? room : (size_t)left, &got, &exchange->error);
	if (exchange->failed)
		return CURL_READFUNC_ABORT;
	exchange->sent += got;
	return got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *exchange = arg;

	if (origin != SEEK_SET || offset < 0 ||
	    (uint64_t)offset > exchange->request->source->length)
		return CURL_SEEKFUNC_FAIL;
	exchange->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- one exchange ---- */

static void slist_drop(struct curl_slist **list)
{
	curl_slist_free_all(*list);
	*list = NULL;
}

/** "Name: value", or nothing where there is no value; an empty one unsets what curl would send. */
static void header_add(struct curl_slist **list, const char *name, const char *value)
{
	owned(str) char *line = NULL;
	struct curl_slist *longer;

	if (!value)
		return;
	line = *value ? xasprintf("%s: %s", name, value) : xasprintf("%s:", name);
	longer = curl_slist_append(*list, line);
	if (!longer)
		abort(); /* no memory */
	*list = longer;
}

static void set_body(CURL *easy, struct exchange *exchange)
{
	const struct http_request *request = exchange->request;

	if (request->source) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)request->source->length);
	} else if (request->method && strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (request->method && strcmp(request->method, "GET") != 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)request->body_length);
	}
	if (request->method)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_tls(CURL *easy, bool insecure)
{
	const char *bundle = getenv("SSL_CERT_FILE"), *directory = getenv("SSL_CERT_DIR");

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L);
	if (bundle && *bundle)
		curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
	if (directory && *directory)
		curl_easy_setopt(easy, CURLOPT_CAPATH, directory);
}

static void set_limits(CURL *easy, const struct http_request *request)
{
	unsigned idle = request->idle_seconds ? request->idle_seconds
			: request->source     ? HTTP_COMMIT_SECONDS
					      : HTTP_IDLE_SECONDS;

	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_IDLE_BYTES);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)idle);
}

static void exchange_set(struct exchange *exchange, const char *url, struct curl_slist *headers)
{
	CURL *easy = exchange->http->easy;

	curl_easy_reset(easy); /* connections stay */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "mpemu");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->reason);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	set_tls(easy, exchange->http->insecure);
	set_limits(easy, exchange->request);
	set_body(easy, exchange);
}

/** Let curl work until it is done or somebody asked us to stop. */
static result drive(struct exchange *exchange, CURLcode *code, struct error *err)
{
	CURLM *multi = exchange->http->multi;
	struct curl_waitfd stop = { .fd = cancel_fd(exchange->ctx->cancel), .events = POLLIN };
	int running = 1, left;
	const CURLMsg *message;

	for (;;) {
		if (cancel_check(exchange->ctx, err))
			return FAILED;
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return fail(err, FAULT_SYSTEM, "curl_multi_perform");
		if (!running)
			break;
		curl_multi_poll(multi, &stop, stop.fd >= 0, 1000, NULL);
	}
	while ((message = curl_multi_info_read(multi, &left)))
		if (message->msg == CURLMSG_DONE)
			*code = message->data.result;
	return OK;
}

static bool is_untrusted(CURLcode code)
{
	for (size_t i = 0; i < countof(untrusted_codes); i++)
		if (untrusted_codes[i] == code)
			return true;
	return false;
}

static bool is_unheard(const struct exchange *exchange, CURLcode code)
{
	long reason = 0;

	curl_easy_getinfo(exchange->http->easy, CURLINFO_OS_ERRNO, &reason);
	return code == CURLE_COULDNT_CONNECT && reason == ECONNREFUSED &&
	       url_is_loopback(buf_text(&exchange->response->url));
}

static result no_response(struct exchange *exchange, CURLcode code, struct error *err)
{
	owned(buf) struct buf safe = {};
	const char *reason = *exchange->reason ? exchange->reason : curl_easy_strerror(code);

	exchange->response->untrusted = is_untrusted(code);
	exchange->unheard = is_unheard(exchange, code);
	text_escape(&safe, reason, strlen(reason));
	return fail(err, FAULT_NETWORK, "%s", buf_text(&safe));
}

static result exchange_end(struct exchange *exchange, CURLcode code, struct error *err)
{
	struct http_response *response = exchange->response;
	curl_off_t retry_after = 0;

	if (exchange->failed) {
		*err = exchange->error;
		return FAILED;
	}
	if (code == CURLE_OK)
		body_begin(exchange); /* an empty one */
	if (exchange->misplaced) {
		(void)fail(err, FAULT_NETWORK, "asked for bytes from %llu, got another range",
			   (unsigned long long)exchange->received);
		exchange->received = 0; /* the next try starts anew */
		return FAILED;
	}
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && exchange->cut))
		return no_response(exchange, code, err);
	curl_easy_getinfo(exchange->http->easy, CURLINFO_RETRY_AFTER, &retry_after);
	response->retry_after = retry_after > 0 ? (uint64_t)retry_after : 0;
	if (response->status == 416)
		exchange->received = 0;
	return OK;
}

/** One request to one URL and its response. */
static result exchange_run(struct exchange *exchange, const char *url, bool with_credentials,
			   struct error *err)
{
	const struct http_request *request = exchange->request;
	owned(slist) struct curl_slist *headers = NULL;
	owned(str) char *range = NULL;
	struct http *http = exchange->http;
	CURLcode code = CURLE_OK;
	result ended;

	exchange->begun = exchange->cut = exchange->misplaced = exchange->unheard = false;
	exchange->header_bytes = 0;
	exchange->sent = 0;
	exchange->reason[0] = '\0';
	response_clear(exchange->response);
	if (can_go_on(exchange))
		range = xasprintf("bytes=%llu-", (unsigned long long)exchange->received);
	header_add(&headers, "Range", range);
	header_add(&headers, "If-Range",
		   range && request->varies ? buf_text(&exchange->etag) : NULL);
	header_add(&headers, "Accept", request->accept);
	header_add(&headers, "Content-Type", request->content_type ? request->content_type : "");
	header_add(&headers, "Authorization", with_credentials ? request->authorization : NULL);
	exchange_set(exchange, url, headers);
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return fail(err, FAULT_SYSTEM, "curl_multi_add_handle");
	ended = drive(exchange, &code, err);
	if (ended == OK)
		ended = exchange_end(exchange, code, err);
	curl_multi_remove_handle(http->multi, http->easy);
	return ended;
}

/* ---- redirects ---- */

/** Whether this response sends the request on: 303 and the old ones only where nothing is sent. */
static bool is_redirect(const struct http_request *request, long status)
{
	bool reads = !request->method || strcmp(request->method, "GET") == 0 ||
		     strcmp(request->method, "HEAD") == 0;

	return status == 307 || status == 308 ||
	       (reads && (status == 301 || status == 302 || status == 303));
}

static result redirect_check(const struct http_request *request, const char *from, const char *to,
			     struct error *err)
{
	if (request->stays && !url_same_origin(request->url, to))
		return fail(err, FAULT_NETWORK, "redirected to another host (%.200s)", to);
	if (url_is_https(from) && !url_is_https(to))
		return fail(err, FAULT_NETWORK, "redirected from https to plain http (%.200s)", to);
	if (url_is_local(to) && !url_is_local(from))
		return fail(err, FAULT_NETWORK, "redirected to a local address (%.200s)", to);
	return OK;
}

static result follow(struct exchange *exchange, bool *refused, struct error *err)
{
	const struct http_request *request = exchange->request;
	struct http_response *response = exchange->response;
	owned(str) char *url = xstrdup(request->url);
	bool at_home = true;

	for (int hops = 0;; hops++) {
		char *next = NULL;

		buf_clear(&response->url);
		buf_add_str(&response->url, url);
		if (exchange_run(exchange, url, at_home, err))
			return FAILED;
		if (!is_redirect(request, response->status) ||
		    !*http_header(response, HTTP_LOCATION))
			return OK;
		*refused = true; /* unless the next hop is fine */
		if (hops == HTTP_REDIRECTS_MAX)
			return fail(err, FAULT_NETWORK, "more than %d redirects",
				    HTTP_REDIRECTS_MAX);
		if (url_resolve(url, http_header(response, HTTP_LOCATION), &next, err))
			return fail_in(err, "redirect");
		if (redirect_check(request, url, next, err)) {
			free(next);
			return FAILED;
		}
		*refused = false;
		/* Once away, never again: whoever sent us back chose what comes next. */
		at_home = at_home && url_same_origin(request->url, next);
		free(url);
		url = next;
	}
}

/* ---- tries ---- */

result http_wait(const struct ctx *ctx, unsigned attempt, uint64_t retry_after, struct error *err)
{
	struct pollfd stop = { .fd = cancel_fd(ctx->cancel), .events = POLLIN };
	int milliseconds = 500 << (attempt < 8 ? attempt - 1 : 7);

	if (retry_after > HTTP_WAIT_SECONDS_MAX)
		retry_after = HTTP_WAIT_SECONDS_MAX;
	if ((int)retry_after * 1000 > milliseconds)
		milliseconds = (int)retry_after * 1000;
	if (poll(&stop, 1, milliseconds) < 0 && errno != EINTR)
		return fail_sys(err, "poll");
	return cancel_check(ctx, err);
}

static void exchange_drop(struct exchange *exchange)
{
	buf_drop(&exchange->etag);
}

static void note_retry(const struct exchange *exchange, const struct error *fault)
{
	const char *url = buf_text(&exchange->response->url);
	int length = (int)strcspn(url, "?"); /* what follows may be a signature */

	if (fault->fault)
		progress_note(exchange->ctx, "%.*s: %s; trying again", length, url, fault->text);
	else
		progress_note(exchange->ctx, "%.*s: status %ld; trying again", length, url,
			      exchange->response->status);
}

result http_send(const struct ctx *ctx, struct http *http, const struct http_request *request,
		 struct http_response *response, struct error *err)
{
	unsigned tries = request->tries ? request->tries : HTTP_TRIES;
	owned(exchange) struct exchange exchange = {
		.ctx = ctx,
		.http = http,
		.request = request,
		.response = response,
	};

	for (unsigned attempt = 1;; attempt++) {
		struct error fault = {};
		bool refused = false, gone_past = exchange.received > 0;
		result sent = follow(&exchange, &refused, &fault);
		bool again = sent ? fault.fault == FAULT_NETWORK && !exchange.failed && !refused &&
					     !response->untrusted && !exchange.unheard
				  : http_is_transient(response->status) ||
					     (gone_past && response->status == 416);

		if (sent == OK && !again)
			return OK;
		if (!again || attempt >= tries) {
			if (sent == OK)
				return OK;
			*err = fault;
			return FAILED;
		}
		note_retry(&exchange, &fault);
		if (http_wait(ctx, attempt, response->retry_after, err))
			return FAILED;
	}
}
