/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A queue of file operations: done by io_uring where the kernel lets us, else one by one.
 *
 * The same entries go in and come out done either way; only the order may differ, so nothing may
 * depend on the order of two entries that are in the queue together.  The kernel has no ring
 * operation for owner, mode and times: those are done on the descriptor in between.
 *
 * The ring wins where a disk is waited for (reading a tree that is not in memory: three times as
 * fast) and costs a little where it is not (making files), hence the caller's choice of a mode.
 */
#ifndef SANDBOX_IOQ_H
#define SANDBOX_IOQ_H

#include "base/error.h"

#include <sys/stat.h>

enum ioq_kind {
	IOQ_OPEN,  /* path below fd with flags and mode: no links, never outside; result: descriptor
		    */
	IOQ_CLOSE, /* fd */
	IOQ_READ,  /* up to length bytes at offset of fd; fewer only at its end */
	IOQ_WRITE, /* all length bytes at offset of fd */
	IOQ_STATX, /* path below fd (its links are not followed) into statx */
	IOQ_MKDIR, /* path below fd with mode */
	IOQ_SYMLINK, /* path below fd, pointing to target */
	IOQ_LINK,    /* path below fd, another name of target below target_fd */
	IOQ_UNLINK,  /* path below fd; flags: AT_REMOVEDIR */
};

/**
 * One operation.  The owner keeps it, and all that it points to, until it comes out again.  Only
 * IOQ_OPEN takes a path of several parts from outside; the others expect a name in a directory.
 */
struct ioq_entry {
	enum ioq_kind kind;
	int fd, target_fd, flags;
	mode_t mode;
	const char *path, *target;
	void *data;
	size_t length;
	uint64_t offset;
	struct statx *statx;
	void *owner;    /* for whoever put it in */
	int64_t result; /* as the system call's, or a negative errno */

	/* The queue's own. */
	size_t moved;
	struct ioq_entry *next;
	struct open_how_storage {
		uint64_t flags, mode, resolve;
	} how;
};

enum ioq_mode {
	IOQ_RING, /* io_uring where it is to be had */
	IOQ_SYNC, /* plain system calls */
};

struct ioq;

/**
 * A queue for `depth` entries.  MPEMU_IO=ring or =sync in the environment overrides the mode; a
 * ring that the kernel refuses is no fault: the queue is a plain one then.
 */
struct ioq *ioq_new(unsigned depth, enum ioq_mode mode);

/** Waits for what is still in the queue, so that no buffer is written to later. */
void ioq_drop(struct ioq **ioq);

bool ioq_has_ring(const struct ioq *ioq);

/** Whether another entry would be too many. */
bool ioq_is_full(const struct ioq *ioq);

/** Put an entry in; the queue must not be full. */
void ioq_push(struct ioq *ioq, struct ioq_entry *entry);

/** Take one that is done, waiting for it if need be; NULL if the queue is empty. */
struct ioq_entry *ioq_pop(struct ioq *ioq);

#endif
