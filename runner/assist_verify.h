/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a step left when it ran with native twins against what it left without.
 */
#ifndef RUNNER_ASSIST_VERIFY_H
#define RUNNER_ASSIST_VERIFY_H

#include "base/ctx.h"
#include "base/text.h"

/**
 * Compare two trees file by file: types, modes, owners, link targets, attributes and content, never
 * times.  Adds a line "PATH: what differs" to `report` for each of the first ones; `*count` has all
 * of them.
 */
result trees_compare(const struct ctx *ctx, int native_fd, int emulated_fd, struct buf *report,
		     size_t *count, struct error *err);

#endif
