/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --cache-from: steps that others have run.
 *
 * Lists are read when the build begins, layers only when a step needs one.  What is wrong with a
 * cache costs time, never the build: it is told once, and the step is run.
 */
#ifndef RUNNER_CACHE_IMPORT_H
#define RUNNER_CACHE_IMPORT_H

#include "runner/cache.h"
#include "runner/cache_options.h"

struct imports;

/** Read the lists of all places; one that cannot be had is a warning. */
struct imports *imports_open(const struct ctx *ctx, const struct cache_places *places,
			     const struct platform platforms[], size_t platform_count,
			     const struct transport *transport);
void imports_drop(struct imports **imports);

/**
 * The layer of a key, brought into the store: its blob has its digest, and what is in it has the
 * diff_id.  False where nobody has it.  Thread-safe.
 */
bool imports_find(struct imports *imports, const struct ctx *ctx, struct store *store,
		  const struct digest *key, struct made *out);

/** The key that somebody's step had who asked for the same. */
bool imports_asked(const struct imports *imports, const struct digest *asked, struct digest *key);

#endif
