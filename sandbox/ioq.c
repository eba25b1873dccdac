/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One table of operations with two columns: how the ring does it, how a system call does.
 */
#include "sandbox/ioq.h"

#include "sandbox/inroot.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUBMIT_BATCH = 16, IO_MAX = 1 << 30 };

struct ioq {
	unsigned depth, count; /* entries in the queue, done or not */
	struct ioq_entry *done, **done_end;
	bool has_ring;
	struct io_uring ring;
	bool supported[IORING_OP_LAST];
	unsigned unsubmitted, in_flight;
};

/* ---- by system call ---- */

static int64_t call_open(struct ioq_entry *entry)
{
	return open_plain(entry->fd, entry->path, entry->flags, entry->mode);
}

static int64_t call_close(struct ioq_entry *entry)
{
	return close(entry->fd);
}

static size_t part(const struct ioq_entry *entry)
{
	size_t left = entry->length - entry->moved;

	return left < IO_MAX ? left : IO_MAX;
}

static int64_t call_read(struct ioq_entry *entry)
{
	return pread(entry->fd, (char *)entry->data + entry->moved, part(entry),
		     (off_t)(entry->offset + entry->moved));
}

static int64_t call_write(struct ioq_entry *entry)
{
	return pwrite(entry->fd, (const char *)entry->data + entry->moved, part(entry),
		      (off_t)(entry->offset + entry->moved));
}

enum { STATX_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT };

static int64_t call_statx(struct ioq_entry *entry)
{
	return statx(entry->fd, entry->path, STATX_FLAGS, STATX_BASIC_STATS, entry->statx);
}

static int64_t call_mkdir(struct ioq_entry *entry)
{
	return mkdirat(entry->fd, entry->path, entry->mode);
}

static int64_t call_symlink(struct ioq_entry *entry)
{
	return symlinkat(entry->target, entry->fd, entry->path);
}

static int64_t call_link(struct ioq_entry *entry)
{
	return linkat(entry->target_fd, entry->target, entry->fd, entry->path, 0);
}

static int64_t call_unlink(struct ioq_entry *entry)
{
	return unlinkat(entry->fd, entry->path, entry->flags);
}

/* ---- by ring ---- */

static void ring_open(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	_Static_assert(sizeof(entry->how) == sizeof(struct open_how), "open_how has grown");
	entry->how = (struct open_how_storage){
		.flags = (uint64_t)(entry->flags | O_CLOEXEC),
		.mode = entry->flags & O_CREAT ? entry->mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	io_uring_prep_openat2(sqe, entry->fd, entry->path, (struct open_how *)&entry->how);
}

static void ring_close(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_close(sqe, entry->fd);
}

static void ring_read(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_read(sqe, entry->fd, (char *)entry->data + entry->moved,
			   (unsigned)part(entry), entry->offset + entry->moved);
}

static void ring_write(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_write(sqe, entry->fd, (char *)entry->data + entry->moved,
			    (unsigned)part(entry), entry->offset + entry->moved);
}

static void ring_statx(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_statx(sqe, entry->fd, entry->path, STATX_FLAGS, STATX_BASIC_STATS,
			    entry->statx);
}

static void ring_mkdir(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_mkdirat(sqe, entry->fd, entry->path, entry->mode);
}

static void ring_symlink(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_symlinkat(sqe, entry->target, entry->fd, entry->path);
}

static void ring_link(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_linkat(sqe, entry->target_fd, entry->target, entry->fd, entry->path, 0);
}

static void ring_unlink(struct io_uring_sqe *sqe, struct ioq_entry *entry)
{
	io_uring_prep_unlinkat(sqe, entry->fd, entry->path, entry->flags);
}

/* clang-format off */
static const struct {
	int64_t (*call)(struct ioq_entry *entry);
	void (*ring)(struct io_uring_sqe *sqe, struct ioq_entry *entry);
	enum io_uring_op op; /* what the kernel must know for it */
	bool moves;          /* done once all bytes were moved */
} kinds[] = {
	[IOQ_OPEN]    = { call_open,    ring_open,    IORING_OP_OPENAT2,   false },
	[IOQ_CLOSE]   = { call_close,   ring_close,   IORING_OP_CLOSE,     false },
	[IOQ_READ]    = { call_read,    ring_read,    IORING_OP_READ,      true  },
	[IOQ_WRITE]   = { call_write,   ring_write,   IORING_OP_WRITE,     true  },
	[IOQ_STATX]   = { call_statx,   ring_statx,   IORING_OP_STATX,     false },
	[IOQ_MKDIR]   = { call_mkdir,   ring_mkdir,   IORING_OP_MKDIRAT,   false },
	[IOQ_SYMLINK] = { call_symlink, ring_symlink, IORING_OP_SYMLINKAT, false },
	[IOQ_LINK]    = { call_link,    ring_link,    IORING_OP_LINKAT,    false },
	[IOQ_UNLINK]  = { call_unlink,  ring_unlink,  IORING_OP_UNLINKAT,  false },
};
/* clang-format on */

/* ---- the queue ---- */

static void finish(struct ioq *ioq, struct ioq_entry *entry, int64_t value)
{
	entry->result = value;
	entry->next = NULL;
	*ioq->done_end = entry;
	ioq->done_end = &entry->next;
}

/**
 * What one attempt at an entry gave, as a negative errno or a count.  True when the entry is done;
 * else it is to be tried again for the rest.
 */
static bool settle(struct ioq *ioq, struct ioq_entry *entry, int64_t got)
{
	if (got == -EINTR || got == -EAGAIN)
		return false;
	if (!kinds[entry->kind].moves || got < 0) {
		finish(ioq, entry, got);
		return true;
	}
	entry->moved += (size_t)got;
	if (got > 0 && entry->moved < entry->length)
		return false;
	/* No progress without an errno would loop for ever. */
	finish(ioq, entry,
	       entry->kind == IOQ_WRITE && entry->moved < entry->length ? -EIO
									: (int64_t)entry->moved);
	return true;
}

static void do_call(struct ioq *ioq, struct ioq_entry *entry)
{
	int64_t got;

	do {
		got = kinds[entry->kind].call(entry);
		if (got < 0)
			got = -errno;
		/* close() has closed whatever it says. */
		if (entry->kind == IOQ_CLOSE && got == -EINTR)
			got = 0;
	} while (!settle(ioq, entry, got));
}

static void submit(struct ioq *ioq)
{
	while (ioq->unsubmitted > 0) {
		int got = io_uring_submit(&ioq->ring);

		if (got >= 0)
			ioq->unsubmitted -=
				(unsigned)got < ioq->unsubmitted ? (unsigned)got : ioq->unsubmitted;
		else if (got != -EINTR && got != -EAGAIN && got != -EBUSY)
			abort(); /* the ring itself is broken; its buffers cannot be taken back */
	}
}

static void do_ring(struct ioq *ioq, struct ioq_entry *entry)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ioq->ring);

	if (!sqe) {
		submit(ioq);
		sqe = io_uring_get_sqe(&ioq->ring);
	}
	if (!sqe)
		abort(); /* submit() has emptied it */
	kinds[entry->kind].ring(sqe, entry);
	io_uring_sqe_set_data(sqe, entry);
	ioq->in_flight++;
	if (++ioq->unsubmitted >= SUBMIT_BATCH)
		submit(ioq);
}

