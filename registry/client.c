/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Speaking to a registry: which scheme, which credentials, what its answers mean; manifests.
 */
#include "registry/client.h"
#include "registry/auth.h"
#include "registry/manifest.h"
#include "registry/url.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 16, PING_BYTES_MAX = 1 << 20 };

/** What lies behind a host's name. */
static const struct {
	const char *name, *host;
} hosts[] = {
	{ "docker.io", "registry-1.docker.io" },
};

static const char accept_manifests[] = "application/vnd.oci.image.index.v1+json, "
				       "application/vnd.docker.distribution.manifest.list.v2+json, "
				       "application/vnd.oci.image.manifest.v1+json, "
				       "application/vnd.docker.distribution.manifest.v2+json";

static const char *const scope_actions[] = {
	[CLIENT_PULL] = "pull",
	[CLIENT_PUSH] = "pull,push",
};

static const struct {
	long first, last;
	enum fault fault;
	const char *text;
} refusals[] = {
	{ 403, 403, FAULT_AUTH, "forbidden: these credentials do not allow it" },
	{ 404, 404, FAULT_MISSING, "not found" },
	{ 408, 408, FAULT_NETWORK, "the registry did not want to wait" },
	{ 413, 413, FAULT_INPUT, "larger than the registry takes" },
	{ 429, 429, FAULT_NETWORK, "too many requests" },
	{ 500, 599, FAULT_NETWORK, "the registry is in trouble" },
	{ 0, 999, FAULT_INPUT, "unexpected answer" },
};

struct client {
	char *name;       /* of the registry, as the user knows it */
	char *repository; /* "" for login */
	char *base;       /* "https://host" */
	char *scope;
	bool insecure;
	unsigned tries; /* to find out whether it is there */
	const char *auth_file;

	pthread_mutex_t lock; /* for what follows */
	struct challenge challenge;
	struct credentials credentials;
	bool looked_up; /* credentials are what there is */
	struct answer answer;
	struct http *idle[CONNECTIONS_MAX];
	size_t idle_count;
};

void client_drop(struct client **client)
{
	struct client *gone = *client;

	if (!gone)
		return;
	while (gone->idle_count)
		http_drop(&gone->idle[--gone->idle_count]);
	answer_drop(&gone->answer);
	credentials_drop(&gone->credentials);
	pthread_mutex_destroy(&gone->lock);
	free(gone->name);
	free(gone->repository);
	free(gone->base);
	free(gone->scope);
	free(gone);
	*client = NULL;
}

static struct http *borrow(struct client *client)
{
	struct http *http = NULL;

	pthread_mutex_lock(&client->lock);
	if (client->idle_count)
		http = client->idle[--client->idle_count];
	pthread_mutex_unlock(&client->lock);
	return http ? http : http_new(client->insecure);
}

static void give_back(struct client *client, struct http *http)
{
	pthread_mutex_lock(&client->lock);
	if (client->idle_count < CONNECTIONS_MAX)
		client->idle[client->idle_count++] = take(http);
	pthread_mutex_unlock(&client->lock);
	http_drop(&http);
}

int client_fail_in(const struct client *client, struct error *err)
{
	return fail_in(err, "registry %s", client->name);
}

/* ---- what a refusal says ---- */

/** Add code and message of the first error in the body, if that is what it is. */
static void error_text(const struct http_response *response, struct buf *out)
{
	owned(json) json_t *json = NULL;
	struct error ignored = {}; /* any body will do; most proxies send HTML */
	const json_t *first;
	const char *texts[2];

	if (json_parse(buf_text(&response->body), response->body.length, "", &json, &ignored))
		return;
	first = json_array_get(json_object_get(json, "errors"), 0);
	texts[0] = json_string_value(json_object_get(first, "code"));
	texts[1] = json_string_value(json_object_get(first, "message"));
	for (size_t i = 0; i < countof(texts); i++) {
		if (!texts[i])
			continue;
		buf_add_str(out, ": ");
		text_escape(out, texts[i], strnlen(texts[i], 200));
	}
}

