/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What --secret and --ssh give to steps that ask for it, and never to anything that is kept.
 */
#ifndef RUNNER_SECRETS_H
#define RUNNER_SECRETS_H

#include "base/text.h"
#include "runner/agent_keys.h"

/** Where one secret comes from. */
struct secret {
	char *id;
	char *file, *variable; /* one of them */
};

/** An agent that a step may talk to. */
struct agent {
	char *id;
	char *socket;            /* its path */
	struct agent_keys *keys; /* it is our own; or NULL */
};

struct secrets {
	struct secret *items;
	size_t count;
	struct agent *agents;
	size_t agent_count;
};

void secrets_drop(struct secrets *secrets);

/** --secret "id=NAME[,src=FILE|,env=VARIABLE]".  FAULT_USAGE; a file that is not there is said now.
 */
result secrets_add(struct secrets *secrets, const char *text, struct error *err);

/** --ssh "default" ($SSH_AUTH_SOCK), "ID=SOCKET" or "ID=KEYFILE[,KEYFILE]".  FAULT_USAGE. */
result secrets_add_agent(struct secrets *secrets, const char *text, struct error *err);

/** The value of a secret, as it is now; `*found` is false where nobody gave it. */
result secrets_read(const struct secrets *secrets, const char *id, struct buf *out, bool *found,
		    struct error *err);

/** The socket of an agent, or NULL; borrowed. */
const char *secrets_agent(const struct secrets *secrets, const char *id);

#endif
