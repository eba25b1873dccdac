/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tar: entries read with limits (libarchive knows the dialects), headers written always the same.
 */
#ifndef SANDBOX_TAR_H
#define SANDBOX_TAR_H

#include "sandbox/attribute.h"
#include "sandbox/blob.h"

#include <time.h>

enum { TAR_BLOCK = 512 };

/** One entry; a reader lends it until the next one. */
struct tar_entry {
	const char *path; /* as it is in the archive; NULL: the archive is over */
	const char *link; /* of a link: where to; else NULL or empty */
	bool is_hard_link;
	mode_t mode; /* with the type */
	uint32_t uid, gid;
	struct timespec mtime;
	uint64_t size; /* of a regular file's content */
	dev_t device;
	struct attributes attributes;
};

/** Reads from a source, which is borrowed. */
struct tar;

struct tar *tar_new(struct source *source);

/** Reads from a descriptor, which is borrowed, and unpacks gzip, bzip2, xz or zstd on the way. */
struct tar *tar_new_packed(int fd);
void tar_drop(struct tar **tar);

/** Bytes of the unpacked archive that were read so far. */
uint64_t tar_position(struct tar *tar);

/** The next entry; all that is wrong with the archive is FAULT_INPUT. */
result tar_next(struct tar *tar, struct tar_entry *entry, struct error *err);

/**
 * The next piece of the entry's content and where it belongs (a sparse file has gaps, which are
 * zeros); length 0 at its end.  Valid until the next call.
 */
result tar_content(struct tar *tar, const void **data, size_t *length, uint64_t *offset,
		   struct error *err);

/**
 * Add the header of an entry to `out`: ustar where it fits, preceded by a PAX one where it does
 * not.  Times are whole seconds.
 */
void tar_header(struct buf *out, const struct tar_entry *entry);

/** Zeros that content of this size is followed by. */
size_t tar_padding(uint64_t size);

#endif
