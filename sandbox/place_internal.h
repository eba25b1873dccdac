/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Private to place*.c: an archive on its way into a root.
 */
#ifndef SANDBOX_PLACE_INTERNAL_H
#define SANDBOX_PLACE_INTERNAL_H

#include "sandbox/files.h"
#include "sandbox/looks.h"
#include "sandbox/place.h"

#include <sys/stat.h>

struct directory {
	size_t path; /* in paths */
	struct timespec mtime;
};

struct place {
	const struct ctx *ctx;
	int root_fd, lower_fd;
	enum climbing climbing;
	bool depends; /* what was made would be another thing on another tree */
	struct files *files;

	/* The parent of the last entry: as it was asked for, without links, and open. */
	struct buf parent_asked, parent;
	int parent_fd;

	struct directory *directories;
	size_t directory_count;
	struct buf paths;
	struct strings implicit; /* made on the way to entries, without an entry of their own */
	uint64_t skipped_devices;
};

/** How an entry says that its file looks. */
struct looks place_looks(const struct tar_entry *entry);

/** Remove what stands where something else is to be, once nothing below it is on its way. */
result place_clear(struct place *place, const char *name, struct error *err);

/** Remember which directories of the path are missing, parents first. */
result place_note(struct place *place, const char *path, struct error *err);

/** Follow the links of the path, those that the lower tree has on the way too. */
result place_follow(struct place *place, const char *path, struct buf *out, struct error *err);

/** Another name, in the open parent, for a file of this layer or of the lower tree. */
result place_link(struct place *place, const struct tar_entry *entry, const char *name,
		  struct error *err);

#endif