static int fail_auth(const struct client *client, const char *why, struct error *err)
{
	bool has = credentials_exist(&client->credentials);

	return fail(err, FAULT_AUTH, "registry %s wants %scredentials%s%s: run 'mpemu login %s'%s",
		    client->name, has ? "other " : "", *client->repository ? " for " : "",
		    client->repository, client->name, why);
}

int client_refused(const struct client *client, const struct http_response *response,
		   struct error *err)
{
	owned(buf) struct buf said = {};
	size_t i = 0;

	error_text(response, &said);
	if (response->status == 401)
		return fail_auth(client, buf_text(&said), err);
	while (response->status < refusals[i].first || response->status > refusals[i].last)
		i++;
	return fail(err, refusals[i].fault, "%s (status %ld%s)", refusals[i].text, response->status,
		    buf_text(&said));
}

/* ---- credentials ---- */

/** Remember a challenge, and look for credentials when the first one comes.  Under the lock. */
static result challenge_learn(const struct ctx *ctx, struct client *client, const char *header,
			      struct error *err)
{
	if (challenge_parse(header, &client->challenge, err))
		return FAILED;
	if (client->looked_up || client->challenge.scheme == AUTH_NONE)
		return OK;
	if (credentials_find(ctx, client->auth_file, client->name, client->repository,
			     &client->credentials, err))
		return FAILED;
	client->looked_up = true;
	return OK;
}

static result answer_renew(const struct ctx *ctx, struct client *client, struct http *http,
			   struct error *err)
{
	owned(buf) struct buf why = {};
	struct answer answer = {};

	if (challenge_answer(ctx, http, client->base, &client->challenge, client->scope,
			     &client->credentials, &answer, err)) {
		if (err->fault != FAULT_AUTH)
			return FAILED;
		buf_printf(&why, " (%s)", err->text);
		return fail_auth(client, buf_text(&why), err);
	}
	answer_drop(&client->answer);
	client->answer = answer;
	return OK;
}

/** What to send in Authorization now: NULL for nothing.  The caller frees. */
static result authorize(const struct ctx *ctx, struct client *client, struct http *http, char **out,
			struct error *err)
{
	result renewed = OK;

	pthread_mutex_lock(&client->lock);
	if (client->challenge.scheme != AUTH_NONE &&
	    (!client->answer.authorization ||
	     (client->answer.expires && client->answer.expires <= auth_now())))
		renewed = answer_renew(ctx, client, http, err);
	if (renewed == OK)
		*out = client->answer.authorization ? xstrdup(client->answer.authorization) : NULL;
	pthread_mutex_unlock(&client->lock);
	return renewed;
}

/** After a 401: forget the answer that did not do, unless another thread has a new one already. */
static result reconsider(const struct ctx *ctx, struct client *client, const char *used,
			 const struct http_response *response, struct error *err)
{
	const char *now;
	result learned = OK;

	pthread_mutex_lock(&client->lock);
	now = client->answer.authorization;
	if (!now || !used || strcmp(now, used) == 0) {
		answer_drop(&client->answer);
		learned = challenge_learn(ctx, client, http_header(response, HTTP_CHALLENGE), err);
	}
	pthread_mutex_unlock(&client->lock);
	return learned;
}

/* ---- calls ---- */

static char *url_of(const struct client *client, const char *url)
{
	if (starts_with(url, "http://") || starts_with(url, "https://"))
		return xstrdup(url);
	if (!*client->repository)
		return xasprintf("%s/v2/%s", client->base, url);
	return xasprintf("%s/v2/%s/%s", client->base, client->repository, url);
}

static result call(const struct ctx *ctx, struct client *client, struct http *http,
		   struct http_request *request, struct http_response *response, struct error *err)
{
	bool at_home = url_same_origin(request->url, client->base);

	for (bool again = at_home;; again = false) {
		owned(str) char *authorization = NULL;

		if (at_home && authorize(ctx, client, http, &authorization, err))
			return FAILED;
		request->authorization = authorization;
		if (http_send(ctx, http, request, response, err))
			return FAILED;
		request->authorization = NULL;
		/* A 401 from where a redirect led is not about our credentials. */
		if (response->status != 401 || !again ||
		    !url_same_origin(buf_text(&response->url), client->base))
			return OK;
		if (reconsider(ctx, client, authorization, response, err))
			return FAILED;
	}
}

