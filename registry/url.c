/* SPDX-License-Identifier: Apache-2.0 */
/**
 * URLs over curl's own parser, so that what is judged here is what curl connects to.
 */
#include "registry/url.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void url_drop(CURLU **url)
{
	curl_url_cleanup(*url);
	*url = NULL;
}

static void part_drop(char **part)
{
	curl_free(*part);
	*part = NULL;
}

static CURLU *url_new(void)
{
	CURLU *url = curl_url();

	if (!url)
		abort(); /* no memory */
	return url;
}

static char *url_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

static bool is_http(CURLU *url)
{
	owned(part) char *scheme = url_part(url, CURLUPART_SCHEME);

	return scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
}

static result url_print(CURLU *url, char **out, struct error *err)
{
	owned(part) char *text = NULL;

	curl_url_set(url, CURLUPART_USER, NULL, 0);
	curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(url, CURLUPART_OPTIONS, NULL, 0);
	curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	if (curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK || strlen(text) > URL_MAX)
		return fail(err, FAULT_INPUT, "URL longer than %d bytes", URL_MAX);
	*out = xstrdup(text);
	return OK;
}

result url_resolve(const char *base, const char *reference, char **out, struct error *err)
{
	owned(url) CURLU *url = url_new();
	CURLUcode code = CURLUE_OK;

	if (strlen(reference) > URL_MAX)
		return fail(err, FAULT_INPUT, "URL longer than %d bytes", URL_MAX);
	if (base)
		code = curl_url_set(url, CURLUPART_URL, base, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_URL, reference, 0);
	if (code != CURLUE_OK) {
		owned(buf) struct buf safe = {};

		text_escape(&safe, reference, strnlen(reference, 200));
		return fail(err, FAULT_INPUT, "'%s': %s", buf_text(&safe), curl_url_strerror(code));
	}
	if (!is_http(url))
		return fail(err, FAULT_INPUT, "'%.200s': neither http nor https", reference);
	return url_print(url, out, err);
}

void url_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte)))
			buf_add_char(out, *text);
		else
			buf_printf(out, "%%%02X", byte);
	}
}

char *url_with(const char *url, const char *name, const char *value)
{
	struct buf longer = {};

	/* Not by curl, which would write escapes that are signed over in other letters. */
	buf_printf(&longer, "%s%c%s=", url, strchr(url, '?') ? '&' : '?', name);
	url_escape(&longer, value);
	return buf_take(&longer);
}

static bool parts_agree(const char *a, const char *b, const CURLUPart parts[], size_t count)
{
	owned(url) CURLU *left = url_new();
	owned(url) CURLU *right = url_new();

	if (curl_url_set(left, CURLUPART_URL, a, 0) != CURLUE_OK ||
	    curl_url_set(right, CURLUPART_URL, b, 0) != CURLUE_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		owned(part) char *x = url_part(left, parts[i]);
		owned(part) char *y = url_part(right, parts[i]);

		if (!x || !y || strcasecmp(x, y) != 0)
			return false;
	}
	return true;
}

bool url_same_origin(const char *a, const char *b)
{
	static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };

	return parts_agree(a, b, parts, countof(parts));
}

bool url_same_host(const char *a, const char *b)
{
	static const CURLUPart parts[] = { CURLUPART_HOST };

	return parts_agree(a, b, parts, countof(parts));
}

bool url_is_https(const char *url)
{
	return strncasecmp(url, "https:", 6) == 0;
}

static bool in_network(const char *host, uint32_t network, int bits)
{
	struct in_addr address;

	return inet_pton(AF_INET, host, &address) == 1 &&
	       (ntohl(address.s_addr) ^ network) >> (32 - bits) == 0;
}

static bool is_link_local6(const char *host)
{
	struct in6_addr address;
	owned(str) char *bare = xstrndup(host + 1, strcspn(host + 1, "]%"));

	return inet_pton(AF_INET6, bare, &address) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_LINKLOCAL(&address) ||
		IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_V4MAPPED(&address));
}

/** A host without its port; a V6 address has its brackets. */
static bool host_is_local(const char *host)
{
	return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0 ||
	       in_network(host, 0x7f000000, 8) || in_network(host, 0xa9fe0000, 16) ||
	       in_network(host, 0, 8) || (*host == '[' && is_link_local6(host));
}

/** Whether the host that a URL names is one of them. */
static bool url_host_is(const char *url, bool (*is)(const char *host))
{
	owned(url) CURLU *parsed = url_new();
	owned(part) char *host = NULL;

	if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
		return false;
	host = url_part(parsed, CURLUPART_HOST);
	return host && is(host);
}

bool url_is_local(const char *url)
{
	return url_host_is(url, host_is_local);
}

bool host_is_loopback(const char *host)
{
	size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	owned(str) char *bare = xstrndup(host, length);

	return strcasecmp(bare, "localhost") == 0 || in_network(bare, 0x7f000000, 8) ||
	       strcmp(bare, "[::1]") == 0;
}

bool url_is_loopback(const char *url)
{
	return url_host_is(url, host_is_loopback);
}
