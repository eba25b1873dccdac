/* SPDX-License-Identifier: Apache-2.0 */
/**
 * URLs that others chose: made absolute, and judged by where they lead.  Nothing here connects.
 */
#ifndef REGISTRY_URL_H
#define REGISTRY_URL_H

#include "base/text.h"

enum { URL_MAX = 16384 };

/**
 * `reference` as seen from `base` (NULL: it must be absolute itself), without credentials and
 * fragment.  FAULT_INPUT where it is no URL, too long, or neither http nor https.  The caller
 * frees.
 */
result url_resolve(const char *base, const char *reference, char **out, struct error *err);

/** A resolved URL with name=value in its query, value escaped.  The caller frees. */
char *url_with(const char *url, const char *name, const char *value);

/** Whether scheme, host and port agree: whom credentials may go to. */
bool url_same_origin(const char *a, const char *b);

/** Whether they lead to the same host, on whatever port. */
bool url_same_host(const char *a, const char *b);

/** Add text escaped for a query or a form. */
void url_escape(struct buf *out, const char *text);

bool url_is_https(const char *url);

/** Whether it names this machine or its link (localhost, 127/8, ::1, 169.254/16, fe80::/10). */
bool url_is_local(const char *url);

/** Whether "host[:port]" is localhost, in 127/8, or [::1]. */
bool host_is_loopback(const char *host);

/** Whether a URL leads to it. */
bool url_is_loopback(const char *url);

#endif
