/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Limits as they are typed: --memory, --cpus, --pids-limit, --timeout, --max-layer; and as they are
 * told of.
 */
#ifndef RUNNER_LIMITS_H
#define RUNNER_LIMITS_H

#include "sandbox/sandbox.h"

/** All of them as typed; NULL where they were not. */
struct limit_options {
	const char *memory, *cpus, *pids, *timeout, *layer;
};

/** Parse them; FAULT_USAGE names the option. */
result limits_parse(const struct limit_options *options, struct resource_limits *out,
		    uint64_t *timeout_ms, struct error *err);

/** Why a program ended before its time, or false where nothing of that kind happened. */
bool limits_explain(const struct sandbox_exit *ended, const struct resource_limits *limits,
		    uint64_t timeout_ms, struct buf *out);

#endif
