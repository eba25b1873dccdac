/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/volume.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/workdir.h"
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/** Short enough to get a prefix when it is removed. */
enum { NAME_LENGTH_MAX = 128 };

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool volume_name_is_valid(const char *name)
{
	return strspn(name, ALPHANUMERIC) > 0 && !name[strspn(name, ALPHANUMERIC "_.-")] &&
	       strlen(name) <= NAME_LENGTH_MAX;
}

/* ---- what a new one starts as ---- */

struct filling {
	const struct ctx *ctx;
	const struct volume_origin *origin;
};

static result looks_copy(int from, int to, const char *path, struct error *err)
{
	struct stat info;

	if (fstat(from, &info) < 0 || fchown(to, info.st_uid, info.st_gid) < 0 ||
	    fchmod(to, info.st_mode & 07777) < 0)
		return fail_sys(err, "copy owner and mode of %s", path);
	return OK;
}

static result volume_fill(void *closure, const char *path, struct error *err)
{
	static const struct copy_options options = { .keep_owner = true };
	const struct filling *filling = closure;
	const struct strings *lowers = filling->origin->lowers;
	const char *inside = filling->origin->path;
	owned(fd) int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -1, from = -1;

	if (to < 0)
		return fail_sys(err, "open %s", path);
	if (overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL, &root, err))
		return FAILED;
	from = open_in_root(root, inside, O_RDONLY | O_DIRECTORY, 0);
	if (from < 0 && errno == ENOENT)
		return OK;
	if (from < 0)
		return fail_sys(err, "%s of the image", inside);
	if (tree_copy(filling->ctx, root, inside + 1, to, "/", &options, err))
		return FAILED;
	return looks_copy(from, to, inside, err);
}

result volume_open_at(const struct ctx *ctx, const char *path, const struct volume_origin *origin,
		      struct mount_cache **out, struct error *err)
{
	struct filling filling = { ctx, origin };
	const struct mount_cache_looks looks = {
		.mode = 0755,
		.fill = origin ? volume_fill : NULL,
		.closure = &filling,
	};

	return mount_cache_at(ctx, path, &looks, out, err);
}

result volume_open(const struct ctx *ctx, const char *root, const char *name,
		   const struct volume_origin *origin, struct mount_cache **out, struct error *err)
{
	owned(str) char *path = xasprintf("%s/volumes/%s", root, name);

	return volume_open_at(ctx, path, origin, out, err);
}

/* ---- which there are ---- */

void volume_list(const char *root, struct strings *names)
{
	owned(str) char *path = xasprintf("%s/volumes", root);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		owned(str) char *data = xasprintf("%s/data", entry->d_name);

		/* Without it, it has never been one. */
		if (volume_name_is_valid(entry->d_name) &&
		    faccessat(dirfd(dir), data, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			strings_add(names, entry->d_name);
	}
	if (dir)
		closedir(dir);
	strings_sort(names);
}

result volume_remove(const char *root, const char *name, struct error *err)
{
	owned(str) char *path = xasprintf("%s/volumes/%s", root, name);
	owned(fd) int fd = -1;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_sys(err, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return fail(err, FAULT_SYSTEM, "volume %s is in use", name);
	return workdir_discard(root, "volumes", name, err);
}
