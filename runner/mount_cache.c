/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/mount_cache.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/** How many private ones of a name there may be. */
enum { PRIVATE_MAX = 256 };

struct mount_cache {
	char *path; /* of data */
	int fd;     /* the directory above it, locked */
};

void mount_cache_drop(struct mount_cache **cache)
{
	if (!*cache)
		return;
	fd_drop(&(*cache)->fd);
	free((*cache)->path);
	free(*cache);
	*cache = NULL;
}

const char *mount_cache_path(const struct mount_cache *cache)
{
	return cache->path;
}

/** Take the lock; `*taken` is false where somebody has it and we do not wait. */
static result lock(const struct ctx *ctx, int fd, int how, bool wait, bool *taken,
		   struct error *err)
{
	*taken = wait || flock(fd, how | LOCK_NB) == 0;
	if (wait)
		return lock_await(ctx, fd, how, err);
	if (!*taken && errno != EWOULDBLOCK && errno != EINTR)
		return fail_sys(err, "lock a cache mount");
	return OK;
}

static result data_fill(int fd, const char *name, const char *path,
			const struct mount_cache_looks *looks, struct error *err)
{
	if (mkdirat(fd, name, 0755) < 0)
		return fail_sys(err, "create %s", path);
	if (fchownat(fd, name, looks->uid, looks->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(fd, name, looks->mode, 0) < 0)
		return fail_sys(err, "set owner of %s", path);
	return looks->fill ? looks->fill(looks->closure, path, err) : OK;
}

/** A new cache appears whole, once: of two that make it, the slower throws its own away. */
static result data_make(const struct mount_cache *cache, const struct mount_cache_looks *looks,
			struct error *err)
{
	owned(str) char *name = xasprintf("new-%d", (int)gettid());
	owned(str) char *path =
		xasprintf("%.*s%s", (int)strlen(cache->path) - 4, cache->path, name);
	struct error ignored = {};
	result status = FAILED;

	if (faccessat(cache->fd, "data", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	if (!remove_tree(cache->fd, name, err) && !data_fill(cache->fd, name, path, looks, err)) {
		status = OK;
		if (renameat2(cache->fd, name, cache->fd, "data", RENAME_NOREPLACE) < 0 &&
		    errno != EEXIST)
			status = fail_sys(err, "rename %s", path);
	}
	(void)remove_tree(cache->fd, name, &ignored);
	return status;
}

/** Open and lock the directory `path`; `*taken` as in lock(). */
static result cache_try(const struct ctx *ctx, const char *path, enum sharing sharing,
			struct mount_cache *cache, bool *taken, struct error *err)
{
	cache->fd = open_dirs(AT_FDCWD, path, 0700);
	if (cache->fd < 0)
		return fail_sys(err, "create %s", path);
	cache->path = xasprintf("%s/data", path);
	if (lock(ctx, cache->fd, sharing == SHARING_SHARED ? LOCK_SH : LOCK_EX,
		 sharing != SHARING_PRIVATE, taken, err))
		return FAILED;
	if (!*taken) {
		fd_drop(&cache->fd);
		free(cache->path);
		cache->path = NULL;
	}
	return OK;
}

result mount_cache_open(const struct ctx *ctx, const char *root, const struct digest *name,
			enum sharing sharing, const struct mount_cache_looks *looks,
			struct mount_cache **out, struct error *err)
{
	owned(mount_cache) struct mount_cache *cache = xnew(struct mount_cache);
	char hex[DIGEST_HEX_MAX];
	bool taken = false;

	cache->fd = -1;
	for (unsigned number = 0; !taken; number++) {
		owned(str) char *path = xasprintf("%s/mounts/%s", root, digest_hex(name, hex));
		owned(str) char *full = number ? xasprintf("%s.%u", path, number) : take(path);

		if (number == PRIVATE_MAX)
			return fail(err, FAULT_SYSTEM, "%d private caches are in use", PRIVATE_MAX);
		if (cache_try(ctx, full, sharing, cache, &taken, err))
			return FAILED;
	}
	if (data_make(cache, looks, err))
		return FAILED;
	*out = take(cache);
	return OK;
}

result mount_cache_at(const struct ctx *ctx, const char *path,
		      const struct mount_cache_looks *looks, struct mount_cache **out,
		      struct error *err)
{
	owned(mount_cache) struct mount_cache *cache = xnew(struct mount_cache);
	bool taken;

	cache->fd = -1;
	if (cache_try(ctx, path, SHARING_SHARED, cache, &taken, err) ||
	    data_make(cache, looks, err))
		return FAILED;
	*out = take(cache);
	return OK;
}
