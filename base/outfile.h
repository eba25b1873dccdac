/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A file that somebody named for a result.
 *
 * A regular one is replaced as a whole, where links lead to; a device, a pipe or a descriptor of
 * this process (/dev/null, /dev/stdout, /dev/fd/63) is written into: another file in its place is
 * what nobody wants, and root could.
 */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

/** Starts as { .fd = -1 }. */
struct outfile {
	int fd;       /* to write to */
	char *path;   /* that it becomes */
	char *beside; /* that it is until then; NULL where it is written into */
};

/** Fail early where it could not be written: before the work, not after it. */
result outfile_check(const char *path, struct error *err);

result outfile_open(const char *path, mode_t mode, struct outfile *out, struct error *err);

/** All of it was written: let it take its place. */
result outfile_finish(struct outfile *file, struct error *err);

/** What was not finished leaves no trace. */
void outfile_drop(struct outfile *file);

/** All at once. */
result outfile_put(const char *path, const void *data, size_t length, mode_t mode,
		   struct error *err);

#endif
