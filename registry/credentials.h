/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Credentials where docker keeps them: a JSON file with "auths", or a helper program.
 */
#ifndef REGISTRY_CREDENTIALS_H
#define REGISTRY_CREDENTIALS_H

#include "base/ctx.h"

enum {
	CREDENTIALS_BYTES_MAX = 1 << 20, /* of the file */
	HELPER_BYTES_MAX = 64 << 10,     /* of what a helper prints */
	HELPER_SECONDS = 30,
};

/** All NULL: there are none. */
struct credentials {
	char *user, *password;
	char *identity_token; /* instead: exchanged for tokens */
};

void credentials_drop(struct credentials *credentials);

static inline bool credentials_exist(const struct credentials *credentials)
{
	return credentials->user || credentials->identity_token;
}

/** "Basic <base64 of user:password>"; the caller frees. */
char *credentials_basic(const struct credentials *credentials);

/**
 * Look for what belongs to a repository of a host: the longest matching entry of "auths", else
 * "credHelpers", else "credsStore".  Finding none is no failure.  `file`: see struct transport.
 */
result credentials_find(const struct ctx *ctx, const char *file, const char *host,
			const char *repository, struct credentials *out, struct error *err);

/** Write user and password into "auths", all else in the file kept. */
result credentials_store(const char *file, const char *host, const char *user, const char *password,
			 struct error *err);

/** Take them out of "auths"; `found` says whether there were any. */
result credentials_remove(const char *file, const char *host, bool *found, struct error *err);

/** Run docker-credential-NAME get for a server; exposed for its test. */
result helper_get(const struct ctx *ctx, const char *name, const char *server,
		  struct credentials *out, struct error *err);

#endif
