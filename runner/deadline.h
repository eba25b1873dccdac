/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The time that a build may take.
 */
#ifndef RUNNER_DEADLINE_H
#define RUNNER_DEADLINE_H

#include "base/ctx.h"

struct deadline;

/** Cancel `ctx` with FAULT_STEP once `nanoseconds` have passed; 0: never, and `*out` stays NULL. */
result deadline_start(const struct ctx *ctx, int64_t nanoseconds, struct deadline **out,
		      struct error *err);

/** Stop the clock. */
void deadline_drop(struct deadline **deadline);

#endif
