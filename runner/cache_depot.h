/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A cache elsewhere, opened and read.
 */
#ifndef RUNNER_CACHE_DEPOT_H
#define RUNNER_CACHE_DEPOT_H

#include "runner/cache_options.h"
#include "runner/catalog.h"

/** Where it is, and the tag it has there (the caller frees it). */
result cache_depot_open(const struct ctx *ctx, const struct cache_place *place,
			const struct transport *transport, bool writes, struct depot **out,
			char **tag, struct error *err);

/**
 * What is there under the tag (or a digest's text): FAULT_MISSING where nothing is.  Of an image
 * the steps that its config tells of, of an index those of the images for `platforms`; nothing of
 * what is no cache at all, which `kind` tells.  `top` (or NULL) gets the digest that the tag means,
 * also where what it means cannot be read as a cache.
 */
result cache_depot_load(const struct ctx *ctx, struct depot *depot, const char *tag,
			const struct platform platforms[], size_t platform_count,
			struct catalog *out, enum catalog_kind *kind, struct digest *top,
			struct error *err);

#endif
