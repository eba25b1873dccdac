/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/workdir.h"
#include "tests/tap.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_directory(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/** -1: not to be had there. */
static int flags_of(const char *path)
{
	owned(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags;

	return fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 ? flags : -1;
}

/** Whether directories of this file system can be told to be far apart. */
static bool can_be_spread(const char *path)
{
	owned(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags = FS_TOPDIR_FL;

	return fd >= 0 && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

TEST(one_is_empty_and_goes)
{
	char root[] = "/tmp/mpemu-unit-XXXXXX";
	owned(str) char *path = NULL, *upper = NULL;
	struct workdir *dir = NULL;
	struct error err;

	if (!CHECK(mkdtemp(root)) || !CHECK(workdir_new(root, &dir, &err) == OK))
		return;
	path = xstrdup(workdir_path(dir));
	upper = xasprintf("%s/upper", path);
	CHECK(is_directory(upper));
	workdir_drop(&dir);
	CHECK(!is_directory(path));
	CHECK(remove_tree(AT_FDCWD, root, &err) == OK);
}

TEST(a_spare_one_stays_and_they_are_far_apart)
{
	char root[] = "/tmp/mpemu-unit-XXXXXX";
	owned(str) char *path = NULL, *parent = NULL;
	struct workdir *dir = NULL;
	bool is_spread, can_spread;
	struct error err;

	if (!CHECK(mkdtemp(root)) || !CHECK(workdir_spare(root, &dir, &err) == OK))
		return;
	path = xstrdup(workdir_path(dir));
	parent = xasprintf("%s/spare", root);
	workdir_drop(&dir);
	CHECK(is_directory(path));
	is_spread = flags_of(parent) > 0 && flags_of(parent) & FS_TOPDIR_FL;
	can_spread = can_be_spread(root);
	CHECK(remove_tree(AT_FDCWD, root, &err) == OK);
	if (!can_spread)
		tap_skip("the file system of /tmp cannot put directories far apart");
	CHECK(is_spread);
}
