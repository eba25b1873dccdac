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

/**
 * Only tell of the Dockerfile, as request->call says: see checks_print() and call.h.  Nothing is
 * run; an outline asks for the configs of base images, and does without those it cannot have.
 */
result build_call(const struct ctx *ctx, const struct build_request *request, struct error *err);

#endif
