/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One repository of one registry, by the verbs of the OCI distribution specification.
 *
 * A client may be used by several threads at once: each call borrows a connection, and the token is
 * fetched by whoever needs it first.  Every error says which registry.
 */
#ifndef REGISTRY_CLIENT_H
#define REGISTRY_CLIENT_H

#include "registry/http.h"
#include "registry/registry.h"

enum client_action { CLIENT_PULL, CLIENT_PUSH };

struct client;

/**
 * Find out how the registry of `ref` is spoken to: https, or plain http where `transport` says
 * insecure or the host is loopback and does not speak TLS; and which credentials it wants.
 */
result client_open(const struct ctx *ctx, const struct reference *ref, enum client_action action,
		   const struct transport *transport, struct client **out, struct error *err);
void client_drop(struct client **client);

/**
 * Send a request with credentials (to the registry itself only), again with new ones after a 401.
 * `response` has any status.  `url` of the request may be relative to the repository
 * ("manifests/latest") or absolute.
 */
result client_call(const struct ctx *ctx, struct client *client, struct http_request *request,
		   struct http_response *response, struct error *err);

/** Make an error of a status that was not wanted.  Always FAILED. */
int client_refused(const struct client *client, const struct http_response *response,
		   struct error *err);

/** Say which registry, before the rest.  Always FAILED. */
int client_fail_in(const struct client *client, struct error *err);

/**
 * Fetch a manifest or index by tag or digest text.  Its bytes must have the digest of `want` (NULL:
 * not known) and the one that the registry announces.  `out` has what the Content-Type says
 * (MEDIA_UNKNOWN where that is of no help), size and digest.
 */
result client_manifest(const struct ctx *ctx, struct client *client, const char *name,
		       const struct digest *want, struct buf *body, struct descriptor *out,
		       struct error *err);

/** Upload a manifest or index under a tag or digest text. */
result client_put_manifest(const struct ctx *ctx, struct client *client, const char *name,
			   const struct descriptor *descriptor, const struct buf *body,
			   struct error *err);

/** Whether the registry has a blob ("blobs") or manifest ("manifests"). */
result client_has(const struct ctx *ctx, struct client *client, const char *kind,
		  const struct digest *digest, bool *there, struct error *err);

/** Fetch a blob into an empty file; FAULT_INTEGRITY unless size and digest are as they must be. */
result client_blob(const struct ctx *ctx, struct client *client, const struct descriptor *blob,
		   int fd, struct error *err);

/**
 * Upload a blob from a file of the store.  FAULT_INTEGRITY where the file does not have the digest;
 * the registry then never sees its end.
 */
result client_put_blob(const struct ctx *ctx, struct client *client, const struct descriptor *blob,
		       int fd, struct error *err);

/** Try credentials on a registry; FAULT_AUTH where it does not take them. */
result client_login(const struct ctx *ctx, const char *host, const char *user, const char *password,
		    const struct transport *transport, struct error *err);

#endif
