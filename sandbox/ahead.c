/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A window over the walk: for each file in it the first piece is opened and read by the queue, so
 * that a disk sees many requests at once while one file at a time is used up.
 */
#include "sandbox/ahead.h"

#include "sandbox/inroot.h"
#include "sandbox/ioq.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW = 128, /* files looked at ahead */
	FEW = 16,
	PIECE = 256 << 10,
	WINDOW_BYTES = 16 << 20, /* of their content */
	FILE_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
};

struct slot {
	struct ahead_item item;
	struct buf path, link;
	struct ioq_entry io;
	bool pending; /* io is in the queue */
	int fd;
	char *pieces[2]; /* the one being used and the one being read */
	size_t piece_size;
	unsigned current;
	uint64_t given; /* bytes handed out */
};

struct ahead {
	const struct ctx *ctx;
	int top_fd;
	bool (*skipped)(void *closure, const struct walk_item *item);
	void *closure;
	bool (*knows)(void *closure, const struct stat *info, struct digest *out);
	void *knows_closure;
	struct walk *walk;
	struct ioq *ioq;
	struct slot slots[WINDOW];
	size_t first, count; /* slots in use; the first one is the current file once `given_out` */
	size_t bytes;
	bool walk_over, given_out;
};

static struct slot *slot_at(struct ahead *ahead, size_t index)
{
	return &ahead->slots[(ahead->first + index) % WINDOW];
}

/** Give up what a slot holds but the memory that the next file can use again. */
static void slot_clear(struct ahead *ahead, struct slot *slot)
{
	fd_drop(&slot->fd);
	for (size_t i = 0; i < countof(slot->pieces); i++) {
		free(slot->pieces[i]);
		slot->pieces[i] = NULL;
	}
	ahead->bytes -= slot->piece_size;
	slot->piece_size = 0;
	attributes_drop(&slot->item.attributes);
}

void ahead_drop(struct ahead **ahead)
{
	struct ahead *old = *ahead;

	if (!old)
		return;
	ioq_drop(&old->ioq);
	for (size_t i = 0; i < WINDOW; i++) {
		struct slot *slot = &old->slots[i];

		/* An open that was still in the queue has given its descriptor by now. */
		if (slot->pending && slot->io.kind == IOQ_OPEN)
			slot->fd = (int)slot->io.result;
		slot_clear(old, slot);
		buf_drop(&slot->path);
		buf_drop(&slot->link);
	}
	walk_drop(&old->walk);
	free(old);
	*ahead = NULL;
}

/** A ring takes longer to make and to end than a handful of files takes to read. */
static result mode_choose(int top_fd, enum ioq_mode *mode, struct error *err)
{
	owned(walk) struct walk *walk = NULL;
	struct walk_item item = {};

	if (walk_new(top_fd, &walk, err))
		return FAILED;
	for (size_t seen = 0; seen < FEW; seen++) {
		if (walk_next(walk, &item, err))
			return FAILED;
		if (!item.path)
			break;
	}
	*mode = item.path ? IOQ_RING : IOQ_SYNC;
	return OK;
}

result ahead_new(const struct ctx *ctx, int top_fd,
		 bool (*skipped)(void *closure, const struct walk_item *item), void *closure,
		 struct ahead **out, struct error *err)
{
	owned(ahead) struct ahead *ahead = xnew(struct ahead);
	enum ioq_mode mode;

	ahead->ctx = ctx;
	ahead->top_fd = top_fd;
	ahead->skipped = skipped;
	ahead->closure = closure;
	for (size_t i = 0; i < WINDOW; i++)
		ahead->slots[i].fd = -1;
	if (walk_new(top_fd, &ahead->walk, err))
		return FAILED;
	if (mode_choose(top_fd, &mode, err))
		return FAILED;
	ahead->ioq = ioq_new(WINDOW, mode);
	*out = take(ahead);
	return OK;
}

void ahead_ask(struct ahead *ahead,
	       bool (*knows)(void *closure, const struct stat *info, struct digest *out),
	       void *closure)
{
	ahead->knows = knows;
	ahead->knows_closure = closure;
}

static void push(struct ahead *ahead, struct slot *slot, enum ioq_kind kind)
{
	slot->io.kind = kind;
	slot->io.owner = slot;
	slot->pending = true;
	ioq_push(ahead->ioq, &slot->io);
}

static result link_read(const struct walk_item *item, struct slot *slot, struct error *err)
{
	char *room = buf_reserve(&slot->link, PATH_LENGTH_MAX + 1);
	ssize_t length = readlinkat(item->dir_fd, item->name, room, PATH_LENGTH_MAX + 1);

	if (length < 0)
		return fail_sys(err, "read link");
	room[length] = '\0';
	slot->link.length = (size_t)length;
	slot->item.link = room;
	return OK;
}

static void content_start(struct ahead *ahead, struct slot *slot)
{
	slot->io.fd = ahead->top_fd;
	slot->io.path = buf_text(&slot->path);
	slot->io.flags = FILE_FLAGS;
	slot->piece_size =
		slot->item.info.st_size < PIECE ? (size_t)slot->item.info.st_size : PIECE;
	ahead->bytes += slot->piece_size;
	push(ahead, slot, IOQ_OPEN);
}

