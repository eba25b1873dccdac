/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Walking a tree: a list of names for every directory on the way down, and ".." to come back.
 */
#include "sandbox/walk.h"

#include "sandbox/inroot.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct frame {
	struct buf bytes;   /* the names, one after another */
	const char **names; /* in order; into bytes */
	size_t count, next;
	size_t path_length; /* of this directory */
	struct stat info;
};

struct walk {
	int fd; /* the directory of the last frame */
	struct frame *frames;
	size_t depth;
	struct buf path;
	bool started, pending; /* pending: the last item is a directory to enter */
	struct stat pending_info;
	size_t name_offset;
};

static void frame_drop(struct frame *frame)
{
	buf_drop(&frame->bytes);
	free(frame->names);
}

void walk_drop(struct walk **walk)
{
	if (!*walk)
		return;
	for (size_t i = 0; i < (*walk)->depth; i++)
		frame_drop(&(*walk)->frames[i]);
	free((*walk)->frames);
	buf_drop(&(*walk)->path);
	fd_drop(&(*walk)->fd);
	free(*walk);
	*walk = NULL;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_sort(struct frame *frame)
{
	const char *at = frame->bytes.data;

	frame->names = xcalloc(frame->count, sizeof(*frame->names));
	for (size_t i = 0; i < frame->count; i++, at += strlen(at) + 1)
		frame->names[i] = at;
	qsort(frame->names, frame->count, sizeof(*frame->names), by_bytes);
	for (size_t i = 0; i < frame->count; i++)
		frame->names[i]++;
}

static bool is_character_device(int dir_fd, const struct dirent *entry)
{
	struct stat info;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_CHR;
	return fstatat(dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISCHR(info.st_mode);
}

static result names_read(int fd, struct frame *frame, struct error *err)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!dir)
		return fail_sys(err, "open directory");
	while ((errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		/* A byte before the name sorts character devices, whiteouts among them, first. */
		buf_add_char(&frame->bytes, is_character_device(fd, entry) ? '0' : '1');
		buf_add(&frame->bytes, entry->d_name, strlen(entry->d_name) + 1);
		frame->count++;
	}
	if (errno) {
		(void)fail_sys(err, "read directory");
		closedir(dir);
		return FAILED;
	}
	closedir(dir);
	names_sort(frame);
	return OK;
}

/** Go down into the open directory `fd`, which becomes the walk's. */
static result enter(struct walk *walk, int fd, const struct stat *info, struct error *err)
{
	struct frame frame = { .path_length = walk->path.length, .info = *info };

	fd_drop(&walk->fd);
	walk->fd = fd;
	if (names_read(fd, &frame, err)) {
		frame_drop(&frame);
		return fail_in(err, "%s", *buf_text(&walk->path) ? buf_text(&walk->path) : ".");
	}
	array_grow(walk->frames, walk->depth);
	walk->frames[walk->depth++] = frame;
	return OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static result changed(const struct walk *walk, struct error *err)
{
	return fail(err, FAULT_INPUT, "%s: changed while it was read", buf_text(&walk->path));
}

static result enter_pending(struct walk *walk, struct error *err)
{
	const char *name = buf_text(&walk->path) + walk->name_offset;
	owned(fd) int fd = openat(walk->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;

	if (fd < 0)
		return fail_sys(err, "open %s", buf_text(&walk->path));
	if (fstat(fd, &info) < 0 || !is_same(&info, &walk->pending_info))
		return changed(walk, err);
	return enter(walk, fd_take(&fd), &walk->pending_info, err);
}

static void path_cut(struct walk *walk, size_t length)
{
	walk->path.length = length;
	if (walk->path.data)
		walk->path.data[length] = '\0';
}

/** Leave the last directory: its end is an item, seen from its parent. */
static result leave(struct walk *walk, struct walk_item *item, struct error *err)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	struct stat info;
	size_t parent;

	path_cut(walk, frame->path_length);
	item->info = frame->info;
	item->is_end = true;
	frame_drop(frame);
	walk->depth--;
	if (walk->depth > 0) {
		int up = openat(walk->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (up < 0)
			return fail_sys(err, "leave %s", buf_text(&walk->path));
		fd_drop(&walk->fd);
		walk->fd = up;
		if (fstat(up, &info) < 0 || !is_same(&info, &walk->frames[walk->depth - 1].info))
			return changed(walk, err);
	}
	item->path = buf_text(&walk->path);
	item->name = walk->depth ? path_split(item->path, &parent) : ".";
	item->dir_fd = walk->fd;
	return OK;
}

/** The next name of the last directory. */
static result visit(struct walk *walk, struct walk_item *item, struct error *err)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	const char *name = frame->names[frame->next++];

	path_cut(walk, frame->path_length);
	if (walk->path.length)
		buf_add_char(&walk->path, '/');
	walk->name_offset = walk->path.length;
	buf_add_str(&walk->path, name);
	if (fstatat(walk->fd, name, &item->info, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_sys(err, "look at %s", buf_text(&walk->path));
	item->is_end = false;
	item->path = buf_text(&walk->path);
	item->name = item->path + walk->name_offset;
	item->dir_fd = walk->fd;
	walk->pending = S_ISDIR(item->info.st_mode);
	walk->pending_info = item->info;
	return OK;
}

static result start(struct walk *walk, struct walk_item *item, struct error *err)
{
	if (fstat(walk->fd, &item->info) < 0)
		return fail_sys(err, "look at directory");
	*item = (struct walk_item){ "", ".", walk->fd, item->info, false };
	walk->started = walk->pending = true;
	walk->pending_info = item->info;
	buf_add_str(&walk->path, "");
	return OK;
}

result walk_next(struct walk *walk, struct walk_item *item, struct error *err)
{
	struct frame *frame;

	if (!walk->started)
		return start(walk, item, err);
	if (walk->pending) {
		int top = walk->depth ? -1
				      : openat(walk->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		walk->pending = false;
		if (walk->depth ? enter_pending(walk, err)
				: enter(walk, top, &walk->pending_info, err))
			return FAILED;
	}
	if (walk->depth == 0) {
		item->path = NULL;
		return OK;
	}
	frame = &walk->frames[walk->depth - 1];
	return frame->next < frame->count ? visit(walk, item, err) : leave(walk, item, err);
}

void walk_prune(struct walk *walk)
{
	walk->pending = false;
}

result walk_new(int top_fd, struct walk **out, struct error *err)
{
	int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_sys(err, "open directory");
	*out = xnew(struct walk);
	(*out)->fd = fd;
	return OK;
}
