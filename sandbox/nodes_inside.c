/* SPDX-License-Identifier: Apache-2.0 */
/**
 * All that has to do with the caller's path is done from inside, by a process without any right
 * over the host: links, mounts, "..", permissions and what is there already mean what they mean to
 * the caller.  A file is made first, since that is refused wherever a node would be, and makes the
 * overlay copy the directory up.
 */
#include "sandbox/nodes_internal.h"

#include "sandbox/ops_internal.h"

#include "base/defs.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static bool become_root(const struct node_caller *caller)
{
	return SYS(setns, caller->userns, CLONE_NEWUSER) == 0 && SYS(setgroups, 0UL, NULL) == 0 &&
	       SYS(setresgid, 0, 0, 0) == 0 && SYS(setresuid, 0, 0, 0) == 0 &&
	       SYS(setns, caller->mountns, CLONE_NEWNS) == 0;
}

/** The directory that the node is to be in; *name is its own name. */
static int parent_open(const struct node_request *request, const struct node_caller *caller,
		       const char **name)
{
	static char path[sizeof(request->path)];
	char *slash;

	if (SYS(fchdir, caller->root) < 0 || SYS(chroot, ".") < 0 ||
	    SYS(fchdir, caller->directory) < 0)
		return -1;
	memcpy(path, request->path, sizeof(path));
	slash = strrchr(path, '/');
	*name = request->path + (slash ? slash + 1 - path : 0);
	if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
		errno = **name ? EEXIST : ENOENT;
		return -1;
	}
	if (slash)
		slash[1] = '\0';
	return SYS(openat, AT_FDCWD, slash ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/** The mode, less the umask, and the owner that the caller's file would have. */
static int file_make(const struct node_request *request, const struct node_caller *caller,
		     const struct node_names *names, int parent, struct node_place *place)
{
	struct stat info;

	SYS(setfsgid, caller->gid);
	SYS(umask, caller->mask);
	if (SYS(mknodat, parent, names->file, S_IFREG | (request->mode & 07777), 0U) < 0 ||
	    SYS(newfstatat, parent, names->file, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	place->mode = info.st_mode & 07777;
	place->uid = info.st_uid;
	place->gid = info.st_gid;
	return 0;
}

/**
 * Only the root's overlay and the sandbox's own /dev will do: their file systems were made inside,
 * so that the kernel never opens a device on them, however they are mounted.  What comes from this
 * host is mounted without devices.
 */
static int place_find(int top, int parent, struct node_place *place)
{
	struct stat root, here, dev;
	struct statfs system;
	bool is_dev;

	if (SYS(newfstatat, top, "", &root, AT_EMPTY_PATH) < 0 ||
	    SYS(newfstatat, parent, "", &here, AT_EMPTY_PATH) < 0 ||
	    SYS(newfstatat, top, "dev", &dev, AT_SYMLINK_NOFOLLOW) < 0 ||
	    SYS(fstatfs, parent, &system) < 0)
		return -1;
	place->is_layer =
		here.st_dev == root.st_dev && (unsigned long)system.f_type == OVERLAYFS_SUPER_MAGIC;
	is_dev = here.st_dev == dev.st_dev && (unsigned long)system.f_type == TMPFS_MAGIC &&
		 !(system.f_flags & ST_NODEV);
	if (!place->is_layer && !is_dev) {
		errno = EPERM;
		return -1;
	}
	/* By its path from the top, whatever root the caller has. */
	if (SYS(fchdir, top) < 0 || SYS(chroot, ".") < 0 || SYS(fchdir, parent) < 0 ||
	    SYS(getcwd, place->path, sizeof(place->path)) < 0)
		return -1;
	errno = ENOENT;
	return place->path[0] == '/' ? 0 : -1;
}

/** The node, as we see it, is what was asked for: it gets its name. */
static int node_name(const struct node_request *request, const struct node_names *names, int parent,
		     const char *name)
{
	struct stat info;

	if (SYS(newfstatat, parent, names->node, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if ((info.st_mode & S_IFMT) != (request->mode & S_IFMT)) {
		errno = EIO;
		return -1;
	}
	return SYS(renameat2, parent, names->node, parent, name, (unsigned)RENAME_NOREPLACE);
}

static int node_make(const struct node_request *request, const struct node_caller *caller,
		     const struct node_names *names, int link)
{
	static struct node_place place;
	const char *name;
	struct stat info;
	int top, parent, status = -1, answer = EIO;

	if (!become_root(caller))
		return -1;
	top = SYS(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	parent = top < 0 ? -1 : parent_open(request, caller, &name);
	if (parent < 0)
		return -1;
	if (SYS(newfstatat, parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (file_make(request, caller, names, parent, &place) == 0 &&
	    place_find(top, parent, &place) == 0 &&
	    descriptor_send(link, &place, sizeof(place), parent) == 0 &&
	    SYS(recvfrom, link, &answer, sizeof(answer), 0UL, NULL, NULL) == sizeof(answer)) {
		errno = answer;
		status = answer ? -1 : 0;
		if (!answer && place.is_layer)
			status = node_name(request, names, parent, name);
	}
	answer = errno;
	SYS(unlinkat, parent, names->file, 0);
	errno = answer;
	return status;
}

/** Nothing of ours comes along but these. */
static void others_close(const struct node_caller *caller, int link)
{
	int kept[] = { caller->root, caller->directory, caller->userns, caller->mountns, link };
	unsigned next = 0;

	for (size_t done = 0; done < countof(kept); done++) {
		size_t least = done;

		for (size_t i = done; i < countof(kept); i++)
			least = kept[i] < kept[least] ? i : least;
		unsigned fd = (unsigned)kept[least];

		kept[least] = kept[done];
		if (fd > next)
			SYS(close_range, next, fd - 1, 0U);
		next = fd + 1;
	}
	SYS(close_range, next, ~0U, 0U);
}

void node_inside(const struct node_request *request, const struct node_caller *caller,
		 const struct node_names *names, int link)
{
	others_close(caller, link);
	SYS(exit_group, node_make(request, caller, names, link) < 0 ? errno : 0);
	__builtin_unreachable();
}
