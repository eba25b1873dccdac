/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which step made which layer: ROOT/cache.db (SQLite), for all platforms at once.
 *
 * A hint, never the truth: what it names is looked for in the store before it is used, and a
 * database that cannot be read is put aside and begun anew: at once, or where the damage shows only
 * later, by the next one who opens it, and until then it knows nothing.
 */
#ifndef RUNNER_CACHE_H
#define RUNNER_CACHE_H

#include "base/ctx.h"
#include "registry/registry.h"

struct cache;

/** Open or make it; `ctx`, which is kept, hears of a database that is put aside. */
result cache_open(const struct ctx *ctx, const char *root, struct cache **out, struct error *err);
void cache_drop(struct cache **cache);

/** A layer, and when it was made (seconds since the epoch): images built of it again say the same.
 */
struct made {
	struct layer layer;
	int64_t time;
};

/** What the step of this key made; `*found` is false where it is not known.  Thread-safe. */
result cache_lookup(struct cache *cache, const struct digest *key, struct made *out, bool *found,
		    struct error *err);

/** Remember it; `title` is for people who look.  Replaces an older entry. */
result cache_record(struct cache *cache, const struct digest *key, const struct made *made,
		    const char *title, struct error *err);

/** Visit every step, in no order; the cache is not to be changed meanwhile. */
typedef void cache_visit(void *arg, const struct digest *key, const struct layer *layer);
result cache_each(struct cache *cache, cache_visit *visit, void *arg, struct error *err);

/** Forget a step, or everything. */
result cache_forget(struct cache *cache, const struct digest *key, struct error *err);
result cache_clear(struct cache *cache, struct error *err);

/** Forget notes that were of no use for a month: they are found out again. */
result cache_notes_expire(struct cache *cache, struct error *err);

/** What was found out of something that never changes, by the digest of all that it depends on. */
result cache_note_find(struct cache *cache, const struct digest *key, struct buf *out, bool *found,
		       struct error *err);
result cache_note_keep(struct cache *cache, const struct digest *key, const char *text,
		       struct error *err);

#endif
