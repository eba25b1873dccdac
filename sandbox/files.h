/* SPDX-License-Identifier: Apache-2.0 */
/**
 * New files of known content, made below a root through the queue.
 */
#ifndef SANDBOX_FILES_H
#define SANDBOX_FILES_H

#include "sandbox/looks.h"

enum { FILES_BYTES = 128 << 10 }; /* the largest file that goes through the queue whole */

struct files;

/** `root_fd` is borrowed. */
struct files *files_new(int root_fd);
void files_drop(struct files **files);

/** Whether files are made behind the caller's back; else each is done when files_add() returns. */
bool files_has_ring(const struct files *files);

/** Memory of FILES_BYTES for the next file's content. */
result files_room(struct files *files, char **room, struct error *err);

/**
 * Make the file `path` (without links, its parent exists) with `data`, which is the memory of
 * files_room(), or the caller's own where there is no ring.  What `looks` points to is needed until
 * files_drain().  Something in the way is removed, but only where there is no ring: with one, it
 * might be on its way itself.
 */
result files_add(struct files *files, const char *path, const struct looks *looks, const void *data,
		 size_t length, struct error *err);

/** Whether a file of this path is on its way. */
bool files_have(const struct files *files, const char *path);

/** Wait until nothing is on its way. */
result files_drain(struct files *files, struct error *err);

/** Write to a file that the caller has opened; nothing may be on its way. */
result files_write(struct files *files, int fd, const void *data, size_t length, uint64_t offset,
		   struct error *err);

#endif
