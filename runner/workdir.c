/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/workdir.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

struct workdir {
	char *path;
	char name[48];
	int parent_fd; /* ROOT/work, or ROOT/spare */
	int lock_fd;   /* the directory itself, locked */
	bool is_spare; /* kept for others as long as nothing is in it */
	bool saw_used; /* a spare one has something in it that is to be removed */
};

/** More at once than this get directories of their own. */
enum { SPARES_MAX = 8 };

static const char *const parts[] = { "upper", "work", "scratch" };

/**
 * What a volatile overlay leaves in its work directory, and the parts, inside out: nearly always
 * all there is, and gone with a fifth of the calls of remove_tree().
 */
static const struct {
	const char *path;
	int flags;
} usual[] = {
	{ "work/work/incompat/volatile/dirty", 0 },
	{ "work/work/incompat/volatile", AT_REMOVEDIR },
	{ "work/work/incompat", AT_REMOVEDIR },
	{ "work/work", AT_REMOVEDIR },
	{ "work", AT_REMOVEDIR },
	{ "scratch", AT_REMOVEDIR },
	{ "upper", AT_REMOVEDIR },
};

/** Where the parts themselves begin. */
enum { USUAL_PARTS = 4 };

/** What is not there or holds more is left to remove_tree().  No step is running any more. */
static void usual_remove(int dir_fd, size_t count)
{
	for (size_t i = 0; i < count; i++)
		unlinkat(dir_fd, usual[i].path, usual[i].flags);
}

