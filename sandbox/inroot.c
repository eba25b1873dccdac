/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Resolving paths below a root: the kernel contains (openat2), we explain.
 *
 * The common case has no links and is one system call.  Only a path with links is walked here, part
 * by part, to tell a link that stays inside from one that climbs; what the walk finds is opened
 * without links again, so that a race changes the outcome but never leaves the root.
 */
#include "sandbox/inroot.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

enum { LINKS_MAX = 40 }; /* as the kernel has it */

int open_plain(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: a rename raced with the lookup; the kernel asks to try again. */
	for (int tries = 0; tries < 64; tries++) {
		fd = (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}

const char *path_split(const char *path, size_t *parent_length)
{
	const char *slash = strrchr(path, '/');

	*parent_length = slash ? (size_t)(slash - path) : 0;
	return slash ? slash + 1 : path;
}

/** A path on its way: what is resolved so far, and what is left to do. */
struct lookup {
	int root_fd;
	enum climbing climbing;
	struct buf *done;
	struct buf rest;
	size_t links;
};

static void cut(struct buf *text, size_t length)
{
	text->length = length;
	if (text->data)
		text->data[length] = '\0';
}

static result climb(struct lookup *lookup, struct error *err)
{
	size_t parent;

	if (lookup->done->length == 0 && lookup->climbing != CLIMBING_STAYS)
		return fail(err, FAULT_INPUT, "climbs out of the root%s",
			    lookup->links ? " by a link on the way" : "");
	path_split(buf_text(lookup->done), &parent);
	cut(lookup->done, parent);
	return OK;
}

/** Whether an absolute link's target is in this root. */
static bool is_in_root(int root_fd, const char *target)
{
	owned(fd) int fd = open_in_root(root_fd, target, O_PATH, 0);

	return fd >= 0;
}

/** Put a link's target before what is left; `done` has the link as its last part. */
static result follow(struct lookup *lookup, int link_fd, struct error *err)
{
	owned(buf) struct buf rest = {};
	char target[PATH_LENGTH_MAX + 1];
	ssize_t length = readlinkat(link_fd, "", target, sizeof(target) - 1);
	size_t parent;

	if (length < 0)
		return fail_sys(err, "read link %s", buf_text(lookup->done));
	target[length] = '\0';
	if (++lookup->links > LINKS_MAX)
		return fail(err, FAULT_INPUT, "more than %d links on the way", LINKS_MAX);
	if (*target == '/' && lookup->climbing == CLIMBING_REFUSED &&
	    !is_in_root(lookup->root_fd, target))
		return fail(err, FAULT_INPUT,
			    "climbs out of the root by link '%s' to '%s', which is not in it",
			    buf_text(lookup->done), target);
	buf_printf(&rest, "%s/%s", target, buf_text(&lookup->rest));
	buf_drop(&lookup->rest);
	lookup->rest = rest;
	rest = (struct buf){};
	path_split(buf_text(lookup->done), &parent);
	cut(lookup->done, *target == '/' ? 0 : parent);
	return OK;
}

/** Resolve one part that is a name; a missing one is kept. */
static result step(struct lookup *lookup, const char *part, struct error *err)
{
	owned(fd) int fd = -1;
	struct stat info;

	if (lookup->done->length)
		buf_add_char(lookup->done, '/');
	buf_add_str(lookup->done, part);
	fd = open_plain(lookup->root_fd, buf_text(lookup->done), O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? OK
			       : fail_sys(err, "look up %s", buf_text(lookup->done));
	if (fstat(fd, &info) < 0)
		return fail_sys(err, "look up %s", buf_text(lookup->done));
	return S_ISLNK(info.st_mode) ? follow(lookup, fd, err) : OK;
}

/** Move the next part out of `rest`; false when nothing is left. */
static bool next_part(struct buf *rest, char **part)
{
	const char *text = buf_text(rest);
	size_t skip = strspn(text, "/"), length = strcspn(text + skip, "/");

	if (length == 0)
		return false;
	*part = xstrndup(text + skip, length);
	memmove(rest->data, text + skip + length, rest->length - skip - length + 1);
	rest->length -= skip + length;
	return true;
}

static result resolve_parts(struct lookup *lookup, struct error *err)
{
	char *next;

	while (next_part(&lookup->rest, &next)) {
		owned(str) char *part = next;
		result done = strcmp(part, ".") == 0    ? OK
			      : strcmp(part, "..") == 0 ? climb(lookup, err)
							: step(lookup, part, err);

		if (done)
			return FAILED;
	}
	return OK;
}

result path_resolve(int root_fd, const char *path, enum climbing climbing, struct buf *out,
		    struct error *err)
{
	struct lookup lookup = { .root_fd = root_fd, .climbing = climbing, .done = out };
	result done;

	buf_clear(out);
	buf_add_str(&lookup.rest, path);
	done = resolve_parts(&lookup, err);
	buf_drop(&lookup.rest);
	return done;
}

int opaque_set(int dir_fd)
{
	return fsetxattr(dir_fd, "user.overlay.opaque", "y", 1, 0);
}

static bool has_whiteout(int dir_fd, const char *name)
{
	struct stat info;

	return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && is_whiteout(&info);
}

/** A new directory has what was asked for, and what its parent hands down by its set-group-id bit.
 */
static int looks_set(int fd, const struct dirs_options *options)
{
	struct timespec times[2];
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -1;
	if ((options->uid || options->gid) && fchown(fd, options->uid, options->gid) < 0)
		return -1;
	if (fchmod(fd, options->mode | (info.st_mode & S_ISGID)) < 0)
		return -1;
	if (!options->mtime)
		return 0;
	times[0] = times[1] = *options->mtime;
	return futimens(fd, times);
}

/** Open one directory below dir_fd, made if it is not there; -1 with errno. */
static int dir_make(int dir_fd, const char *name, const struct dirs_options *options)
{
	bool opaque = options->over_whiteouts && has_whiteout(dir_fd, name);
	owned(fd) int fd = -1;
	bool made;

	if (opaque && unlinkat(dir_fd, name, 0) < 0)
		return -1;
	made = mkdirat(dir_fd, name, 0700) == 0;
	if (!made && errno != EEXIST)
		return -1;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (made && looks_set(fd, options) < 0)
		return -1;
	if (opaque && opaque_set(fd) < 0)
		return -1;
	return fd_take(&fd);
}

int dirs_make(int root_fd, const char *path, const struct dirs_options *options)
{
	owned(fd) int fd = open_plain(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	owned(str) char *copy = xstrdup(path);
	char *rest = NULL;

	if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
		return fd_take(&fd);
	fd = open_plain(root_fd, "", O_RDONLY | O_DIRECTORY, 0);
	for (char *part = strtok_r(copy, "/", &rest); part && fd >= 0;
	     part = strtok_r(NULL, "/", &rest)) {
		int next = dir_make(fd, part, options);

		fd_drop(&fd);
		fd = next;
	}
	return fd_take(&fd);
}
