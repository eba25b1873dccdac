/* SPDX-License-Identifier: Apache-2.0 */
/**
 * COPY: a file or the content of a directory, merged into a tree.
 *
 * The walk gives the source in order; the target is always opened by its path without links below
 * the target's root, so that a link that came with an earlier copy leads nowhere.
 */
#include "sandbox/hardlinks.h"
#include "sandbox/inroot.h"
#include "sandbox/looks.h"
#include "sandbox/origin.h"
#include "sandbox/walk.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { COPY_PIECE = 256 << 10, COPY_RANGE_MAX = 64 << 20 };

/** A directory of the source that the walk is in. */
struct level {
	bool is_made, existed;
	bool is_whole; /* wanted itself, not only something below it */
};

struct copy {
	const struct ctx *ctx;
	const struct copy_options *options;
	struct origin origin;
	int target_root;
	struct buf target;       /* of the whole copy: below target_root, without links */
	struct hardlinks *links; /* inodes of the source to paths below target_root */
	struct buf path;         /* of the file at hand, below target_root */
	struct buf parent;       /* of what parent_fd is open on */
	int parent_fd;
	struct level *levels;
	size_t level_count;
	char *piece;
};

static void copy_drop(struct copy *copy)
{
	origin_drop(&copy->origin);
	buf_drop(&copy->target);
	hardlinks_drop(&copy->links);
	buf_drop(&copy->path);
	buf_drop(&copy->parent);
	fd_drop(&copy->parent_fd);
	free(copy->levels);
	free(copy->piece);
}

/* ---- content ---- */

/** Errors of copy_file_range() that say "not between these two", after which reading works. */
static bool is_unsupported(int sys)
{
	return sys == EXDEV || sys == EINVAL || sys == ENOSYS || sys == EOPNOTSUPP ||
	       sys == EBADF || sys == EPERM || sys == ETXTBSY;
}

