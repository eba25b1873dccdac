/* SPDX-License-Identifier: Apache-2.0 */
/**
 * libcurl, loaded when the first request is made; see base/lazy.h.
 */
#define CURL_DISABLE_TYPECHECK
#include "base/lazy.h"

#include <curl/curl.h>
#include <stdarg.h>

/* Macros of the same names check arguments where they are called. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

static void load(void);

static struct lazy curl = {
	.name = "libcurl.so.4",
	.package = "libcurl4",
	.once = PTHREAD_ONCE_INIT,
	.load = load,
};

static void load(void)
{
	lazy_load(&curl);
}

/* The one argument behind the option is a pointer, a long, or a curl_off_t by the option's number.
 */
CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
	static void *at;
	CURLcode (*real)(CURL *, CURLoption, ...) =
		(CURLcode(*)(CURL *, CURLoption, ...))lazy_find(&curl, &at, "curl_easy_setopt");
	int type = option - option % CURLOPTTYPE_OBJECTPOINT;
	CURLcode code;
	va_list args;

	va_start(args, option);
	if (type == CURLOPTTYPE_LONG)
		code = real(handle, option, va_arg(args, long));
	else if (type == CURLOPTTYPE_OFF_T)
		code = real(handle, option, va_arg(args, curl_off_t));
	else
		code = real(handle, option, va_arg(args, void *));
	va_end(args);
	return code;
}

CURLcode curl_easy_getinfo(CURL *handle, CURLINFO info, ...)
{
	static void *at;
	CURLcode (*real)(CURL *, CURLINFO, ...) =
		(CURLcode(*)(CURL *, CURLINFO, ...))lazy_find(&curl, &at, "curl_easy_getinfo");
	CURLcode code;
	va_list args;

	va_start(args, info);
	code = real(handle, info, va_arg(args, void *));
	va_end(args);
	return code;
}

/* clang-format off */
LAZY_CALL(curl, CURLcode, curl_global_init, (long flags), (flags))
LAZY_CALL(curl, void, curl_free, (void *memory), (memory))
LAZY_CALL(curl, time_t, curl_getdate, (const char *text, const time_t *unused), (text, unused))

LAZY_CALL(curl, CURL *, curl_easy_init, (void), ())
LAZY_CALL(curl, void, curl_easy_cleanup, (CURL *handle), (handle))
LAZY_CALL(curl, void, curl_easy_reset, (CURL *handle), (handle))
LAZY_CALL(curl, const char *, curl_easy_strerror, (CURLcode code), (code))

LAZY_CALL(curl, CURLM *, curl_multi_init, (void), ())
LAZY_CALL(curl, CURLMcode, curl_multi_cleanup, (CURLM *multi), (multi))
LAZY_CALL(curl, CURLMcode, curl_multi_add_handle, (CURLM *multi, CURL *handle), (multi, handle))
LAZY_CALL(curl, CURLMcode, curl_multi_remove_handle, (CURLM *multi, CURL *handle), (multi, handle))
LAZY_CALL(curl, CURLMcode, curl_multi_perform, (CURLM *multi, int *running), (multi, running))
LAZY_CALL(curl, CURLMsg *, curl_multi_info_read, (CURLM *multi, int *left), (multi, left))
LAZY_CALL(curl, CURLMcode, curl_multi_poll,
	  (CURLM *multi, struct curl_waitfd fds[], unsigned count, int timeout, int *ready),
	  (multi, fds, count, timeout, ready))

LAZY_CALL(curl, struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *text),
	  (list, text))
LAZY_CALL(curl, void, curl_slist_free_all, (struct curl_slist *list), (list))

LAZY_CALL(curl, CURLU *, curl_url, (void), ())
LAZY_CALL(curl, void, curl_url_cleanup, (CURLU *url), (url))
LAZY_CALL(curl, CURLUcode, curl_url_set,
	  (CURLU *url, CURLUPart part, const char *text, unsigned flags), (url, part, text, flags))
LAZY_CALL(curl, const char *, curl_url_strerror, (CURLUcode code), (code))
/* clang-format on */

/* Its first parameter became const on the way to libcurl 8: only the linker may see this name. */
CURLUcode url_get(void *url, CURLUPart part, char **out, unsigned flags) __asm__("curl_url_get");

CURLUcode url_get(void *url, CURLUPart part, char **out, unsigned flags)
{
	static void *at;
	CURLUcode (*real)(void *, CURLUPart, char **, unsigned) =
		(CURLUcode(*)(void *, CURLUPart, char **, unsigned))lazy_find(&curl, &at,
									      "curl_url_get");

	return real(url, part, out, flags);
}
