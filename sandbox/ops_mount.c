/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ops that put the root together: targets inside it, mounts, files of our own.
 */
#include "sandbox/ops_internal.h"
#include "sandbox/overlay.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, LINKS_MAX = 40, RACES_MAX = 64 };

/* ---- paths inside the root ---- */

static int open_inside(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	int fd;

	do
		fd = SYS(openat2, root, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd;
}

static void text_put(char *to, size_t at, const char *from, size_t length)
{
	memcpy(to + at, from, length);
	to[at + length] = '\0';
}

/** Put where the link `path` leads to before `rest`; 0 where it is no link, or not there. */
static int link_follow(int root, const char *path, char rest[PATH_SIZE])
{
	int fd = open_inside(root, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	size_t left = strlen(rest);
	char target[PATH_SIZE];
	long length;

	if (fd < 0)
		return 0;
	length = SYS(readlinkat, fd, "", target, sizeof(target) - 1);
	shut(fd);
	if (length < 0)
		return 0;
	if ((size_t)length + 1 + left >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memmove(rest + length + 1, rest, left + 1);
	memcpy(rest, target, (size_t)length);
	rest[length] = '/';
	return 1;
}

/** Move the first part of `rest` to the end of `done`, or go back by one for "..". */
static int part_move(char rest[PATH_SIZE], char done[PATH_SIZE])
{
	size_t skip = strspn(rest, "/"), length = strcspn(rest + skip, "/"), at = strlen(done);
	const char *part = rest + skip;

	if (length == 2 && memcmp(part, "..", 2) == 0) {
		while (at && done[--at] != '/')
			;
		done[at] = '\0';
	} else if (length != 1 || *part != '.') {
		if (at + 1 + length >= PATH_SIZE) {
			errno = ENAMETOOLONG;
			return -1;
		}
		text_put(done, at, "/", 1);
		text_put(done, at + 1, part, length);
	}
	memmove(rest, part + length, strlen(part + length) + 1);
	return 0;
}

/**
 * `path` with all links followed inside `root`, also those that lead to nothing: "/a/b", or "" for
 * the root itself.
 */
static int resolve_inside(int root, const char *path, char done[PATH_SIZE])
{
	char rest[PATH_SIZE];
	int links = 0;

	if (strlen(path) >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		return -1;
	}
	text_put(rest, 0, path, strlen(path));
	*done = '\0';
	while (rest[strspn(rest, "/")]) {
		size_t before = strlen(done);
		int followed;

		if (part_move(rest, done) < 0)
			return -1;
		followed = strlen(done) > before ? link_follow(root, done, rest) : 0;
		if (followed && (followed < 0 || ++links > LINKS_MAX)) {
			errno = followed < 0 ? errno : ELOOP;
			return -1;
		}
		if (followed)
			done[*rest == '/' ? 0 : before] = '\0';
	}
	return 0;
}

/** Make the directory `path` (of which all but the end exists, open as `parent`) inside `root`. */
static int directory_make(int root, int parent, const char *path)
{
	if (SYS(mkdirat, parent, strrchr(path, '/') + 1, 0755) < 0)
		return -1;
	return open_inside(root, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

/** Open the directory `path` (as resolve_inside() gives it), making what is missing of it. */
static int directories_make(int root, const char *path)
{
	char part[PATH_SIZE];
	size_t length = 0;
	int fd = open_inside(root, "/", O_PATH | O_DIRECTORY, 0);

	while (fd >= 0 && path[length]) {
		int next;

		length += 1 + strcspn(path + length + 1, "/");
		text_put(part, 0, path, length);
		next = open_inside(root, part, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
		if (next < 0 && errno == ENOENT)
			next = directory_make(root, fd, part);
		shut(fd);
		fd = next;
	}
	return fd;
}

/** A mount point where there is none: whoever gets the layer takes it away again. */
static int target_make(int root, const struct op *op)
{
	char path[PATH_SIZE], *name;
	int dir, fd;

	if (resolve_inside(root, op->path, path) < 0)
		return -1;
	if (op->cover & COVER_DIRECTORY)
		return directories_make(root, path);
	name = strrchr(path, '/');
	if (!name) {
		errno = EISDIR;
		return -1;
	}
	*name++ = '\0';
	dir = directories_make(root, path);
	if (dir < 0)
		return -1;
	fd = SYS(openat, dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	shut(dir);
	return fd;
}

/* ---- mounts ---- */

static int mount_onto(int mount, int target)
{
	return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/** With all below it, also cut off from where else it is mounted: nothing comes in later. */
static int mount_change(int mount, uint64_t attributes, unsigned flags)
{
	struct mount_attr change = {
		.attr_set = attributes,
		.propagation = flags & AT_RECURSIVE ? MS_PRIVATE : 0,
	};

	return mount_setattr(mount, "", AT_EMPTY_PATH | flags, &change, sizeof(change));
}

int do_filesystem(struct child *child, const struct op *op)
{
	int fs = fsopen(op->path, FSOPEN_CLOEXEC), mount;

	for (const char *const *option = op->options; fs >= 0 && option && *option; option += 2) {
		unsigned how = *option[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (fsconfig(fs, how, option[0], *option[1] ? option[1] : NULL, 0) < 0)
			return -1;
	}
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)op->attributes);
	shut(fs);
	return slot_set(child, op->to, mount);
}

int do_clone(struct child *child, const struct op *op)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->count ? AT_RECURSIVE : 0);

	int at = op->at < 0 ? AT_FDCWD : slot(child, op->at);

	if (slot_set(child, op->to, open_tree(at, op->path, flags)) < 0)
		return -1;
	return mount_change(slot(child, op->to), op->attributes, op->count ? AT_RECURSIVE : 0);
}

int do_attach(struct child *child, const struct op *op)
{
	return move_mount(slot(child, op->from), "", op->at < 0 ? AT_FDCWD : slot(child, op->at),
			  op->path, MOVE_MOUNT_F_EMPTY_PATH);
}

int do_subtree(struct child *child, const struct op *op)
{
	int found = open_inside(slot(child, op->at), op->path, O_PATH, 0), tree;

	if (found < 0)
		return -1;
	tree = open_tree(found, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	shut(found);
	if (slot_set(child, op->to, tree) < 0)
		return -1;
	return mount_change(tree, op->attributes, 0);
}

/** A mount whose root directory gets the mode of the directory that it covers. */
static int mode_copy(int mount, int target)
{
	int root = SYS(openat, mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = -1;
	struct stat info;

	if (root >= 0 && SYS(newfstatat, target, "", &info, AT_EMPTY_PATH) == 0)
		status = SYS(fchmod, root, info.st_mode & 07777);
	/* One that may not be written to keeps its own. */
	if (status < 0 && errno == EROFS)
		status = 0;
	shut(root);
	return status;
}

/** What `op` covers, made where it is missing; somebody who shares a cache may be at it, too. */
static int target_open(int root, const struct op *op, bool *made)
{
	uint64_t resolve = op->cover & COVER_PLAIN ? RESOLVE_NO_SYMLINKS : 0;
	int target = -1;

	for (int tries = 0; target < 0 && tries < RACES_MAX; tries++) {
		target = open_inside(root, op->path, O_PATH, resolve);
		*made = target < 0 && errno == ENOENT;
		if (*made)
			target = target_make(root, op);
		if (target < 0 &&
		    !(*made && (errno == EEXIST || errno == ENOENT || errno == ELOOP)))
			break;
	}
	return target;
}

int do_cover(struct child *child, const struct op *op)
{
	bool made;
	int target = target_open(slot(child, op->at), op, &made), status;

	if (target < 0)
		return -1;
	if (op->cover & COVER_MODE && !made && mode_copy(slot(child, op->from), target) < 0) {
		shut(target);
		return -1;
	}
	status = mount_onto(slot(child, op->from), target);
	shut(target);
	return status;
}

/**
 * A mount to hide something by: of files that are attached already, since the kernel waits some
 * milliseconds when a mount that never was attached is closed.
 */
static int mask_open(struct child *child, const struct op *op, bool for_directory)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int mask;

	if (!for_directory)
		return open_tree(slot(child, op->from), "null", flags);
	mask = open_tree(slot(child, op->pair), "empty", flags);
	if (mask >= 0 && mount_change(mask, op->attributes, 0) < 0) {
		shut(mask);
		return -1;
	}
	return mask;
}

int do_mask(struct child *child, const struct op *op)
{
	int target = open_inside(slot(child, op->at), op->path, O_PATH | O_NOFOLLOW, 0);
	struct stat info;
	int mask, status;

	if (target < 0)
		return errno == ENOENT ? 0 : -1;
	if (SYS(newfstatat, target, "", &info, AT_EMPTY_PATH) < 0)
		return -1;
	mask = mask_open(child, op, S_ISDIR(info.st_mode));
	status = mask < 0 ? -1 : mount_onto(mask, target);
	shut(mask);
	shut(target);
	return status;
}

int do_protect(struct child *child, const struct op *op)
{
	int target = open_inside(slot(child, op->at), op->path, O_PATH | O_NOFOLLOW, 0);
	int again, status;

	if (target < 0)
		return errno == ENOENT ? 0 : -1;
	again = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	status = again < 0 || mount_change(again, op->attributes, 0) < 0
			 ? -1
			 : mount_onto(again, target);
	shut(again);
	shut(target);
	return status;
}

int do_read_only(struct child *child, const struct op *op)
{
	return mount_change(slot(child, op->at), MOUNT_ATTR_RDONLY, 0);
}

/** The root directory is the upper's: it gets the owner of the topmost lower's, as elsewhere. */
static int upper_match(int lower, int upper)
{
	struct stat info;
	int fd = SYS(openat, upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;

	if (fd < 0)
		return -1;
	status = SYS(newfstatat, lower, "", &info, AT_EMPTY_PATH) < 0 ||
				 SYS(fchown, fd, info.st_uid, info.st_gid) < 0 ||
				 SYS(fchmod, fd, 0755) < 0
			 ? -1
			 : 0;
	shut(fd);
	return status;
}

int do_overlay(struct child *child, const struct op *op)
{
	struct overlay_stack stack = {
		.lowers = child->slots + op->from,
		.lower_count = op->count,
		.upper = op->pair ? slot(child, op->pair) : -1,
		.work = op->pair ? slot(child, op->pair + 1) : -1,
		.is_volatile = op->pair != 0,
	};
	int mount;

	if (op->pair && upper_match(stack.lowers[0], stack.upper) < 0)
		return -1;
	mount = overlay_mount(&stack);
	if (mount < 0) {
		errno = -mount;
		return -1;
	}
	for (size_t i = 0; i < op->count; i++)
		close_slot(child, op->from + (int)i);
	if (op->pair) {
		close_slot(child, op->pair);
		close_slot(child, op->pair + 1);
	}
	if (slot_set(child, op->to, mount) < 0)
		return -1;
	return mount_change(mount, op->attributes, 0);
}

uint64_t mount_id(int dir, const char *path)
{
	struct statx info = {};

	SYS(statx, dir, path, *path ? 0 : AT_EMPTY_PATH, STATX_MNT_ID, &info);
	return info.stx_mnt_id;
}

/** Stack the old root on the new one, which stays the current directory. */
int do_pivot(struct child *child, const struct op *op)
{
	return SYS(fchdir, slot(child, op->at)) < 0 ? -1 : SYS(pivot_root, ".", ".");
}

/** Nothing of the host may be left, so make sure. */
int old_root_drop(uint64_t root)
{
	if (SYS(umount2, ".", MNT_DETACH) < 0 || SYS(chdir, "/") < 0)
		return -1;
	if (!root) {
		errno = ENOSYS;
		return -1;
	}
	if (mount_id(AT_FDCWD, "/..") != root) {
		errno = EXDEV;
		return -1;
	}
	return 0;
}

int do_enter(struct child *child, const struct op *op)
{
	return do_pivot(child, op) < 0 ? -1 : old_root_drop(mount_id(slot(child, op->at), ""));
}

/* ---- files of our own ---- */

int do_directory(struct child *child, const struct op *op)
{
	return SYS(mkdirat, slot(child, op->at), op->path, op->mode);
}

static int put(int fd, const struct op *op)
{
	long written;

	if (fd < 0)
		return -1;
	written = op->size ? SYS(write, fd, op->data, op->size) : 0;
	shut(fd);
	if (written >= 0 && written != (long)op->size)
		errno = EIO;
	return written == (long)op->size ? 0 : -1;
}

int do_file(struct child *child, const struct op *op)
{
	int fd = SYS(openat, slot(child, op->at), op->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		     op->mode ? 0600 : 0644);

	/* The owner first: changing it drops set-id bits. */
	if (fd >= 0 && op->mode &&
	    (SYS(fchown, fd, (uid_t)op->number, (gid_t)op->count) < 0 ||
	     SYS(fchmod, fd, op->mode) < 0)) {
		shut(fd);
		return -1;
	}
	return put(fd, op);
}

int do_write(struct child *child, const struct op *op)
{
	return put(SYS(openat, slot(child, op->at), op->path, O_WRONLY | O_CLOEXEC), op);
}

int do_link(struct child *child, const struct op *op)
{
	return SYS(symlinkat, op->data, slot(child, op->at), op->path);
}

int do_open(struct child *child, const struct op *op)
{
	return slot_set(
		child, op->to,
		SYS(openat, slot(child, op->at), op->path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

int do_workdir(struct child *child, const struct op *op)
{
	int root = slot(child, op->at), fd = open_inside(root, op->path, O_PATH | O_DIRECTORY, 0);
	char path[PATH_SIZE];

	if (fd < 0 && errno == ENOENT && resolve_inside(root, op->path, path) == 0)
		fd = directories_make(root, path);
	return slot_set(child, op->to, fd);
}
