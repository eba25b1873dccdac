/* SPDX-License-Identifier: Apache-2.0 */
#include "base/outfile.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_written_into(const char *path)
{
	struct stat status;

	return starts_with(path, "/dev/") || starts_with(path, "/proc/") ||
	       (stat(path, &status) == 0 && !S_ISREG(status.st_mode));
}

result outfile_check(const char *path, struct error *err)
{
	owned(str) char *copy = xstrdup(path);
	owned(str) char *parent = xasprintf("%s/.", dirname(copy));
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return fail(err, FAULT_USAGE, "%s: is a directory", path);
	if (access(is_written_into(path) ? path : parent, W_OK) < 0)
		return fail_sys(err, "%s", path);
	return OK;
}

result outfile_open(const char *path, mode_t mode, struct outfile *out, struct error *err)
{
	owned(outfile) struct outfile file = { .fd = -1, .path = realpath(path, NULL) };

	if (is_written_into(path)) {
		file.fd = open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
	} else {
		if (!file.path)
			file.path = xstrdup(path);
		file.fd = file_beside(AT_FDCWD, file.path, mode, &file.beside);
	}
	if (file.fd < 0)
		return fail_sys(err, "create %s", path);
	*out = file;
	file = (struct outfile){ .fd = -1 };
	return OK;
}

result outfile_finish(struct outfile *file, struct error *err)
{
	if (!file->beside)
		return OK;
	if (fsync(file->fd) < 0 || rename(file->beside, file->path) < 0)
		return fail_sys(err, "write %s", file->path);
	str_drop(&file->beside);
	return OK;
}

void outfile_drop(struct outfile *file)
{
	fd_drop(&file->fd);
	if (file->beside)
		unlink(file->beside);
	str_drop(&file->beside);
	str_drop(&file->path);
}

result outfile_put(const char *path, const void *data, size_t length, mode_t mode,
		   struct error *err)
{
	owned(outfile) struct outfile file = { .fd = -1 };

	if (outfile_open(path, mode, &file, err))
		return FAILED;
	if (write_all(file.fd, data, length, err))
		return fail_in(err, "%s", path);
	return outfile_finish(&file, err);
}
