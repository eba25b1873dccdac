/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A step down a path takes every layer that has a directory there along, topmost first; the first
 * layer where it is something else decides, and a whiteout or an opaque directory ends the search.
 */
#include "sandbox/stack.h"
#include "sandbox/inroot.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { LINKS_MAX = 40, PARTS_MAX = 1024 };

/** A directory of the merged view: those of the layers that make it up, topmost first. */
struct merged {
	int *fds;
	size_t count;
};

/** What a name is in a merged directory. */
enum found { FOUND_NOTHING, FOUND_DIRECTORY, FOUND_FILE, FOUND_LINK };

static void merged_drop(struct merged *merged)
{
	for (size_t i = 0; i < merged->count; i++)
		fd_drop(&merged->fds[i]);
	free(merged->fds);
	*merged = (struct merged){};
}

static void merged_add(struct merged *merged, int fd)
{
	array_grow(merged->fds, merged->count);
	merged->fds[merged->count++] = fd;
}

static int open_directory(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_opaque(int dir_fd)
{
	char value;

	return fgetxattr(dir_fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/**
 * Look `name` up: `*holder` is the layer's directory that has the file or link, `below` gets the
 * directories where it is one.
 */
static enum found merged_find(const struct merged *in, const char *name, int *holder,
			      struct merged *below)
{
	for (size_t i = 0; i < in->count; i++) {
		struct stat info;
		int fd;

		if (fstatat(in->fds[i], name, &info, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (is_whiteout(&info))
			break;
		if (!S_ISDIR(info.st_mode)) {
			if (below->count)
				break;
			*holder = in->fds[i];
			return S_ISLNK(info.st_mode) ? FOUND_LINK : FOUND_FILE;
		}
		fd = open_directory(in->fds[i], name);
		if (fd < 0)
			break;
		merged_add(below, fd);
		if (is_opaque(fd))
			break;
	}
	return below->count ? FOUND_DIRECTORY : FOUND_NOTHING;
}

static struct merged merged_root(const char *const *lowers, size_t lower_count)
{
	struct merged root = {};

	for (size_t i = 0; i < lower_count; i++) {
		int fd = open_directory(AT_FDCWD, lowers[i]);

		if (fd < 0)
			continue;
		merged_add(&root, fd);
		if (is_opaque(fd))
			break;
	}
	return root;
}

/** Put "target/rest" in place of `path`, the link's own directory being `walked`. */
static char *link_apply(int holder, const char *name, const char *walked, const char *rest)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(holder, name, target, sizeof(target) - 1);

	if (length <= 0)
		return NULL;
	target[length] = '\0';
	return xasprintf("%s/%s%s", target[0] == '/' ? "" : walked, target, rest);
}

/** Cut ".." and what it leaves off the end of a walked path. */
static void walked_up(struct buf *walked)
{
	char *slash = walked->length ? strrchr(walked->data, '/') : NULL;

	walked->length = slash ? (size_t)(slash - walked->data) : 0;
	if (walked->data)
		walked->data[walked->length] = '\0';
}

/** Read a file that was found; anything but a regular one counts as not there. */
static result file_read(int holder, const char *name, size_t limit, struct buf *out,
			struct error *err)
{
	struct stat info;

	if (fstatat(holder, name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode))
		return OK;
	return read_file(holder, name, limit, out, err);
}

/** Where a walk stands. */
struct walk {
	struct merged root, here;
	struct buf walked; /* the path of `here`, without links */
	char *path;        /* what is being walked, and from where */
	const char *rest;
	unsigned links;
};

static void walk_drop(struct walk *walk)
{
	merged_drop(&walk->root);
	merged_drop(&walk->here);
	buf_drop(&walk->walked);
	free(walk->path);
}

/** Start anew from the root with another path, which is ours now. */
static void walk_restart(struct walk *walk, char *path)
{
	free(walk->path);
	walk->path = path;
	walk->rest = path;
	merged_drop(&walk->here);
	for (size_t i = 0; i < walk->root.count; i++)
		merged_add(&walk->here, fcntl(walk->root.fds[i], F_DUPFD_CLOEXEC, 0));
	buf_clear(&walk->walked);
}

/** The next part of the path, "" at its end; the caller frees it. */
static char *walk_part(struct walk *walk)
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");

	walk->rest = start + length;
	return xstrndup(start, length);
}

/** ".." is walked from the root again, without the part before it. */
static void walk_up(struct walk *walk)
{
	struct buf up = {};

	walked_up(&walk->walked);
	buf_printf(&up, "%s/%s", buf_text(&walk->walked), walk->rest);
	walk_restart(walk, buf_take(&up));
}

static void walk_down(struct walk *walk, const char *name, struct merged *below)
{
	merged_drop(&walk->here);
	walk->here = *below;
	*below = (struct merged){};
	buf_printf(&walk->walked, "/%s", name);
}

/** Go on where a link leads; false where that is nowhere. */
static bool walk_link(struct walk *walk, int holder, const char *name)
{
	char *instead = link_apply(holder, name, buf_text(&walk->walked), walk->rest);

	if (!instead || ++walk->links > LINKS_MAX) {
		free(instead);
		return false;
	}
	walk_restart(walk, instead);
	return true;
}

/** One step; *holder is set where it ends at a file, and the step's name is kept then. */
static bool walk_step(struct walk *walk, char **name, int *holder)
{
	owned(merged) struct merged below = {};

	str_drop(name);
	*name = walk_part(walk);
	if (!**name)
		return false;
	if (strcmp(*name, ".") == 0)
		return true;
	if (strcmp(*name, "..") == 0) {
		walk_up(walk);
		return true;
	}
	switch (merged_find(&walk->here, *name, holder, &below)) {
	case FOUND_DIRECTORY:
		walk_down(walk, *name, &below);
		return true;
	case FOUND_LINK:
		return walk_link(walk, *holder, *name);
	default:
		return false;
	}
}

result stack_read(const char *const *lowers, size_t lower_count, const char *path, size_t limit,
		  struct buf *out, struct error *err)
{
	owned(walk) struct walk walk = { .root = merged_root(lowers, lower_count) };
	owned(str) char *name = NULL;
	int holder = -1;

	walk_restart(&walk, xstrdup(path));
	for (unsigned steps = 0; steps < PARTS_MAX; steps++) {
		holder = -1;
		if (!walk_step(&walk, &name, &holder))
			break;
	}
	/* file_read() looks again: a link that led nowhere is no regular file. */
	if (holder < 0 || *walk.rest)
		return OK;
	return file_read(holder, name, limit, out, err);
}
