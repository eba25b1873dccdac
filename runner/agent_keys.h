/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Private keys in files, for RUN --mount=type=ssh: an ssh-agent of our own holds them.
 *
 * It lives as long as we do, however we end, and nobody but us finds its socket.
 */
#ifndef RUNNER_AGENT_KEYS_H
#define RUNNER_AGENT_KEYS_H

#include "base/text.h"

struct agent_keys;

/** Start an agent that holds these keys; FAULT_USAGE where one is none, or has a passphrase. */
result agent_keys_start(const struct strings *files, struct agent_keys **out, struct error *err);
void agent_keys_drop(struct agent_keys **keys);

/** The path of its socket; borrowed. */
const char *agent_keys_socket(const struct agent_keys *keys);

#endif
