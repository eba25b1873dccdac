/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The same job for many items at once; the first failure stops the others.
 */
#ifndef REGISTRY_PARALLEL_H
#define REGISTRY_PARALLEL_H

#include "base/ctx.h"

enum { PARALLEL_MAX = 4 };

/** One item.  Its ctx is fired when another one failed, or the caller's was. */
typedef result parallel_job(const struct ctx *ctx, void *arg, size_t item, struct error *err);

/** Do items 0 to count-1 in that order, several at a time; all have ended on return. */
result parallel_run(const struct ctx *ctx, size_t count, parallel_job *job, void *arg,
		    struct error *err);

#endif
