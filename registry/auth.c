/* SPDX-License-Identifier: Apache-2.0 */
/**
 * WWW-Authenticate (RFC 9110, 11.6.1) and the token endpoint it points to.
 *
 * Whoever runs the registry chose every byte of the header.  The parser takes nothing beyond its
 * buffers; where the answer goes is decided by realm_check(), not by the header.
 */
#include "registry/auth.h"
#include "registry/url.h"

#include "base/json.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const struct {
	const char *name;
	enum auth_scheme scheme;
} schemes[] = {
	{ "Basic", AUTH_BASIC },
	{ "Bearer", AUTH_BEARER },
};

static const struct {
	const char *name;
	size_t offset, size;
} params[] = {
	{ "realm", offsetof(struct challenge, realm), sizeof(((struct challenge *)0)->realm) },
	{ "service", offsetof(struct challenge, service),
	  sizeof(((struct challenge *)0)->service) },
	{ "scope", offsetof(struct challenge, scope), sizeof(((struct challenge *)0)->scope) },
};

enum { TOKEN_SECONDS = 60 /* where the server does not say */, TOKEN_MARGIN_SECONDS = 10 };

/* ---- the header ---- */

static bool is_token_char(char c)
{
	return c && (isalnum((unsigned char)c) || strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

static const char *skip_token(const char *at)
{
	while (is_token_char(*at))
		at++;
	return at;
}

static bool is_word(const char *at, const char *end, const char *word)
{
	return (size_t)(end - at) == strlen(word) && strncasecmp(at, word, strlen(word)) == 0;
}

/** A quoted string or a token; NULL where it is neither. */
static const char *read_value(const char *at, struct buf *value)
{
	const char *end = skip_token(at);

	if (*at != '"') {
		buf_add(value, at, (size_t)(end - at));
		return end > at ? end : NULL;
	}
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
		if (!*at || iscntrl((unsigned char)*at))
			return NULL;
		buf_add_char(value, *at);
	}
	return at + 1;
}

/** Where the "=" of a parameter is, or NULL where no parameter starts here. */
static const char *param_equals(const char *at)
{
	const char *end = skip_token(at);
	const char *equals = skip_blanks(end);

	/* A "=" that ends the word is the padding of a token68. */
	return end > at && *equals == '=' && equals[1] != '=' ? equals : NULL;
}

static bool keep_param(struct challenge *challenge, const char *name, const char *end,
		       const struct buf *value)
{
	for (size_t i = 0; i < countof(params); i++) {
		char *kept = (char *)challenge + params[i].offset;

		if (!is_word(name, end, params[i].name) || *kept)
			continue; /* the first one counts */
		if (value->length >= params[i].size)
			return false;
		memcpy(kept, buf_text(value), value->length + 1);
	}
	return true;
}

/** The parameters after a scheme; NULL where they are malformed. */
static const char *read_params(const char *at, struct challenge *challenge)
{
	const char *equals;

	at = skip_blanks(at);
	while ((equals = param_equals(at))) {
		owned(buf) struct buf value = {};
		const char *name = at, *end = skip_token(at);

		at = read_value(skip_blanks(equals + 1), &value);
		if (!at || !keep_param(challenge, name, end, &value))
			return NULL;
		at = skip_blanks(at);
		if (*at != ',')
			return at;
		at += strspn(at, ", \t");
	}
	return at;
}

static enum auth_scheme scheme_find(const char *at, const char *end)
{
	for (size_t i = 0; i < countof(schemes); i++)
		if (is_word(at, end, schemes[i].name))
			return schemes[i].scheme;
	return AUTH_NONE;
}

/** One challenge: a scheme and what belongs to it. */
static const char *read_challenge(const char *at, struct challenge *challenge)
{
	const char *end = skip_token(at);

	if (end == at)
		return NULL;
	challenge->scheme = scheme_find(at, end);
	if (*end && !strchr(" \t,", *end))
		return NULL;
	at = skip_blanks(end);
	if (!param_equals(at)) {
		const char *comma = at + strcspn(at, ","); /* a token68, or nothing */

		return comma + strspn(comma, ", \t");
	}
	return read_params(at, challenge);
}

result challenge_parse(const char *header, struct challenge *out, struct error *err)
{
	struct challenge best = {};
	const char *at = header + strspn(header, ", \t");

	if (strlen(header) > CHALLENGE_BYTES_MAX)
		return fail(err, FAULT_INPUT, "WWW-Authenticate is larger than %d bytes",
			    CHALLENGE_BYTES_MAX);
	while (*at) {
		struct challenge next = {};

		at = read_challenge(at, &next);
		if (!at)
			return fail(err, FAULT_INPUT, "WWW-Authenticate: malformed");
		if (next.scheme > best.scheme)
			best = next;
	}
	if (best.scheme == AUTH_BEARER && !*best.realm)
		return fail(err, FAULT_INPUT, "WWW-Authenticate: Bearer without a realm");
	*out = best;
	return OK;
}

result realm_check(const char *realm, const char *registry_url, struct error *err)
{
	owned(str) char *url = NULL;
	owned(buf) struct buf safe = {};

	text_escape(&safe, realm, strnlen(realm, 200));
	if (url_resolve(NULL, realm, &url, err)) {
		err->fault = FAULT_AUTH;
		return fail_in(err, "token realm");
	}
	if (url_is_https(url) && (!url_is_local(url) || url_is_local(registry_url)))
		return OK;
	if (!url_is_https(url) && !url_is_https(registry_url) &&
	    (url_same_host(url, registry_url) || (url_is_local(url) && url_is_local(registry_url))))
		return OK;
	return fail(err, FAULT_AUTH, "token realm %s: want https; no credentials are sent there",
		    buf_text(&safe));
}

/* ---- the answer ---- */

void answer_drop(struct answer *answer)
{
	free(answer->authorization);
	*answer = (struct answer){};
}

int64_t auth_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/** A token goes into a header: printable, without blanks. */
static bool is_header_safe(const char *token)
{
	for (const char *at = token; *at; at++)
		if (!isgraph((unsigned char)*at))
			return false;
	return *token != '\0';
}

static result token_read(const struct http_response *response, struct answer *out,
			 struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at root;
	const char *token = NULL;
	uint64_t seconds = TOKEN_SECONDS;

	if (json_parse(buf_text(&response->body), response->body.length, "token", &json, err))
		return FAILED;
	root = json_root(json, "token");
	if (json_find_string(&root, "token", &token, err) ||
	    (!token && json_get_string(&root, "access_token", &token, err)))
		return FAILED;
	if (!is_header_safe(token))
		return fail(err, FAULT_INPUT, "token: not a token");
	if (json_is_integer(json_object_get(json, "expires_in")) &&
	    json_get_number(&root, "expires_in", INT32_MAX, &seconds, err))
		return FAILED;
	if (seconds < TOKEN_SECONDS)
		seconds = TOKEN_SECONDS;
	out->authorization = xasprintf("Bearer %s", token);
	out->expires = auth_now() + (int64_t)seconds - TOKEN_MARGIN_SECONDS;
	return OK;
}

static result token_url(const struct challenge *challenge, const char *scope, char **out,
			struct error *err)
{
	owned(str) char *realm = NULL;
	owned(str) char *asked = NULL;

	if (url_resolve(NULL, challenge->realm, &realm, err))
		return FAILED;
	asked = *challenge->service ? url_with(realm, "service", challenge->service) : take(realm);
	*out = *scope ? url_with(asked, "scope", scope) : take(asked);
	return OK;
}

/** OAuth2: the identity token is a refresh token, which goes into the body. */
static void refresh_form(const struct challenge *challenge, const char *scope,
			 const struct credentials *credentials, struct buf *form)
{
	buf_add_str(form, "grant_type=refresh_token&client_id=mpemu&service=");
	url_escape(form, challenge->service);
	buf_add_str(form, "&scope=");
	url_escape(form, scope);
	buf_add_str(form, "&refresh_token=");
	url_escape(form, credentials->identity_token);
}

static result token_fetch(const struct ctx *ctx, struct http *http,
			  const struct challenge *challenge, const char *scope,
			  const struct credentials *credentials, struct answer *out,
			  struct error *err)
{
	owned(http_response) struct http_response response = {};
	owned(buf) struct buf form = {};
	owned(str) char *url = NULL;
	owned(str) char *basic = credentials->user ? credentials_basic(credentials) : NULL;
	struct http_request request = { .limit = TOKEN_BYTES_MAX, .authorization = basic };

	if (credentials->identity_token) {
		if (url_resolve(NULL, challenge->realm, &url, err))
			return FAILED;
		refresh_form(challenge, scope, credentials, &form);
		request.method = "POST";
		request.stays = true;
		request.body = form.data;
		request.body_length = form.length;
		request.content_type = "application/x-www-form-urlencoded";
	} else if (token_url(challenge, scope, &url, err)) {
		return FAILED;
	}
	request.url = url;
	if (http_send(ctx, http, &request, &response, err))
		return FAILED;
	if (http_is_transient(response.status))
		return fail(err, FAULT_NETWORK, "status %ld", response.status);
	if (response.status != 200)
		return fail(err, FAULT_AUTH, "status %ld", response.status);
	return token_read(&response, out, err);
}

result challenge_answer(const struct ctx *ctx, struct http *http, const char *registry_url,
			const struct challenge *challenge, const char *scope,
			const struct credentials *credentials, struct answer *out,
			struct error *err)
{
	if (challenge->scheme == AUTH_BASIC && credentials->user) {
		out->authorization = credentials_basic(credentials);
		out->expires = 0;
	}
	if (challenge->scheme != AUTH_BEARER)
		return OK;
	if (!*scope)
		scope = challenge->scope;
	if (realm_check(challenge->realm, registry_url, err))
		return FAILED;
	if (token_fetch(ctx, http, challenge, scope, credentials, out, err))
		return fail_in(err, "token from %.200s", challenge->realm);
	return OK;
}