/** All about one file that needs no waiting for a disk, and a start with the rest. */
static result slot_fill(struct ahead *ahead, struct slot *slot, const struct walk_item *item,
			struct error *err)
{
	buf_clear(&slot->path);
	buf_clear(&slot->link);
	buf_add_str(&slot->path, item->path);
	if (slot->path.length > PATH_LENGTH_MAX)
		return fail(err, FAULT_INPUT, "path is longer than %d bytes", PATH_LENGTH_MAX);
	slot->item.path = buf_text(&slot->path);
	slot->item.info = item->info;
	slot->item.link = NULL;
	slot->given = 0;
	slot->current = 0;
	slot->item.is_known = ahead->knows && S_ISREG(item->info.st_mode) &&
			      ahead->knows(ahead->knows_closure, &item->info, &slot->item.known);
	if (slot->item.is_known)
		return OK;
	slot->item.is_opaque =
		S_ISDIR(item->info.st_mode) && attribute_is_opaque(item->dir_fd, item->name);
	if (attributes_read(item->dir_fd, item->name, &slot->item.attributes, err) ||
	    (S_ISLNK(item->info.st_mode) && link_read(item, slot, err)))
		return FAILED;
	if (S_ISREG(item->info.st_mode) && item->info.st_size > 0)
		content_start(ahead, slot);
	return OK;
}

static result fill(struct ahead *ahead, struct error *err)
{
	while (!ahead->walk_over && ahead->count < WINDOW && ahead->bytes < WINDOW_BYTES) {
		struct walk_item item;

		if (cancel_check(ahead->ctx, err) || walk_next(ahead->walk, &item, err))
			return FAILED;
		ahead->walk_over = !item.path;
		if (!item.path || item.is_end)
			continue;
		if (ahead->skipped && ahead->skipped(ahead->closure, &item)) {
			walk_prune(ahead->walk);
			continue;
		}
		if (slot_fill(ahead, slot_at(ahead, ahead->count), &item, err))
			return fail_in(err, "%.200s", item.path);
		ahead->count++;
	}
	return OK;
}

static result changed(const struct slot *slot, struct error *err)
{
	return fail(err, FAULT_INPUT, "%s: changed while it was read", slot->item.path);
}

/** Read the piece after those given out into the memory that is not in use. */
static void piece_start(struct ahead *ahead, struct slot *slot, uint64_t offset, unsigned which)
{
	uint64_t left = (uint64_t)slot->item.info.st_size - offset;

	if (!slot->pieces[which])
		slot->pieces[which] = xcalloc(1, slot->piece_size);
	slot->io.fd = slot->fd;
	slot->io.data = slot->pieces[which];
	slot->io.offset = offset;
	slot->io.length = left < slot->piece_size ? (size_t)left : slot->piece_size;
	push(ahead, slot, IOQ_READ);
}

static bool is_same(int fd, const struct stat *info)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_ino == info->st_ino && now.st_dev == info->st_dev &&
	       now.st_size == info->st_size && now.st_mtim.tv_sec == info->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == info->st_mtim.tv_nsec;
}

static result opened(struct ahead *ahead, struct slot *slot, struct error *err)
{
	if (slot->io.result < 0) {
		errno = (int)-slot->io.result;
		return errno == ENOENT || errno == ELOOP
			       ? changed(slot, err)
			       : fail_sys(err, "open %s", slot->item.path);
	}
	slot->fd = (int)slot->io.result;
	if (!is_same(slot->fd, &slot->item.info))
		return changed(slot, err);
	if (slot->item.info.st_size > PIECE)
		posix_fadvise(slot->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	piece_start(ahead, slot, 0, 0);
	return OK;
}

static result was_read(struct slot *slot, struct error *err)
{
	if (slot->io.result < 0) {
		errno = (int)-slot->io.result;
		return fail_sys(err, "read %s", slot->item.path);
	}
	if ((size_t)slot->io.result < slot->io.length)
		return changed(slot, err);
	return OK;
}

/** Let the queue go on until nothing of this slot is in it. */
static result settle(struct ahead *ahead, struct slot *slot, struct error *err)
{
	while (slot->pending) {
		struct ioq_entry *io = ioq_pop(ahead->ioq);
		struct slot *done = io->owner;

		done->pending = false;
		if (io->kind == IOQ_OPEN ? opened(ahead, done, err) : was_read(done, err))
			return FAILED;
	}
	return OK;
}

result ahead_next(struct ahead *ahead, const struct ahead_item **item, struct error *err)
{
	struct slot *slot;

	if (ahead->given_out) {
		slot = slot_at(ahead, 0);
		if (settle(ahead, slot, err))
			return FAILED;
		slot_clear(ahead, slot);
		ahead->first++;
		ahead->count--;
		ahead->given_out = false;
	}
	if (fill(ahead, err))
		return FAILED;
	if (ahead->count == 0) {
		*item = NULL;
		return OK;
	}
	slot = slot_at(ahead, 0);
	if (settle(ahead, slot, err))
		return FAILED;
	ahead->given_out = true;
	*item = &slot->item;
	return OK;
}

result ahead_read(struct ahead *ahead, const void **data, size_t *length, struct error *err)
{
	struct slot *slot = slot_at(ahead, 0);
	uint64_t size = (uint64_t)slot->item.info.st_size;

	if (slot->given == size) {
		*length = 0;
		/* Whoever writes to a file as it is read leaves a trace, if not a torn copy. */
		return size > 0 && !is_same(slot->fd, &slot->item.info) ? changed(slot, err) : OK;
	}
	if (settle(ahead, slot, err))
		return FAILED;
	*data = slot->pieces[slot->current];
	*length = slot->io.length;
	slot->given += slot->io.length;
	slot->current ^= 1;
	if (slot->given < size)
		piece_start(ahead, slot, slot->given, slot->current);
	return OK;
}
