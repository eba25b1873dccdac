/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Mount points that a sandbox had to make go again, as far as nobody has put anything into them:
 * whatever was done to their looks, they are no change that a step made.
 */
#include "sandbox/inroot.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static bool is_there(int root_fd, const char *path)
{
	owned(fd) int fd = open_plain(root_fd, path, O_PATH | O_NOFOLLOW, 0);

	return fd >= 0 || (errno != ENOENT && errno != ENOTDIR);
}

/** Remove an empty file or directory; the directory that it is in keeps its time. */
static result empty_remove(int upper_fd, const char *path, struct error *err)
{
	size_t length;
	const char *name = path_split(path, &length);
	owned(str) char *parent = xstrndup(path, length);
	owned(fd) int fd = open_plain(upper_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	struct stat info, above;
	struct timespec times[2];

	if (fd < 0 || fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return OK;
	if (!S_ISDIR(info.st_mode) && !(S_ISREG(info.st_mode) && info.st_size == 0))
		return OK;
	if (fstat(fd, &above) < 0)
		return fail_sys(err, "look at /%s", parent);
	if (unlinkat(fd, name, S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return errno == ENOTEMPTY || errno == EEXIST
			       ? OK
			       : fail_sys(err, "remove mount point /%s", path);
	times[0] = above.st_atim;
	times[1] = above.st_mtim;
	return futimens(fd, times) < 0 ? (result)fail_sys(err, "set time of /%s", parent) : OK;
}

/** The mount point itself, then the directories above it that were made on the way to it. */
static result point_remove(int upper_fd, int lower_fd, const char *target, struct error *err)
{
	owned(buf) struct buf path = {};

	if (path_resolve(lower_fd < 0 ? upper_fd : lower_fd, target, CLIMBING_STAYS, &path, err))
		return FAILED;
	while (path.length && (lower_fd < 0 || !is_there(lower_fd, path.data))) {
		size_t parent;

		if (empty_remove(upper_fd, path.data, err))
			return FAILED;
		path_split(path.data, &parent);
		path.length = parent;
		path.data[parent] = '\0';
	}
	return OK;
}

result mount_points_remove(int upper_fd, int lower_fd, const struct strings *targets,
			   struct error *err)
{
	for (size_t i = 0; i < targets->count; i++) {
		if (point_remove(upper_fd, lower_fd, targets->items[i], err))
			return fail_in(err, "mount point %s", targets->items[i]);
	}
	return OK;
}
