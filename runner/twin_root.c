/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_root.h"

#include "base/digest.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

result twin_store_open(const char *store, int *twins_fd, int *files_fd, struct error *err)
{
	owned(str) char *path = xasprintf("%s/twins", store);
	owned(fd) int twins = open_dirs(AT_FDCWD, path, 0755);
	int files = twins < 0 ? -1 : open_dirs(twins, "files", 0755);

	if (files < 0)
		return fail_sys(err, "open %s", path);
	*twins_fd = fd_take(&twins);
	*files_fd = files;
	return OK;
}

static int entry_compare(const void *left, const void *right)
{
	const struct twin_entry *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static void root_name(const struct native_root *source, char name[COPY_NAME_MAX])
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char hex[DIGEST_HEX_MAX];
	struct digest digest;

	hasher_add_str(hasher, "mpemu twin root 1");
	for (size_t i = 0; i < source->entry_count; i++) {
		hasher_add_str(hasher, source->entries[i].path);
		hasher_add_str(hasher, source->entries[i].name);
	}
	digest = hasher_finish(hasher);
	snprintf(name, COPY_NAME_MAX, "%s", digest_hex(&digest, hex));
}

/** Link one copy into the directory; paths are what found_open() gave, so they are plain. */
static result entry_place(int root_fd, int files_fd, const struct twin_entry *entry,
			  struct error *err)
{
	const char *slash = strrchr(entry->path, '/');
	owned(str) char *folder =
		slash ? xstrndup(entry->path, (size_t)(slash - entry->path)) : xstrdup(".");
	owned(fd) int fd = open_dirs(root_fd, folder, 0755);
	const char *name = slash ? slash + 1 : entry->path;

	if (fd < 0)
		return fail_sys(err, "twins: %s", folder);
	if (entry->is_link ? symlinkat(entry->name, fd, name)
			   : linkat(files_fd, entry->name, fd, name, 0))
		return fail_sys(err, "twins: link %s", entry->path);
	return OK;
}

static result root_fill(int root_fd, int files_fd, const struct native_root *source,
			struct error *err)
{
	for (size_t i = 0; i < source->entry_count; i++)
		if (entry_place(root_fd, files_fd, &source->entries[i], err))
			return FAILED;
	return OK;
}

result twin_root_make(int twins_fd, int files_fd, struct native_root *source,
		      char name[COPY_NAME_MAX], struct error *err)
{
	char temporary[COPY_NAME_MAX + 32];
	owned(fd) int fd = -1;
	struct error ignored;
	int failed;

	qsort(source->entries, source->entry_count, sizeof(*source->entries), entry_compare);
	root_name(source, name);
	if (faccessat(twins_fd, name, F_OK, 0) == 0)
		return OK;
	snprintf(temporary, sizeof(temporary), ".%s.%d", name, gettid());
	if (remove_tree(twins_fd, temporary, err))
		return FAILED;
	fd = open_dirs(twins_fd, temporary, 0755);
	if (fd < 0)
		return fail_sys(err, "twins: create %s", temporary);
	failed = root_fill(fd, files_fd, source, err);
	if (!failed && syncfs(fd) < 0)
		failed = fail_sys(err, "twins: sync");
	if (!failed && renameat(twins_fd, temporary, twins_fd, name) == 0)
		return OK;
	/* Somebody else was faster: theirs is the same. */
	if (!failed && errno != EEXIST && errno != ENOTEMPTY)
		failed = fail_sys(err, "twins: rename %s", temporary);
	(void)!remove_tree(twins_fd, temporary, &ignored);
	return failed ? FAILED : OK;
}
