/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/quota.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

enum { BLOCK = 512, SLACK = 64 };

/** Bytes in use of the file system; 0 where it does not say. */
static uint64_t used_get(int fd)
{
	struct statfs info;

	if (fstatfs(fd, &info) < 0)
		return 0;
	return (uint64_t)(info.f_blocks - info.f_bfree) * (uint64_t)info.f_bsize;
}

/**
 * Directories are named by their paths, not held open: as deep as one may make them there are not
 * descriptors enough.  Those too deep for a path are not looked into; the layer's own limits are.
 */
struct walk_place {
	char *path;
	struct walk_place *next;
};

static void place_push(struct walk_place **top, const char *directory, const char *name)
{
	struct walk_place *place = xnew(struct walk_place);

	place->path = *directory ? xasprintf("%s/%s", directory, name) : xstrdup(name);
	place->next = *top;
	*top = place;
}

/** Add what one directory holds; what is removed meanwhile does not count. */
static void directory_count(int upper_fd, const char *path, struct walk_place **top,
			    uint64_t *bytes)
{
	owned(fd) int fd = openat(upper_fd, *path ? path : ".",
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	(void)fd_take(&fd);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		struct stat info;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*bytes += (uint64_t)info.st_blocks * BLOCK;
		if (S_ISDIR(info.st_mode))
			place_push(top, path, entry->d_name);
	}
	closedir(dir);
}

static uint64_t tree_count(int upper_fd, uint64_t enough)
{
	struct walk_place *top = NULL;
	uint64_t bytes = 0;

	place_push(&top, "", "");
	while (top) {
		struct walk_place *place = top;

		top = place->next;
		if (bytes <= enough)
			directory_count(upper_fd, place->path, &top, &bytes);
		free(place->path);
		free(place);
	}
	return bytes;
}

void quota_begin(struct quota *quota, const char *upper, uint64_t limit)
{
	*quota = (struct quota){ .limit = limit, .upper_fd = -1 };
	if (!limit)
		return;
	quota->upper_fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	quota->used = used_get(quota->upper_fd);
	quota->left = limit;
}

void quota_end(struct quota *quota)
{
	fd_drop(&quota->upper_fd);
}

bool quota_exceeded(struct quota *quota)
{
	uint64_t used, bytes;

	if (!quota->limit || quota->upper_fd < 0)
		return false;
	used = used_get(quota->upper_fd);
	/* Others may give room back meanwhile: at the end the layer itself is measured. */
	if (used < quota->used + quota->left)
		return false;
	bytes = tree_count(quota->upper_fd, quota->limit);
	quota->used = used;
	quota->left = bytes < quota->limit ? quota->limit - bytes : 0;
	/* Not again at every look while it is all but full. */
	quota->left += quota->limit / SLACK;
	return bytes > quota->limit;
}
