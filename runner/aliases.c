/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/aliases.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ALIASES_MAX = 4096, LINKS_MAX = 16384, NAME_LONGEST = 255 };

static const char *const directories[] = {
	"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin",
};

/** The twin that a file is, or SIZE_MAX. */
static size_t twin_of(const struct stat *info, const struct assist_twin *twins, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!twins[i].is_script && twins[i].inode == info->st_ino &&
		    twins[i].size == (uint64_t)info->st_size &&
		    twins[i].ctime.tv_sec == info->st_ctim.tv_sec &&
		    twins[i].ctime.tv_nsec == info->st_ctim.tv_nsec)
			return i;
	}
	return SIZE_MAX;
}

static void alias_add(struct aliases *aliases, size_t twin, const char *name)
{
	array_grow(aliases->items, aliases->count);
	aliases->items[aliases->count++] =
		(struct assist_alias){ .twin = twin, .name = xstrdup(name) };
}

static void directory_search(int root_fd, const char *directory, const struct assist_twin *twins,
			     size_t count, struct aliases *out)
{
	int fd = open_in_root(root_fd, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t seen = 0;

	if (!dir) {
		fd_drop(&fd);
		return;
	}
	while ((entry = readdir(dir)) && seen < LINKS_MAX && out->count < ALIASES_MAX) {
		char path[NAME_LONGEST + 64];
		owned(fd) int target = -1;
		struct stat info;
		size_t twin;

		if (entry->d_type != DT_LNK)
			continue;
		seen++;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		target = open_in_root(root_fd, path, O_PATH, 0);
		if (target < 0 || fstat(target, &info) < 0 || !S_ISREG(info.st_mode))
			continue;
		twin = twin_of(&info, twins, count);
		if (twin != SIZE_MAX)
			alias_add(out, twin, entry->d_name);
	}
	closedir(dir);
}

struct aliases *aliases_find(int root_fd, const struct assist_twin *twins, size_t count)
{
	struct aliases *aliases = xnew(struct aliases);

	for (size_t i = 0; count && i < countof(directories); i++)
		directory_search(root_fd, directories[i], twins, count, aliases);
	return aliases;
}

void aliases_drop(struct aliases **aliases)
{
	if (!*aliases)
		return;
	for (size_t i = 0; i < (*aliases)->count; i++)
		free((char *)(uintptr_t)(*aliases)->items[i].name);
	free((*aliases)->items);
	free(*aliases);
	*aliases = NULL;
}