result client_call(const struct ctx *ctx, struct client *client, struct http_request *request,
		   struct http_response *response, struct error *err)
{
	owned(str) char *url = url_of(client, request->url);
	struct http *http = borrow(client);
	const char *given = request->url;
	result sent;

	request->url = url;
	sent = call(ctx, client, http, request, response, err);
	request->url = given;
	give_back(client, http);
	return sent;
}

/* ---- opening ---- */

/** Ask "/v2/" whether a registry is there; a 401 says how it wants to be asked. */
static result ping(const struct ctx *ctx, struct client *client, struct http *http, unsigned tries,
		   bool *untrusted, struct error *err)
{
	owned(http_response) struct http_response response = {};
	owned(str) char *url = xasprintf("%s/v2/", client->base);
	struct http_request request = { .url = url, .limit = PING_BYTES_MAX, .tries = tries };

	if (http_send(ctx, http, &request, &response, err)) {
		*untrusted = response.untrusted;
		return FAILED;
	}
	if (http_is_transient(response.status))
		return client_refused(client, &response, err);
	if (response.status == 401)
		return challenge_learn(ctx, client, http_header(&response, HTTP_CHALLENGE), err);
	return OK;
}

static const char *connect_host(const char *name)
{
	for (size_t i = 0; i < countof(hosts); i++)
		if (strcmp(hosts[i].name, name) == 0)
			return hosts[i].host;
	return name;
}

/**
 * https comes first everywhere.  Plain HTTP is next where that is allowed, but never because a
 * certificate was bad: that is what an attacker in between would want.
 */
static result connect_client(const struct ctx *ctx, struct client *client, struct error *err)
{
	const char *host = connect_host(client->name);
	bool may_be_plain = client->insecure || host_is_loopback(host), untrusted = false;
	struct http *http = borrow(client);
	result spoken;

	client->base = xasprintf("https://%s", host);
	spoken = ping(ctx, client, http, may_be_plain ? 1 : client->tries, &untrusted, err);
	if (spoken && may_be_plain && !untrusted && err->fault == FAULT_NETWORK) {
		free(client->base);
		client->base = xasprintf("http://%s", host);
		spoken = ping(ctx, client, http, client->tries, &untrusted, err);
	}
	give_back(client, http);
	return spoken ? client_fail_in(client, err) : OK;
}

static struct client *client_new(const char *host, const char *repository, const char *actions,
				 const struct transport *transport)
{
	struct client *client = xnew(struct client);

	pthread_mutex_init(&client->lock, NULL);
	client->name = xstrdup(host);
	client->repository = xstrdup(repository);
	client->scope =
		*repository ? xasprintf("repository:%s:%s", repository, actions) : xstrdup("");
	client->insecure = transport && transport->insecure;
	client->tries = transport && transport->only_asks ? 1 : HTTP_TRIES;
	client->auth_file = transport ? transport->auth_file : NULL;
	return client;
}

result client_open(const struct ctx *ctx, const struct reference *ref, enum client_action action,
		   const struct transport *transport, struct client **out, struct error *err)
{
	owned(client) struct client *client =
		client_new(ref->host, ref->repository, scope_actions[action], transport);

	if (connect_client(ctx, client, err))
		return FAILED;
	*out = take(client);
	return OK;
}

result client_login(const struct ctx *ctx, const char *host, const char *user, const char *password,
		    const struct transport *transport, struct error *err)
{
	owned(http_response) struct http_response response = {};
	owned(client) struct client *client = client_new(host, "", "", transport);
	struct http_request request = { .url = "", .limit = PING_BYTES_MAX };

	client->credentials.user = xstrdup(user);
	client->credentials.password = xstrdup(password);
	client->looked_up = true;
	if (connect_client(ctx, client, err))
		return FAILED;
	if (client_call(ctx, client, &request, &response, err))
		return FAILED;
	if (response.status == 401)
		return fail(err, FAULT_AUTH,
			    "registry %s does not take this user name and password", host);
	if (response.status != 200)
		return client_refused(client, &response, err), client_fail_in(client, err);
	return OK;
}

/* ---- manifests ---- */

