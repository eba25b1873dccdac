/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How a registry wants to be asked, and the answer: challenges, tokens, basic credentials.
 */
#ifndef REGISTRY_AUTH_H
#define REGISTRY_AUTH_H

#include "registry/credentials.h"
#include "registry/http.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

/** What of a WWW-Authenticate header counts; "" where absent. */
struct challenge {
	enum auth_scheme scheme;
	char realm[1024];
	char service[256];
	char scope[1024];
};

enum { CHALLENGE_BYTES_MAX = 16 << 10, TOKEN_BYTES_MAX = 256 << 10 };

/**
 * The challenge to answer among all of a header's: the first Bearer, else the first Basic, else
 * AUTH_NONE.  FAULT_INPUT where the header is malformed or too long, or a Bearer has no realm.
 */
result challenge_parse(const char *header, struct challenge *out, struct error *err);

/**
 * Whether a token may be asked for there, on behalf of a registry at `registry_url`: over https
 * anywhere; over http only where the registry is spoken to over http, and then on its own host, or
 * on loopback if the registry is.  FAULT_AUTH says what is wrong.
 */
result realm_check(const char *realm, const char *registry_url, struct error *err);

/** An answer: the value of an Authorization header, and until when it is good. */
struct answer {
	char *authorization; /* NULL: ask without */
	int64_t expires;     /* CLOCK_MONOTONIC seconds; 0: never */
};

void answer_drop(struct answer *answer);

/**
 * Answer the challenge of the registry at `registry_url`; for Bearer this fetches a token for
 * `scope` (that of the challenge where empty).  FAULT_AUTH where the credentials do not do.
 */
result challenge_answer(const struct ctx *ctx, struct http *http, const char *registry_url,
			const struct challenge *challenge, const char *scope,
			const struct credentials *credentials, struct answer *out,
			struct error *err);

/** Seconds on the clock that answers expire by. */
int64_t auth_now(void);

#endif
