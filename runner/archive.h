/* SPDX-License-Identifier: Apache-2.0 */
/**
 * OCI archives: a tar of an image layout, as skopeo and `docker load` take it.
 */
#ifndef RUNNER_ARCHIVE_H
#define RUNNER_ARCHIVE_H

#include "base/ctx.h"
#include "registry/registry.h"

/**
 * Write what `at` names, whole, to the file `dest` ("-": standard output), under `names` as typed
 * (may be empty).  A file has its name only when it is complete.
 */
result archive_export(const struct ctx *ctx, struct store *store, const struct descriptor *at,
		      const struct strings *names, const char *dest, struct error *err);

#endif
