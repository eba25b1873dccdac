/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An overlay's upper directory, reduced to what it changes of the tree below it.
 *
 * The kernel leaves more than that: files that were copied up and then left as they were,
 * whiteouts of what is only hidden, and directories that hide everything below instead of naming
 * what is gone.  A layer says each change once, so that it means the same to every other tool.
 */
#include "sandbox/attribute.h"
#include "sandbox/inroot.h"
#include "sandbox/sandbox.h"
#include "sandbox/walk.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { PIECE = 64 << 10 };

/** A directory of the upper tree that the walk is in. */
struct level {
	bool exists;  /* below too, as a directory */
	bool same;    /* and looks there as it does here */
	bool opaque;  /* what is below it was hidden */
	bool kept;    /* holds a change */
	bool touched; /* by us, so that its time is to be set again */
};

struct settle {
	const struct ctx *ctx;
	int upper_fd, lower_fd;
	struct level *levels;
	size_t depth;
	char *pieces[2];
};

static void settle_drop(struct settle *settle)
{
	free(settle->levels);
	free(settle->pieces[0]);
	free(settle->pieces[1]);
}

static struct level *level_last(struct settle *settle)
{
	return &settle->levels[settle->depth - 1];
}

/* ---- comparing ---- */

/**
 * What is at the path below.  All that leads there is a directory on both sides, so that no link is
 * followed.
 */
static bool lower_stat(const struct settle *settle, const char *path, struct stat *out)
{
	return fstatat(settle->lower_fd, *path ? path : ".", out, AT_SYMLINK_NOFOLLOW) == 0;
}

static const struct attribute *recorded_find(const struct attributes *attributes)
{
	for (size_t i = 0; i < attributes->count; i++) {
		if (attribute_is_recorded(attributes->items[i].name))
			return &attributes->items[i];
	}
	return NULL;
}

static bool recorded_same(const struct attribute *a, const struct attribute *b)
{
	if (!a || !b)
		return a == b;
	return a->length == b->length && memcmp(a->value, b->value, a->length) == 0;
}

/** Attributes of both, by open parents: their paths may be longer than /proc takes. */
static result attributes_same(const struct settle *settle, const struct walk_item *item, bool *out,
			      struct error *err)
{
	owned(attributes) struct attributes here = {}, below = {};
	owned(str) char *parent = NULL;
	owned(fd) int fd = -1;
	size_t length;
	const char *name = path_split(item->path, &length);

	parent = xstrndup(item->path, length);
	fd = open_plain(settle->lower_fd, parent, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fail_sys(err, "open %s", parent);
	if (attributes_read(item->dir_fd, item->name, &here, err) ||
	    attributes_read(fd, *name ? name : ".", &below, err))
		return FAILED;
	*out = recorded_same(recorded_find(&here), recorded_find(&below));
	return OK;
}

/** Read up to PIECE bytes; fewer only at the end. */
static ssize_t piece_read(int fd, char *piece)
{
	ssize_t total = 0, got;

	while (total < PIECE && (got = read(fd, piece + total, (size_t)(PIECE - total))) != 0) {
		if (got < 0 && errno != EINTR)
			return -1;
		total += got > 0 ? got : 0;
	}
	return total;
}

static result content_same(struct settle *settle, const struct walk_item *item, bool *out,
			   struct error *err)
{
	enum { FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
	owned(fd) int here = openat(item->dir_fd, item->name, FLAGS);
	owned(fd) int below = open_plain(settle->lower_fd, item->path, FLAGS, 0);
	ssize_t a, b;

	if (here < 0 || below < 0)
		return fail_sys(err, "open");
	for (size_t i = 0; i < countof(settle->pieces); i++) {
		if (!settle->pieces[i])
			settle->pieces[i] = xcalloc(1, PIECE);
	}
	do {
		a = piece_read(here, settle->pieces[0]);
		b = piece_read(below, settle->pieces[1]);
		if (a < 0 || b < 0)
			return fail_sys(err, "read");
		if (cancel_check(settle->ctx, err))
			return FAILED;
		*out = a == b && memcmp(settle->pieces[0], settle->pieces[1], (size_t)a) == 0;
	} while (*out && a > 0);
	return OK;
}

static result link_same(const struct settle *settle, const struct walk_item *item, bool *out,
			struct error *err)
{
	char here[PATH_LENGTH_MAX + 1], below[PATH_LENGTH_MAX + 1];
	ssize_t a = readlinkat(item->dir_fd, item->name, here, sizeof(here));
	ssize_t b = readlinkat(settle->lower_fd, item->path, below, sizeof(below));

