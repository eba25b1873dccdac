/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A file from anywhere by its URL, for `ADD https://...`.
 */
#include "registry/http.h"
#include "registry/registry.h"
#include "registry/url.h"

#include "base/fd.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <string.h>

struct download {
	int fd;
	uint64_t limit, size;
	struct hasher *hasher;
};

/** Begin anew where the server sends all of it again. */
static result download_write(void *arg, uint64_t offset, const void *data, size_t length,
			     struct error *err)
{
	struct download *download = arg;

	if (offset == 0 && download->size > 0) {
		(void)hasher_finish(download->hasher);
		download->size = 0;
		if (ftruncate(download->fd, 0) < 0 || lseek(download->fd, 0, SEEK_SET) < 0)
			return fail_sys(err, "begin the download anew");
	}
	if (length > download->limit - download->size)
		return fail(err, FAULT_INPUT, "larger than %llu bytes",
			    (unsigned long long)download->limit);
	if (write_all(download->fd, data, length, err))
		return FAILED;
	hasher_add(download->hasher, data, length);
	download->size += length;
	return OK;
}

static result status_check(long status, struct error *err)
{
	if (status >= 200 && status < 300)
		return OK;
	if (status == 401 || status == 403)
		return fail(err, FAULT_AUTH, "the server wants credentials (status %ld)", status);
	return fail(err, status == 404 || status == 410 ? FAULT_MISSING : FAULT_NETWORK,
		    "the server answers with status %ld", status);
}

result url_fetch(const struct ctx *ctx, const char *url, uint64_t limit, int fd,
		 struct fetched *out, struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	struct download download = { .fd = fd, .limit = limit, .hasher = hasher };
	const struct http_sink sink = { download_write, &download };
	owned(http) struct http *http = http_new(false);
	owned(http_response) struct http_response response = {};
	owned(str) char *clean = NULL;
	struct http_request request = { .sink = &sink, .varies = true };
	int64_t modified;

	if (url_resolve(NULL, url, &clean, err))
		return FAILED;
	request.url = clean;
	if (http_send(ctx, http, &request, &response, err) || status_check(response.status, err))
		return FAILED;
	modified = curl_getdate(http_header(&response, HTTP_LAST_MODIFIED), NULL);
	*out = (struct fetched){
		.digest = hasher_finish(hasher),
		.size = download.size,
		.modified = modified > 0 ? modified : 0,
	};
	return OK;
}
