/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which network programs get, as it is typed.
 */
#ifndef RUNNER_NETWORK_H
#define RUNNER_NETWORK_H

#include "sandbox/sandbox.h"

/**
 * "none", "host" or "private" (which Docker calls "bridge"); NULL or "default": a private one where
 * this host can have them, else the host's, with a warning.
 */
result network_parse(const struct ctx *ctx, const char *text, enum network *out, struct error *err);

#endif