/** Whether a part is gone, or as if it were new: nothing in it, and no attributes on it. */
static bool is_pristine(int dir_fd, const char *part)
{
	owned(fd) int fd = openat(dir_fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char entries[1024];
	long got, length = 0;
	struct stat info;

	if (fd < 0)
		return errno == ENOENT;
	if (flistxattr(fd, NULL, 0) != 0 || fstat(fd, &info) < 0 ||
	    (info.st_mode & 07777) != 0755 || info.st_uid != geteuid() || info.st_gid != getegid())
		return false;
	while ((got = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
		length += got;
	/* "." and "..", 24 bytes each. */
	return got == 0 && length <= 48;
}

static bool is_part(const char *name)
{
	for (size_t i = 0; i < countof(parts); i++) {
		if (strcmp(name, parts[i]) == 0)
			return true;
	}
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/** Whether nobody has put anything beside the parts. */
static bool has_only_parts(int dir_fd)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry = NULL;

	if (!dir) {
		fd_drop(&again);
		return false;
	}
	while ((entry = readdir(dir)) && is_part(entry->d_name))
		;
	closedir(dir);
	return !entry;
}

/** Nothing of a sandbox is left but what its overlay had in `work`, which is the next one's to
 * remove. */
static bool is_clean(int dir_fd)
{
	return is_pristine(dir_fd, "upper") && is_pristine(dir_fd, "scratch") &&
	       has_only_parts(dir_fd);
}

void workdir_drop(struct workdir **dir)
{
	struct error ignored = {};

	if (!*dir)
		return;
	/* What cannot be removed now is garbage that the next process tries again. */
	if ((*dir)->lock_fd >= 0 && !((*dir)->is_spare && is_clean((*dir)->lock_fd))) {
		usual_remove((*dir)->lock_fd, countof(usual));
		(void)remove_tree((*dir)->parent_fd, (*dir)->name, &ignored);
	}
	fd_drop(&(*dir)->lock_fd);
	fd_drop(&(*dir)->parent_fd);
	free((*dir)->path);
	free(*dir);
	*dir = NULL;
}

const char *workdir_path(const struct workdir *dir)
{
	return dir->path;
}

/** Remove what dead processes left; whoever holds the lock is alive and keeps it. */
static void sweep(int parent_fd, bool (*is_kept)(int dir_fd))
{
	int again = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!dir) {
		fd_drop(&again);
		return;
	}
	while ((entry = readdir(dir))) {
		owned(fd) int fd = -1;
		struct error ignored = {};

		if (entry->d_name[0] == '.')
			continue;
		fd = openat(parent_fd, entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && !(is_kept && is_kept(fd)))
			(void)remove_tree(parent_fd, entry->d_name, &ignored);
	}
	closedir(dir);
}

/**
 * What is made in it has nothing to do with its neighbours: ext4 puts such directories far apart.
 * Without a journal it looks at each file that was removed near a new one a short while ago, which
 * after some thousands takes longer than a whole step.
 */
static void spread(int parent_fd)
{
	int flags;

	/* Best effort: other file systems have no such thing. */
	if (ioctl(parent_fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		(void)ioctl(parent_fd, FS_IOC_SETFLAGS, &flags);
	}
}

/** ROOT/work or ROOT/spare. */
static result parent_open(const char *path, int *out, struct error *err)
{
	*out = open_dirs(AT_FDCWD, path, 0700);
	if (*out < 0)
		return fail_sys(err, "create %s", path);
	spread(*out);
	return OK;
}

/** Made under a lock on the parent, so that no sweep sees it before it is locked itself. */
static result make_locked(struct workdir *dir, struct error *err)
{
	static atomic_uint serial;
	unsigned number = atomic_fetch_add(&serial, 1);

	if (flock(dir->parent_fd, LOCK_EX) < 0)
		return fail_sys(err, "lock the work directory");
	if (number == 0)
		sweep(dir->parent_fd, NULL);
	snprintf(dir->name, sizeof(dir->name), "%d-%u", (int)getpid(), number);
	if (mkdirat(dir->parent_fd, dir->name, 0755) == 0)
		dir->lock_fd = openat(dir->parent_fd, dir->name,
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->lock_fd < 0 || flock(dir->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return fail_sys(err, "create work directory %s", dir->name);
	flock(dir->parent_fd, LOCK_UN);
	return OK;
}

result workdir_new(const char *root, struct workdir **out, struct error *err)
{
	owned(workdir) struct workdir *dir = xnew(struct workdir);
	owned(str) char *parent = xasprintf("%s/work", root);

	dir->lock_fd = -1;
	if (parent_open(parent, &dir->parent_fd, err) || make_locked(dir, err))
		return FAILED;
	dir->path = xasprintf("%s/%s", parent, dir->name);
	for (size_t i = 0; i < countof(parts); i++) {
		if (mkdirat(dir->lock_fd, parts[i], 0755) < 0)
			return fail_sys(err, "create %s/%s", dir->path, parts[i]);
	}
	*out = take(dir);
	return OK;
}

/**
 * Take the spare directory `name`, made if it is not there; false where it is not to be had, or has
 * been used and that is not wanted.
 */
static bool spare_take(struct workdir *dir, bool used_too)
{
	struct stat info;

	dir->lock_fd =
		openat(dir->parent_fd, dir->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->lock_fd < 0 && errno == ENOENT && mkdirat(dir->parent_fd, dir->name, 0755) == 0)
		dir->lock_fd = openat(dir->parent_fd, dir->name,
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* One without links was removed by whoever had it before us. */
	if (dir->lock_fd < 0 || flock(dir->lock_fd, LOCK_EX | LOCK_NB) < 0 ||
	    fstat(dir->lock_fd, &info) < 0 || info.st_nlink == 0)
		return false;
	if ((!used_too && !is_pristine(dir->lock_fd, "work")) || !is_clean(dir->lock_fd)) {
		dir->saw_used = true;
		return false;
	}
	if (used_too)
		usual_remove(dir->lock_fd, USUAL_PARTS);
	for (size_t i = 0; i < countof(parts); i++) {
		if (mkdirat(dir->lock_fd, parts[i], 0755) < 0 &&
		    (errno != EEXIST || !is_pristine(dir->lock_fd, parts[i])))
			return false;
	}
	return true;
}

/** The first that is to be had. */
static bool spare_find(struct workdir *dir, bool used_too)
{
	for (int i = 0; i < SPARES_MAX; i++) {
		snprintf(dir->name, sizeof(dir->name), "%d", i);
		if (spare_take(dir, used_too))
			return true;
		fd_drop(&dir->lock_fd);
	}
	return false;
}

result workdir_spare(const char *root, struct workdir **out, struct error *err)
{
	owned(workdir) struct workdir *dir = xnew(struct workdir);
	owned(str) char *parent = xasprintf("%s/spare", root);

	dir->lock_fd = -1;
	dir->is_spare = true;
	if (parent_open(parent, &dir->parent_fd, err))
		return FAILED;
	if (!spare_find(dir, false) && !spare_find(dir, true))
		return workdir_new(root, out, err);
	dir->path = xasprintf("%s/%s", parent, dir->name);
	*out = take(dir);
	return OK;
}

/** Of those that nobody has; what a process that died has left goes whole. */
static void *used_remove(void *closure)
{
	static atomic_bool swept;
	owned(fd) int parent_fd = (int)(intptr_t)closure;

	if (!atomic_exchange(&swept, true))
		sweep(parent_fd, is_clean);
	for (int i = 0; i < SPARES_MAX; i++) {
		char name[16];
		owned(fd) int fd = -1;

		snprintf(name, sizeof(name), "%d", i);
		fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_clean(fd))
			usual_remove(fd, USUAL_PARTS);
	}
	return NULL;
}

void workdir_tidy(const struct workdir *dir)
{
	pthread_t thread;
	int fd = dir->saw_used ? fcntl(dir->parent_fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	if (pthread_create(&thread, NULL, used_remove, (void *)(intptr_t)fd) == 0)
		pthread_detach(thread);
	else
		close(fd);
}

result workdir_discard(const char *root, const char *place, const char *name, struct error *err)
{
	owned(str) char *parent = xasprintf("%s/work", root);
	owned(str) char *from = xasprintf("%s/%s/%s", root, place, name);
	owned(str) char *aside = xasprintf("gone-%d-%s", (int)getpid(), name);
	owned(fd) int parent_fd = -1;

	if (parent_open(parent, &parent_fd, err))
		return FAILED;
	if (renameat(AT_FDCWD, from, parent_fd, aside) < 0)
		return errno == ENOENT ? OK : (result)fail_sys(err, "remove %s", from);
	if (remove_tree(parent_fd, aside, err))
		return fail_in(err, "remove %s", from);
	return OK;
}