	if (a < 0 || b < 0)
		return fail_sys(err, "read link");
	*out = a == b && memcmp(here, below, (size_t)a) == 0;
	return OK;
}

/** Whether a file is as it is below; of directories, whether their looks are, but for the time. */
static result is_same(struct settle *settle, const struct walk_item *item, const struct stat *below,
		      bool *out, struct error *err)
{
	const struct stat *here = &item->info;

	*out = here->st_mode == below->st_mode && here->st_uid == below->st_uid &&
	       here->st_gid == below->st_gid && here->st_rdev == below->st_rdev;
	if (*out && !S_ISDIR(here->st_mode))
		*out = here->st_size == below->st_size &&
		       here->st_mtim.tv_sec == below->st_mtim.tv_sec &&
		       here->st_mtim.tv_nsec == below->st_mtim.tv_nsec;
	if (*out && S_ISREG(here->st_mode) && content_same(settle, item, out, err))
		return FAILED;
	if (*out && S_ISLNK(here->st_mode) && link_same(settle, item, out, err))
		return FAILED;
	return *out ? attributes_same(settle, item, out, err) : OK;
}

/* ---- changing ---- */

static result leaf_remove(struct settle *settle, const struct walk_item *item, struct error *err)
{
	if (unlinkat(item->dir_fd, item->name, 0) < 0)
		return fail_sys(err, "remove");
	level_last(settle)->touched = true;
	return OK;
}

/** In place of "hides everything": a whiteout for each name below that is not here. */
static result hidden_name(struct settle *settle, const struct walk_item *item, int below,
			  struct error *err)
{
	owned(fd) int here =
		openat(item->dir_fd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int again = openat(below, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;
	result status = OK;

	if (here < 0 || !dir) {
		status = fail_sys(err, "open directory");
		if (dir)
			closedir(dir);
		else
			fd_drop(&again);
		return status;
	}
	while (!status && (entry = readdir(dir))) {
		struct stat info;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(here, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (mknodat(here, entry->d_name, S_IFCHR, 0) < 0)
			status = fail_sys(err, "make whiteout %s", entry->d_name);
		level_last(settle)->touched = true;
	}
	closedir(dir);
	return status;
}

static result opaque_clear(const struct walk_item *item, struct error *err)
{
	owned(fd) int fd =
		openat(item->dir_fd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fremovexattr(fd, "user.overlay.opaque") < 0)
		return fail_sys(err, "remove mark");
	return OK;
}

/* ---- the tree ---- */

/** Enter a directory; the walk reads its names only now, those that are added here too. */
static result directory_begin(struct settle *settle, const struct walk_item *item,
			      struct error *err)
{
	const struct level *parent = settle->depth ? level_last(settle) : NULL;
	bool marked = attribute_is_opaque(item->dir_fd, item->name);
	struct level level = {};
	owned(fd) int below = -1;
	struct stat info;

	level.exists = (!parent || parent->exists) && lower_stat(settle, item->path, &info) &&
		       S_ISDIR(info.st_mode);
	level.opaque = level.exists && (marked || (parent && parent->opaque));
	if (level.exists && is_same(settle, item, &info, &level.same, err))
		return FAILED;
	array_grow(settle->levels, settle->depth);
	settle->levels[settle->depth++] = level;
	if (level.opaque) {
		below = open_plain(settle->lower_fd, item->path, O_RDONLY | O_DIRECTORY, 0);
		if (below < 0)
			return fail_sys(err, "open directory");
		if (hidden_name(settle, item, below, err))
			return FAILED;
	}
	return marked ? opaque_clear(item, err) : OK;
}

static result directory_end(struct settle *settle, const struct walk_item *item, struct error *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, item->info.st_mtim };
	const struct level level = settle->levels[--settle->depth];
	struct level *parent = settle->depth ? level_last(settle) : NULL;

	if (parent && level.exists && level.same && !level.kept) {
		if (unlinkat(item->dir_fd, item->name, AT_REMOVEDIR) < 0)
			return fail_sys(err, "remove");
		parent->touched = true;
		return OK;
	}
	if (parent)
		parent->kept = true;
	if (level.touched && utimensat(item->dir_fd, item->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_sys(err, "set time");
	return OK;
}

static result leaf_settle(struct settle *settle, const struct walk_item *item, struct error *err)
{
	struct level *parent = level_last(settle);
	struct stat info;
	bool is_below = parent->exists && lower_stat(settle, item->path, &info), same = false;

	if (is_whiteout(&item->info)) {
		if (!is_below)
			return leaf_remove(settle, item, err);
		parent->kept = true;
		return OK;
	}
	if (is_below && is_same(settle, item, &info, &same, err))
		return FAILED;
	if (same)
		return leaf_remove(settle, item, err);
	parent->kept = true;
	return OK;
}

static result item_settle(struct settle *settle, const struct walk_item *item, struct error *err)
{
	if (item->is_end)
		return directory_end(settle, item, err);
	return S_ISDIR(item->info.st_mode) ? directory_begin(settle, item, err)
					   : leaf_settle(settle, item, err);
}

result layer_settle(const struct ctx *ctx, int upper_fd, int lower_fd, struct error *err)
{
	__attribute__((cleanup(settle_drop))) struct settle settle = {
		.ctx = ctx,
		.upper_fd = upper_fd,
		.lower_fd = lower_fd,
	};
	owned(walk) struct walk *walk = NULL;
	struct walk_item item;

	if (walk_new(upper_fd, &walk, err))
		return FAILED;
	for (;;) {
		if (cancel_check(ctx, err) || walk_next(walk, &item, err))
			return FAILED;
		if (!item.path)
			return OK;
		if (item_settle(&settle, &item, err))
			return fail_in(err, "%.200s", *item.path ? item.path : "/");
	}
}
