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

/** Where /proc/self/fd says that a descriptor is. */
static void path_of(int fd, char *out, size_t size)
{
	char name[32] = "/proc/self/fd/", digits[12];
	size_t at = strlen(name), count = 0;
	long length;

	do
		digits[count++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (count)
		name[at++] = digits[--count];
	name[at] = '\0';
	length = SYS(readlinkat, AT_FDCWD, name, out, size - 1);
	out[length < 0 ? 0 : length] = '\0';
}

/** Tell the parent of a mount point that had to be made in the image itself, by its path in it. */
static void tell_stub(const struct child *child, int root, int fd)
{
	struct message message = { .kind = MESSAGE_STUB };
	char prefix[sizeof(message.path)];
	struct stat info;
	size_t length;

	if (SYS(newfstatat, fd, "", &info, AT_EMPTY_PATH) < 0)
		return;
	message.inode = info.st_ino;
	path_of(root, prefix, sizeof(prefix));
	path_of(fd, message.path, sizeof(message.path));
	length = strlen(prefix);
	if (strncmp(message.path, prefix, length) != 0)
		return;
	memmove(message.path, message.path + length, strlen(message.path + length) + 1);
	tell(child, &message);
}

/** Make the directory `path` (of which all but the end exists, open as `parent`) inside `root`. */
static int directory_make(const struct child *teller, int root, int parent, const char *path)
{
	const char *slash = strrchr(path, '/');
	int fd;

	if (SYS(mkdirat, parent, slash ? slash + 1 : path, 0755) < 0)
		return -1;
	fd = open_inside(root, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0 && teller)
		tell_stub(teller, root, fd);
	return fd;
}

/**
 * Open the directory `path` inside `root`, making what is missing of it; those made are told by
 * `teller`, if there is one.
 */
static int directories_inside(const struct child *teller, int root, const char *path)
{
	char part[4096];
	size_t length = 0;
	int fd = open_inside(root, "/", O_PATH | O_DIRECTORY, 0);

	while (fd >= 0 && path[length += strspn(path + length, "/")]) {
		int next;

		length += strcspn(path + length, "/");
		if (length >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, path, length);
		part[length] = '\0';
		next = open_inside(root, part, O_PATH | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOENT)
			next = directory_make(teller, root, fd, part);
		shut(fd);
		fd = next;
	}
	return fd;
}

static int make_target(const struct child *child, const struct op *op)
{
	char parent[4096];
	const char *name = strrchr(op->path, '/') + 1;
	size_t length = (size_t)(name - op->path);
	int dir, fd;

	if (op->cover & COVER_DIRECTORY)
		return directories_inside(child, slot(child, op->at), op->path);
	if (length >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, op->path, length);
	parent[length] = '\0';
	dir = directories_inside(child, slot(child, op->at), parent);
	if (dir < 0)
		return -1;
	fd = SYS(openat, dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	shut(dir);
	if (fd >= 0)
		tell_stub(child, slot(child, op->at), fd);
	return fd;
}

/* ---- mounts ---- */

static int mount_onto(int mount, int target)
{
	return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int mount_change(int mount, uint64_t attributes, unsigned flags)
{
	struct mount_attr change = { .attr_set = attributes };

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

int do_cover(struct child *child, const struct op *op)
{
	uint64_t flags = O_PATH | (op->cover & COVER_LINK ? O_NOFOLLOW : 0);
	uint64_t resolve = op->cover & COVER_PLAIN ? RESOLVE_NO_SYMLINKS : 0;
	int target = open_inside(slot(child, op->at), op->path, flags, resolve), status;

	if (target < 0 && errno == ENOENT)
		target = make_target(child, op);
	if (target < 0)
		return -1;
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

/** The root directory is the upper's: it gets the looks of the topmost lower's. */
static int upper_match(int lower, int upper)
{
	struct stat info;
	int fd = SYS(openat, upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;

	if (fd < 0)
		return -1;
	status = SYS(newfstatat, lower, "", &info, AT_EMPTY_PATH) < 0 ||
				 SYS(fchown, fd, info.st_uid, info.st_gid) < 0 ||
				 SYS(fchmod, fd, info.st_mode & 07777) < 0
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
int old_root_drop(int root)
{
	if (SYS(umount2, ".", MNT_DETACH) < 0 || SYS(chdir, "/") < 0)
		return -1;
	if (mount_id(AT_FDCWD, "/..") != mount_id(root, "")) {
		errno = EXDEV;
		return -1;
	}
	return 0;
}

int do_enter(struct child *child, const struct op *op)
{
	return do_pivot(child, op) < 0 ? -1 : old_root_drop(slot(child, op->at));
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
	return slot_set(child, op->to, directories_inside(NULL, slot(child, op->at), op->path));
}
