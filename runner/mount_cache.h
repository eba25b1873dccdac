/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Directories that RUN --mount=type=cache keeps from one build to the next: ROOT/mounts/NAME/data.
 *
 * The name is a digest, so nothing that a Dockerfile says becomes part of a path.  Who uses one has
 * a lock on its directory, shared or not, which ends with the process: nothing is left to clean up.
 */
#ifndef RUNNER_MOUNT_CACHE_H
#define RUNNER_MOUNT_CACHE_H

#include "base/ctx.h"
#include "base/digest.h"
#include "runner/mounts.h"

struct mount_cache;

/** What a cache is when it is new. */
struct mount_cache_looks {
	mode_t mode;
	uint32_t uid, gid;
	/** Fill the directory `path`, which looks so; NULL: it starts empty. */
	result (*fill)(void *closure, const char *path, struct error *err);
	void *closure;
};

/**
 * Lock the cache `name` and make it where it is new.  One that is in use is used by both
 * (SHARING_SHARED), waited for until `ctx` is cancelled (SHARING_LOCKED), or left alone for the
 * next free one of that name (SHARING_PRIVATE).  Who takes several takes them in the order of their
 * names.
 */
result mount_cache_open(const struct ctx *ctx, const char *root, const struct digest *name,
			enum sharing sharing, const struct mount_cache_looks *looks,
			struct mount_cache **out, struct error *err);

/** The same in the directory `path` (made if need be), used by all who want it. */
result mount_cache_at(const struct ctx *ctx, const char *path,
		      const struct mount_cache_looks *looks, struct mount_cache **out,
		      struct error *err);

/** The directory with its content, absolute; borrowed. */
const char *mount_cache_path(const struct mount_cache *cache);

/** Unlock it. */
void mount_cache_drop(struct mount_cache **cache);

#endif
