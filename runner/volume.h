/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Volumes: directories that `run` shows inside and keeps, by name: ROOT/volumes/NAME/data.
 *
 * A new one starts as what the image has in its place.  Who uses one holds a lock on it, shared
 * with all others who do, which ends with the process.
 */
#ifndef RUNNER_VOLUME_H
#define RUNNER_VOLUME_H

#include "runner/mount_cache.h"

/** Letters, digits, and behind the first one also dots, dashes and underscores; no path. */
bool volume_name_is_valid(const char *name);

/** What a new volume starts as: the directory `path` of an image; owner and mode too. */
struct volume_origin {
	const struct strings *lowers;
	const char *path; /* absolute, resolved inside; where it is not there, nothing */
};

/** Lock a volume of that name and make it where it is new; without an origin it starts empty. */
result volume_open(const struct ctx *ctx, const char *root, const char *name,
		   const struct volume_origin *origin, struct mount_cache **out, struct error *err);

/** The same in a directory of the caller's, who removes it. */
result volume_open_at(const struct ctx *ctx, const char *path, const struct volume_origin *origin,
		      struct mount_cache **out, struct error *err);

/** The names of all there are, sorted. */
void volume_list(const char *root, struct strings *names);

/** Remove one that is in that list, with all that is in it; a failure while it is in use. */
result volume_remove(const char *root, const char *name, struct error *err);

#endif
