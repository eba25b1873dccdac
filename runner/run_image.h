/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The image that `run` takes its program from: of the store, else of its registry.
 */
#ifndef RUNNER_RUN_IMAGE_H
#define RUNNER_RUN_IMAGE_H

#include "registry/registry.h"

/** Whether a registry is asked: for what the store lacks, before the store, or not at all. */
enum pull { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

/** "missing", "always" or "never"; NULL is the first.  FAULT_USAGE else. */
result pull_parse(const char *text, enum pull *out, struct error *err);

/**
 * The image's variant for a platform.  The store is asked first, then the registry: for the name,
 * or for a platform it lacks; what is fetched stays in the store under that name.  FAULT_USAGE
 * where `name` cannot name an image.
 */
result run_image_find(const struct ctx *ctx, struct store *store, const char *name,
		      const struct platform *platform, enum pull pull, struct image **out,
		      struct error *err);

#endif