static void start(struct ioq *ioq, struct ioq_entry *entry)
{
	if (ioq->has_ring && ioq->supported[kinds[entry->kind].op])
		do_ring(ioq, entry);
	else
		do_call(ioq, entry);
}

/** Wait for the ring to give back at least one entry. */
static void reap(struct ioq *ioq)
{
	struct io_uring_cqe *cqe;
	struct ioq_entry *entry;
	int64_t got;
	int status;

	submit(ioq);
	do
		status = io_uring_wait_cqe(&ioq->ring, &cqe);
	while (status == -EINTR || status == -EAGAIN);
	if (status < 0)
		abort(); /* as in submit() */
	do {
		entry = io_uring_cqe_get_data(cqe);
		got = cqe->res;
		io_uring_cqe_seen(&ioq->ring, cqe);
		ioq->in_flight--;
		if (!settle(ioq, entry, got))
			do_ring(ioq, entry);
	} while (io_uring_peek_cqe(&ioq->ring, &cqe) == 0);
}

static enum ioq_mode mode_choose(enum ioq_mode mode)
{
	const char *forced = getenv("MPEMU_IO");

	if (forced && strcmp(forced, "ring") == 0)
		return IOQ_RING;
	if (forced && strcmp(forced, "sync") == 0)
		return IOQ_SYNC;
	return mode;
}

/** Try for a ring: seccomp filters, sysctls and old kernels all say no in their own ways. */
static bool ring_start(struct ioq *ioq)
{
	struct io_uring_probe *probe;

	if (io_uring_queue_init(ioq->depth, &ioq->ring, 0) < 0)
		return false;
	probe = io_uring_get_probe_ring(&ioq->ring);
	if (!probe) {
		io_uring_queue_exit(&ioq->ring);
		return false;
	}
	for (int op = 0; op < IORING_OP_LAST; op++)
		ioq->supported[op] = io_uring_opcode_supported(probe, op);
	io_uring_free_probe(probe);
	return true;
}

struct ioq *ioq_new(unsigned depth, enum ioq_mode mode)
{
	struct ioq *ioq = xnew(struct ioq);

	ioq->depth = depth;
	ioq->done_end = &ioq->done;
	if (mode_choose(mode) == IOQ_RING)
		ioq->has_ring = ring_start(ioq);
	return ioq;
}

void ioq_drop(struct ioq **ioq)
{
	if (!*ioq)
		return;
	while ((*ioq)->has_ring && (*ioq)->in_flight > 0)
		reap(*ioq);
	if ((*ioq)->has_ring)
		io_uring_queue_exit(&(*ioq)->ring);
	free(*ioq);
	*ioq = NULL;
}

bool ioq_has_ring(const struct ioq *ioq)
{
	return ioq->has_ring;
}

bool ioq_is_full(const struct ioq *ioq)
{
	return ioq->count == ioq->depth;
}

void ioq_push(struct ioq *ioq, struct ioq_entry *entry)
{
	entry->moved = 0;
	ioq->count++;
	start(ioq, entry);
}

struct ioq_entry *ioq_pop(struct ioq *ioq)
{
	struct ioq_entry *entry;

	if (ioq->count == 0)
		return NULL;
	while (!ioq->done)
		reap(ioq);
	entry = ioq->done;
	ioq->done = entry->next;
	if (!ioq->done)
		ioq->done_end = &ioq->done;
	ioq->count--;
	return entry;
}
