/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What RUN --mount=... asks for: "type=cache,target=/root/.cache,sharing=locked".  Pure.
 */
#ifndef RUNNER_MOUNTS_H
#define RUNNER_MOUNTS_H

#include "base/text.h"

#include <sys/types.h>

enum mount_kind { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };

/** What happens to a cache that somebody else uses: both do, the second has its own, it waits. */
enum sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED };

/** One mount, as BuildKit understands it; texts are owned, NULL where not given. */
struct mount {
	enum mount_kind kind;
	char *from, *source, *target, *id;
	char *env; /* of a secret: the variable; "": called like the secret */
	bool read_only, required;
	enum sharing sharing;
	uint64_t size; /* of a tmpfs; 0: not given */
	bool has_mode, has_uid, has_gid;
	mode_t mode;
	uint32_t uid, gid;
};

/**
 * Parse a value (one record of CSV) and expand variables in it.  FAULT_INPUT names the option and
 * the nearest one that exists.  `out` starts as {} and is the caller's to drop, on failure too.
 */
result mount_parse(const char *text, char escape, const struct strings *env, struct mount *out,
		   struct error *err);
void mount_drop(struct mount *mount);

/** All that can be told to be wrong with a value before any variable is known. */
result mount_precheck(const char *text, char escape, struct error *err);

/**
 * Only the `from` of a value, before any variable is known: `*out` is NULL where there is none,
 * else the caller frees it.  FAULT_INPUT where it has variables, which it cannot.
 */
result mount_from(const char *text, char **out, struct error *err);

/** "bind", "cache" and so on. */
const char *mount_kind_name(enum mount_kind kind);

#endif
