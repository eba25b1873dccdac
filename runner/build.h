/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A build, from what was asked to what has a name.
 */
#ifndef RUNNER_BUILD_H
#define RUNNER_BUILD_H

#include "runner/builder.h"

/**
 * Build all platforms, write and name the index, and give it to the outputs.  `index` is what the
 * names stand for.  The error of a failed step says platform, line and instruction.
 */
result build_run(const struct ctx *ctx, const struct build_request *request,
		 const struct privilege *privilege, struct descriptor *index, struct error *err);

/** Only check the Dockerfile, as request->check says: see checks_print(). */
result build_check(const struct ctx *ctx, const struct build_request *request, struct error *err);

#endif
