/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What tests of layers share: scratch directories, archives from tables, trees as text.
 */
#ifndef TESTS_UNIT_SANDBOX_LAYERS_H
#define TESTS_UNIT_SANDBOX_LAYERS_H

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/sandbox.h"
#include "sandbox/tar.h"
#include "sandbox/walk.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Tables below name only what matters. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/** Nobody listens and nobody cancels. */
static const struct ctx quiet;

/** Skip a test that gives files to others, where there are no others. */
static inline void need_root(void)
{
	owned(buf) struct buf map = {};
	unsigned long long inside = 0, outside = 0, count = 0;
	struct error err;

	if (geteuid() == 0 && read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &map, &err) == OK)
		(void)!sscanf(map.data, "%llu %llu %llu", &inside, &outside, &count);
	if (inside != 0 || count < 65536)
		tap_skip("needs root, real or of a user namespace with 65536 ids");
}

/** A directory of its own for a test. */
struct scratch {
	char path[64];
	int fd;
};

static inline void scratch_drop(struct scratch *scratch)
{
	struct error err;

	fd_drop(&scratch->fd);
	if (*scratch->path && remove_tree(AT_FDCWD, scratch->path, &err))
		tap_check(false, __FILE__, __LINE__, "%s", err.text);
}

static inline struct scratch scratch_new(void)
{
	struct scratch scratch = { .path = "/tmp/mpemu-test-XXXXXX", .fd = -1 };

	umask(022);
	if (!mkdtemp(scratch.path))
		abort();
	scratch.fd = open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch;
}

/** The same for a test that needs root; skipping leaves nothing behind. */
static inline struct scratch scratch_as_root(void)
{
	need_root();
	return scratch_new();
}

/** A directory in the scratch directory, open. */
static inline int scratch_dir(const struct scratch *scratch, const char *name)
{
	mkdirat(scratch->fd, name, 0755);
	return openat(scratch->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void file_make(int dir_fd, const char *path, const char *content)
{
	owned(fd) int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct error err;

	tap_check(fd >= 0 && write_all(fd, content, strlen(content), &err) == OK, __FILE__,
		  __LINE__, "make %s", path);
}

/** A line for each file: "d etc", "f etc/passwd root", "l a -> b", "w gone", "o opaque/". */
static inline void tree_text(int dir_fd, struct buf *out)
{
	owned(walk) struct walk *walk = NULL;
	struct walk_item item;
	struct error err;

	buf_clear(out);
	buf_add_str(out, "");
	if (walk_new(dir_fd, &walk, &err))
		abort();
	while (walk_next(walk, &item, &err) == OK && item.path) {
		owned(buf) struct buf content = {};
		char link[256] = "";

		if (item.is_end)
			continue;
		if (S_ISDIR(item.info.st_mode)) {
			if (attribute_is_opaque(item.dir_fd, item.name))
				buf_printf(out, "o %s\n", item.path);
			else if (*item.path)
				buf_printf(out, "d %s\n", item.path);
		} else if (S_ISREG(item.info.st_mode)) {
			if (read_file(item.dir_fd, item.name, 1 << 20, &content, &err))
				abort();
			buf_printf(out, "f %s %.40s\n", item.path, buf_text(&content));
		} else if (S_ISLNK(item.info.st_mode)) {
			if (readlinkat(item.dir_fd, item.name, link, sizeof(link) - 1) < 0)
				abort();
			buf_printf(out, "l %s -> %s\n", item.path, link);
		} else if (S_ISCHR(item.info.st_mode) && item.info.st_rdev == 0) {
			buf_printf(out, "w %s\n", item.path);
		} else {
			buf_printf(out, "? %s\n", item.path);
		}
	}
}

/** One entry of an archive in a table; type as in tar, 0 ends the list. */
struct member {
	char type;
	const char *path, *text; /* content or link */
	mode_t mode;
};

/** An archive from a list, in memory, at its beginning. */
static inline int members_tar(const struct member *members, size_t max)
{
	static const struct {
		char type;
		mode_t mode;
	} modes[] = {
		{ '0', S_IFREG | 0644 }, { '1', S_IFREG | 0644 }, { '2', S_IFLNK | 0777 },
		{ '3', S_IFCHR | 0600 }, { '5', S_IFDIR | 0755 }, { '6', S_IFIFO | 0600 },
	};
	int fd = memfd_create("tar", MFD_CLOEXEC);
	owned(buf) struct buf out = {};
	static const char zeros[2 * TAR_BLOCK];
	struct error err;

	for (size_t i = 0; i < max && members[i].type; i++) {
		const struct member *member = &members[i];
		struct tar_entry entry = { .path = member->path,
					   .is_hard_link = member->type == '1' };

		for (size_t m = 0; m < countof(modes); m++)
			if (modes[m].type == member->type)
				entry.mode = modes[m].mode;
		if (member->mode)
			entry.mode = (entry.mode & S_IFMT) | member->mode;
		entry.mtime.tv_sec = 1000000000;
		if (member->type == '0' && member->text)
			entry.size = strlen(member->text);
		else
			entry.link = member->text;
		tar_header(&out, &entry);
		if (entry.size) {
			buf_add(&out, member->text, entry.size);
			buf_add(&out, zeros, tar_padding(entry.size));
		}
	}
	buf_add(&out, zeros, sizeof(zeros));
	if (write_all(fd, out.data, out.length, &err))
		abort();
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/** Both ways of doing file operations, for tests that hold for either. */
static const char *const io_modes[] = { "sync", "ring" };

#endif
