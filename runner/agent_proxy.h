/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An ssh agent lent to a step: a socket of our own, behind which a thread passes bytes on.
 *
 * The agent's own socket would not do: agents talk only to their user, and programs in a sandbox
 * are somebody else.  The socket is of no use once the step is over.
 */
#ifndef RUNNER_AGENT_PROXY_H
#define RUNNER_AGENT_PROXY_H

#include "base/error.h"

#include <sys/types.h>

struct agent_proxy;

/** Listen at `path` (new, with this owner and mode) for the agent at `agent`. */
result agent_proxy_new(const char *agent, const char *path, mode_t mode, uid_t uid, gid_t gid,
		       struct agent_proxy **out, struct error *err);

/** Close all connections and end the thread. */
void agent_proxy_drop(struct agent_proxy **proxy);

#endif