/** The digest that the registry announces must be that of the bytes it sent. */
static result announced_check(const struct http_response *response, const struct digest *digest,
			      struct error *err)
{
	const char *text = http_header(response, HTTP_DIGEST);
	char got[DIGEST_TEXT_MAX];
	struct digest announced;

	if (!starts_with(text, "sha256:"))
		return OK; /* none, or of a kind that we do not use */
	if (digest_parse(text, &announced, err))
		return fail_in(err, "Docker-Content-Digest");
	if (!digest_equal(&announced, digest))
		return fail(err, FAULT_INTEGRITY, "announced as %s, is %s", text,
			    digest_text(digest, got));
	return OK;
}

static void content_type_read(const char *text, struct descriptor *out)
{
	size_t length = strcspn(text, "; \t");
	owned(str) char *type = xstrndup(text, length);

	out->media = media_parse(type, &out->is_docker);
}

static result manifest_check(const struct http_response *response, const struct digest *want,
			     struct descriptor *out, struct error *err)
{
	char wanted[DIGEST_TEXT_MAX], got[DIGEST_TEXT_MAX];
	struct descriptor found = {
		.size = response->body.length,
		.digest = digest_of(buf_text(&response->body), response->body.length),
	};

	if (strstr(http_header(response, HTTP_CONTENT_TYPE), "distribution.manifest.v1+"))
		return fail(err, FAULT_INPUT,
			    "Docker schema 1, which is obsolete; push the image again with a "
			    "current tool");
	if (want && !digest_equal(want, &found.digest))
		return fail(err, FAULT_INTEGRITY, "manifest %s: registry sent %s",
			    digest_text(want, wanted), digest_text(&found.digest, got));
	if (announced_check(response, &found.digest, err))
		return FAILED;
	content_type_read(http_header(response, HTTP_CONTENT_TYPE), &found);
	*out = found;
	return OK;
}

result client_manifest(const struct ctx *ctx, struct client *client, const char *name,
		       const struct digest *want, struct buf *body, struct descriptor *out,
		       struct error *err)
{
	owned(http_response) struct http_response response = {};
	owned(str) char *path = xasprintf("manifests/%s", name);
	struct http_request request = {
		.url = path,
		.accept = accept_manifests,
		.limit = MANIFEST_BYTES_MAX,
	};

	if (client_call(ctx, client, &request, &response, err))
		return FAILED;
	if (response.status != 200)
		return client_refused(client, &response, err);
	if (manifest_check(&response, want, out, err))
		return FAILED;
	buf_add(body, buf_text(&response.body), response.body.length);
	return OK;
}

result client_put_manifest(const struct ctx *ctx, struct client *client, const char *name,
			   const struct descriptor *descriptor, const struct buf *body,
			   struct error *err)
{
	owned(http_response) struct http_response response = {};
	owned(str) char *path = xasprintf("manifests/%s", name);
	struct http_request request = {
		.method = "PUT",
		.url = path,
		.content_type = media_text(descriptor->media, descriptor->is_docker),
		.body = buf_text(body),
		.body_length = body->length,
		.limit = PING_BYTES_MAX,
	};

	if (!*request.content_type)
		return fail(err, FAULT_INPUT, "neither a manifest nor an index");
	if (client_call(ctx, client, &request, &response, err))
		return FAILED;
	if (response.status != 201 && response.status != 200 && response.status != 202)
		return client_refused(client, &response, err);
	return announced_check(&response, &descriptor->digest, err);
}

result client_has(const struct ctx *ctx, struct client *client, const char *kind,
		  const struct digest *digest, bool *there, struct error *err)
{
	owned(http_response) struct http_response response = {};
	char text[DIGEST_TEXT_MAX];
	owned(str) char *path = xasprintf("%s/%s", kind, digest_text(digest, text));
	struct http_request request = {
		.method = "HEAD",
		.url = path,
		.accept = strcmp(kind, "manifests") == 0 ? accept_manifests : NULL,
	};

	if (client_call(ctx, client, &request, &response, err))
		return FAILED;
	if (response.status != 200 && response.status != 404)
		return client_refused(client, &response, err);
	*there = response.status == 200;
	return OK;
}