static result range_read(struct copy *copy, int from, int to, uint64_t offset, uint64_t length,
			 struct error *err)
{
	if (!copy->piece)
		copy->piece = xcalloc(1, COPY_PIECE);
	while (length > 0) {
		size_t want = length < COPY_PIECE ? (size_t)length : COPY_PIECE;
		ssize_t got = pread(from, copy->piece, want, (off_t)offset), put = 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_sys(err, "read");
		if (got == 0)
			return OK; /* shorter by now: found out when all is done */
		for (ssize_t done = 0; done < got; done += put) {
			put = pwrite(to, copy->piece + done, (size_t)(got - done),
				     (off_t)offset + done);
			if (put < 0 && errno == EINTR)
				put = 0;
			else if (put < 0)
				return fail_sys(err, "write");
		}
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
	return OK;
}

static result range_copy(struct copy *copy, int from, int to, uint64_t offset, uint64_t length,
			 struct error *err)
{
	while (length > 0) {
		off_t in = (off_t)offset, out = (off_t)offset;
		size_t want = length < COPY_RANGE_MAX ? (size_t)length : COPY_RANGE_MAX;
		ssize_t got = copy_file_range(from, &in, to, &out, want, 0);

		if (cancel_check(copy->ctx, err))
			return FAILED;
		if (got < 0 && errno == EINTR)
			continue;
		/* Some file systems make nothing of it and say so with 0. */
		if (got == 0 || (got < 0 && is_unsupported(errno)))
			return range_read(copy, from, to, offset, length, err);
		if (got < 0)
			return fail_sys(err, "write");
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
	return OK;
}

/** The parts of a file that are no holes. */
static result data_copy(struct copy *copy, int from, int to, uint64_t size, struct error *err)
{
	off_t at = 0, end;

	if (ftruncate(to, (off_t)size) < 0)
		return fail_sys(err, "set size");
	while ((uint64_t)at < size) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			return OK;
		end = at < 0 ? -1 : lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return range_copy(copy, from, to, 0, size, err);
		if ((uint64_t)end > size)
			end = (off_t)size;
		if (end > at && range_copy(copy, from, to, (uint64_t)at, (uint64_t)(end - at), err))
			return FAILED;
		at = end;
	}
	return OK;
}

static result content_copy(struct copy *copy, int from, int to, const struct stat *info,
			   struct error *err)
{
	uint64_t size = (uint64_t)info->st_size;

	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return OK;
	if ((uint64_t)info->st_blocks * 512 < size)
		return data_copy(copy, from, to, size, err);
	return range_copy(copy, from, to, 0, size, err);
}

static bool is_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_ino == before->st_ino &&
	       now.st_dev == before->st_dev && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* ---- one file ---- */

static struct looks looks_of(const struct copy *copy, const struct stat *info,
			     const struct attributes *attributes)
{
	const struct copy_options *options = copy->options;

	return (struct looks){
		.uid = options->keep_owner ? info->st_uid : options->uid,
		.gid = options->keep_owner ? info->st_gid : options->gid,
		.mode = options->change ? mode_apply(options->change, info->st_mode)
					: info->st_mode,
		.mtime = info->st_mtim,
		.attributes = attributes->count ? attributes : NULL,
	};
}

/** Make room for a file: anything but a directory gives way. */
static result clear_way(struct copy *copy, const char *name, struct error *err)
{
	struct stat info;

	if (fstatat(copy->parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? OK : fail_sys(err, "look at /%s", copy->path.data);
	if (S_ISDIR(info.st_mode))
		return fail(err, FAULT_INPUT, "cannot replace to directory /%s with file",
			    copy->path.data);
	return unlinkat(copy->parent_fd, name, 0) < 0
		       ? fail_sys(err, "replace /%s", copy->path.data)
		       : OK;
}

static result file_copy(struct copy *copy, const struct walk_item *item, const char *name,
			const struct looks *looks, struct error *err)
{
	enum { FROM = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
	enum { TO = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	owned(fd) int from = openat(item->dir_fd, item->name, FROM);
	owned(fd) int to = -1;

	if (from < 0)
		return fail_sys(err, "open");
	if (!is_unchanged(from, &item->info))
		return fail(err, FAULT_INPUT, "changed while it was copied");
	to = openat(copy->parent_fd, name, TO, 0600);
	if (to < 0 && errno == EEXIST) {
		if (clear_way(copy, name, err))
			return FAILED;
		to = openat(copy->parent_fd, name, TO, 0600);
	}
	if (to < 0)
		return fail_sys(err, "create /%s", copy->path.data);
	if (content_copy(copy, from, to, &item->info, err))
		return fail_in(err, "to /%s", copy->path.data);
	if (!is_unchanged(from, &item->info))
		return fail(err, FAULT_INPUT, "changed while it was copied");
	return looks_give(to, looks, err);
}

static result link_copy(struct copy *copy, const struct walk_item *item, const char *name,
			struct error *err)
{
	char target[PATH_LENGTH_MAX + 1];
	ssize_t length = readlinkat(item->dir_fd, item->name, target, sizeof(target) - 1);

	if (length < 0)
		return fail_sys(err, "read link");
	target[length] = '\0';
	if (clear_way(copy, name, err))
		return FAILED;
	if (symlinkat(target, copy->parent_fd, name) < 0)
		return fail_sys(err, "create /%s", copy->path.data);
	return OK;
}

static result node_copy(struct copy *copy, const struct walk_item *item, const char *name,
			struct error *err)
{
	if (clear_way(copy, name, err))
		return FAILED;
	if (mknodat(copy->parent_fd, name, (item->info.st_mode & S_IFMT) | 0600,
		    item->info.st_rdev) < 0)
		return fail_sys(err, "create /%s", copy->path.data);
	return OK;
}

/** What clients make of a socket on the way to a builder: an empty file. */
static result socket_copy(struct copy *copy, const char *name, struct looks *looks,
			  struct error *err)
{
	enum { TO = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	owned(fd) int to = -1;

	if (clear_way(copy, name, err))
		return FAILED;
	to = openat(copy->parent_fd, name, TO, 0600);
	if (to < 0)
		return fail_sys(err, "create /%s", copy->path.data);
	return looks_give(to, looks, err);
}

/** Another name for a file that was copied already. */
static result hard_link(struct copy *copy, const char *first, const char *name, struct error *err)
{
	owned(fd) int fd = open_plain(copy->target_root, first, O_PATH | O_NOFOLLOW, 0);
	char proc[32];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (fd < 0)
		return fail_sys(err, "open /%s", first);
	if (clear_way(copy, name, err))
		return FAILED;
	if (linkat(AT_FDCWD, proc, copy->parent_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return fail_sys(err, "link /%s", copy->path.data);
	return OK;
}

static result leaf_copy(struct copy *copy, const struct walk_item *item, const char *name,
			struct error *err)
{
	owned(attributes) struct attributes attributes = {};
	const char *first = hardlinks_meet(copy->links, &item->info, copy->path.data);
	struct looks looks;

	if (first)
		return hard_link(copy, first, name, err);
	if (!copy->options->is_context &&
	    attributes_read(item->dir_fd, item->name, &attributes, err))
		return FAILED;
	looks = looks_of(copy, &item->info, &attributes);
	switch (item->info.st_mode & S_IFMT) {
	case S_IFREG:
		return file_copy(copy, item, name, &looks, err);
	case S_IFLNK:
		if (link_copy(copy, item, name, err))
			return FAILED;
		break;
	case S_IFSOCK:
		return copy->options->is_context ? socket_copy(copy, name, &looks, err)
						 : OK; /* means nothing without its process */
	default:
		if (node_copy(copy, item, name, err))
			return FAILED;
		break;
	}
	return looks_give_at(copy->parent_fd, name, &looks, err);
}

/* ---- the tree ---- */

/** The target's path of what is at `path` below the origin, and its parent open. */
static result target_open(struct copy *copy, const char *path, const char **name, struct error *err)
{
	owned(str) char *parent = NULL;
	size_t length;

	buf_clear(&copy->path);
	buf_add_str(&copy->path, buf_text(&copy->target));
	if (copy->path.length && *path)
		buf_add_char(&copy->path, '/');
	buf_add_str(&copy->path, path);
	if (copy->path.length > PATH_LENGTH_MAX)
		return fail(err, FAULT_INPUT, "path is longer than %d bytes", PATH_LENGTH_MAX);
	*name = path_split(buf_text(&copy->path), &length);
	parent = xstrndup(buf_text(&copy->path), length);
	if (copy->parent_fd >= 0 && strcmp(parent, buf_text(&copy->parent)) == 0)
		return OK;
	fd_drop(&copy->parent_fd);
	copy->parent_fd = open_plain(copy->target_root, parent, O_RDONLY | O_DIRECTORY, 0);
	if (copy->parent_fd < 0)
		return fail_sys(err, "open /%s", parent);
	buf_clear(&copy->parent);
	buf_add_str(&copy->parent, parent);
	return OK;
}

static result directory_make(struct copy *copy, const char *name, struct level *level,
			     struct error *err)
{
	struct stat info;

	level->existed = !*name;
	if (*name && mkdirat(copy->parent_fd, name, 0700) < 0) {
		level->existed = errno == EEXIST;
		if (!level->existed ||
		    fstatat(copy->parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_sys(err, "create /%s", copy->path.data);
		if (!S_ISDIR(info.st_mode))
			return fail(err, FAULT_INPUT, "cannot copy to non-directory: /%s",
				    copy->path.data);
	}
	level->is_made = true;
	return OK;
}

/** Make those directories that waited for something in them to be wanted; `path` is below all. */
static result levels_make(struct copy *copy, const char *path, struct error *err)
{
	size_t length = 0;

	for (size_t i = 0; i < copy->level_count; i++) {
		owned(str) char *directory = xstrndup(path, length);
		const char *name;

		if (!copy->levels[i].is_made && (target_open(copy, directory, &name, err) ||
						 directory_make(copy, name, &copy->levels[i], err)))
			return FAILED;
		length += strcspn(path + length + !!length, "/") + !!length;
	}
	return OK;
}

static result directory_begin(struct copy *copy, const char *path, enum wanted wanted,
			      struct error *err)
{
	struct level level = { .is_whole = wanted >= WANTED_WITH };
	const char *name;

	if (wanted == WANTED &&
	    (levels_make(copy, path, err) || target_open(copy, path, &name, err) ||
	     directory_make(copy, name, &level, err)))
		return FAILED;
	array_grow(copy->levels, copy->level_count);
	copy->levels[copy->level_count++] = level;
	return OK;
}

/**
 * The destination itself is nobody's copy, but has the time of its source; clients send that of all
 * directories but of the context itself, which is as old as the build is.
 */
static result time_give(const struct copy *copy, int fd, const struct stat *info, struct error *err)
{
	const bool is_sent = !copy->options->is_context || copy->origin.path.length > 0;
	const struct timespec now = { .tv_nsec = UTIME_NOW };
	const struct timespec time = is_sent ? info->st_mtim : now, times[2] = { time, time };

	return futimens(fd, times) < 0 ? fail_sys(err, "set time of the destination") : OK;
}

/** Its looks come last: what is made inside changes its time, and its mode may forbid making. */
static result directory_end(struct copy *copy, const struct walk_item *item, struct error *err)
{
	const struct level level = copy->levels[--copy->level_count];
	owned(attributes) struct attributes attributes = {};
	owned(fd) int fd = -1;
	const char *name;
	struct looks looks;

	if (!level.is_made)
		return OK;
	if (target_open(copy, item->path, &name, err))
		return FAILED;
	fd = openat(copy->parent_fd, *name ? name : ".",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_sys(err, "open /%s", copy->path.data);
	if (!*item->path)
		return time_give(copy, fd, &item->info, err);
	if (!level.is_whole && level.existed)
		return fchmod(fd, item->info.st_mode & 07777) < 0
			       ? fail_sys(err, "set mode of /%s", copy->path.data)
			       : OK;
	if (!copy->options->is_context &&
	    attributes_read(item->dir_fd, item->name, &attributes, err))
		return FAILED;
	looks = looks_of(copy, &item->info, &attributes);
	return looks_give(fd, &looks, err);
}

static result item_copy(struct copy *copy, const struct walk_item *item, enum wanted wanted,
			struct error *err)
{
	const char *name = NULL;

	if (item->is_end)
		return directory_end(copy, item, err);
	if (S_ISDIR(item->info.st_mode))
		return directory_begin(copy, item->path, wanted, err);
	if (wanted != WANTED)
		return OK;
	if (levels_make(copy, item->path, err) || target_open(copy, item->path, &name, err))
		return FAILED;
	return leaf_copy(copy, item, name, err);
}

static result directory_copy(struct copy *copy, struct error *err)
{
	owned(walk) struct walk *walk = NULL;
	struct walk_item item;
	enum wanted wanted;

	if (walk_new(copy->origin.dir_fd, &walk, err))
		return FAILED;
	for (;;) {
		if (cancel_check(copy->ctx, err) || walk_next(walk, &item, err))
			return FAILED;
		if (!item.path)
			return OK;
		wanted = item.is_end ? WANTED
				     : origin_wants(&copy->origin, item.path,
						    S_ISDIR(item.info.st_mode));
		if (wanted == WANTED_NOT)
			walk_prune(walk);
		else if (item_copy(copy, &item, wanted, err))
			return *item.path ? fail_in(err, "%.200s", item.path) : FAILED;
	}
}

/**
 * Follow the target's links, and make the directories that it is to be in; for a directory itself
 * too, which gets nothing of the source's looks.
 */
static result target_make(struct copy *copy, const char *target, struct error *err)
{
	const struct copy_options *options = copy->options;
	const struct dirs_options dirs = {
		/* Made as mkdir makes them: set-id bits and what a umask of 022 takes are not for
		   them. */
		.mode = options->change && options->change->is_absolute
				? options->change->mode & 0755
				: 0755,
		.uid = options->keep_owner ? 0 : options->uid,
		.gid = options->keep_owner ? 0 : options->gid,
	};
	bool is_directory = S_ISDIR(copy->origin.info.st_mode);
	owned(str) char *parent = NULL;
	owned(fd) int fd = -1;
	size_t length;

	if (path_resolve(copy->target_root, target, CLIMBING_STAYS, &copy->target, err))
		return FAILED;
	/* What has this name there gives way, also where it is a link. */
	if (options->name)
		buf_printf(&copy->target, "%s%s", copy->target.length ? "/" : "", options->name);
	length = copy->target.length;
	if (!is_directory)
		path_split(buf_text(&copy->target), &length);
	parent = xstrndup(buf_text(&copy->target), length);
	fd = dirs_make(copy->target_root, parent, &dirs);
	if (fd < 0 && errno == ENOTDIR)
		return fail(err, FAULT_INPUT, "cannot copy to non-directory: /%s", parent);
	return fd < 0 ? fail_sys(err, "make directory /%s", parent) : OK;
}

static result copy_all(struct copy *copy, const char *target, struct error *err)
{
	struct origin *origin = &copy->origin;
	struct walk_item item = {
		.path = "",
		.name = origin->name,
		.dir_fd = origin->dir_fd,
		.info = origin->info,
	};

	if (target_make(copy, target, err))
		return FAILED;
	if (S_ISDIR(origin->info.st_mode))
		return directory_copy(copy, err);
	if (copy->target.length == 0)
		return fail(err, FAULT_INPUT, "cannot replace to directory / with file");
	return item_copy(copy, &item, WANTED, err);
}

result tree_copy(const struct ctx *ctx, int source_root_fd, const char *source, int target_root_fd,
		 const char *target, const struct copy_options *options, struct error *err)
{
	owned(copy) struct copy copy = {
		.ctx = ctx,
		.options = options,
		.origin = { .dir_fd = -1 },
		.target_root = target_root_fd,
		.parent_fd = -1,
	};

	copy.links = hardlinks_new();
	if (origin_open(source_root_fd, source, options, &copy.origin, err))
		return FAILED;
	if (copy_all(&copy, target, err))
		return fail_in(err, "copy %s", *source ? source : "/");
	return OK;
}
