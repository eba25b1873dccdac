/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Making files from archive entries.
 *
 * Small files go through a queue (files.c), all else is done at once.  Entries may depend on each
 * other in any way, so whatever is not plainly new (a name on its way, a missing parent, a hard
 * link, something to be replaced) waits for the queue to drain first.
 */
#include "sandbox/place_internal.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	IMPLICIT_MAX = 10000,
	DIRECTORY_BYTES = 256 << 20, /* names of directories whose times wait for the end */
	FILE_FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
};

struct place *place_new(const struct ctx *ctx, int root_fd, int lower_fd, enum climbing climbing)
{
	struct place *place = xnew(struct place);

	place->ctx = ctx;
	place->root_fd = root_fd;
	place->lower_fd = lower_fd;
	place->climbing = climbing;
	place->parent_fd = -1;
	place->files = files_new(root_fd);
	return place;
}

void place_drop(struct place **place)
{
	struct place *old = *place;

	if (!old)
		return;
	files_drop(&old->files);
	fd_drop(&old->parent_fd);
	buf_drop(&old->parent_asked);
	buf_drop(&old->parent);
	free(old->directories);
	buf_drop(&old->paths);
	strings_drop(&old->implicit);
	free(old);
	*place = NULL;
}

struct looks place_looks(const struct tar_entry *entry)
{
	return (struct looks){ entry->uid, entry->gid, entry->mode, entry->mtime,
			       entry->attributes.count ? &entry->attributes : NULL };
}

/* ---- where things go ---- */

static void parent_forget(struct place *place)
{
	fd_drop(&place->parent_fd);
	buf_clear(&place->parent_asked);
}

result place_clear(struct place *place, const char *name, struct error *err)
{
	return files_drain(place->files, err) || remove_tree(place->parent_fd, name, err) ? FAILED
											  : OK;
}

result place_note(struct place *place, const char *path, struct error *err)
{
	for (const char *end = path; *end;) {
		owned(fd) int fd = -1;
		owned(str) char *part = NULL;

		end = strchrnul(end + 1, '/');
		part = xstrndup(path, (size_t)(end - path));
		fd = open_plain(place->root_fd, part, O_PATH | O_DIRECTORY, 0);
		if (fd >= 0)
			continue;
		if (place->implicit.count == IMPLICIT_MAX)
			return fail(err, FAULT_INPUT, "more than %d directories without an entry",
				    IMPLICIT_MAX);
		strings_add(&place->implicit, part);
	}
	return OK;
}

/** The length of the first part of the path that only the lower tree has, and as a link; else 0. */
static size_t lower_link(const struct place *place, const char *path)
{
	bool is_missing = false;
	struct stat info;

	for (const char *end = path; place->lower_fd >= 0 && *end;) {
		owned(fd) int here = -1, below = -1;
		owned(str) char *part = NULL;

		end = strchrnul(end + 1, '/');
		part = xstrndup(path, (size_t)(end - path));
		if (!is_missing) {
			here = open_plain(place->root_fd, part, O_PATH | O_NOFOLLOW, 0);
			is_missing = here < 0 && errno == ENOENT;
		}
		if (!is_missing)
			continue;
		below = open_plain(place->lower_fd, part, O_PATH | O_NOFOLLOW, 0);
		if (below < 0 || fstat(below, &info) < 0)
			return 0;
		if (S_ISLNK(info.st_mode))
			return (size_t)(end - path);
	}
	return 0;
}

result place_follow(struct place *place, const char *path, struct buf *out, struct error *err)
{
	enum { LINKS_MAX = 40 };
	/* An absolute link may lead to what only the lower tree has. */
	enum climbing climbing = place->lower_fd < 0 ? place->climbing : CLIMBING_ROOTED;
	owned(str) char *rest = xstrdup(path);
	size_t length;

	for (size_t links = 0; links <= LINKS_MAX; links++) {
		owned(buf) struct buf below = {};
		owned(str) char *link = NULL;

		if (path_resolve(place->root_fd, rest, climbing, out, err))
			return FAILED;
		length = lower_link(place, buf_text(out));
		if (!length)
			return OK;
		place->depends = true;
		link = xstrndup(buf_text(out), length);
		if (path_resolve(place->lower_fd, link, CLIMBING_STAYS, &below, err))
			return FAILED;
		free(rest);
		rest = xasprintf("%s%s", buf_text(&below), buf_text(out) + length);
	}
	return fail(err, FAULT_INPUT, "more than %d links on the way", LINKS_MAX);
}

/** Find the parent the long way: through links, and making what is missing. */
static int parent_find(struct place *place, const char *asked, struct error *err)
{
	static const struct dirs_options options = { .mode = 0755, .over_whiteouts = true };
	int fd;

	if (files_drain(place->files, err) || place_follow(place, asked, &place->parent, err))
		return -1;
	if (place_note(place, buf_text(&place->parent), err))
		return -1;
	fd = dirs_make(place->root_fd, buf_text(&place->parent), &options);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		(void)fail(err, FAULT_INPUT, "'%s' is not a directory", asked);
	else if (fd < 0 && errno == ENAMETOOLONG)
		(void)fail(err, FAULT_INPUT, "name is too long");
	else if (fd < 0)
		(void)fail_sys(err, "make directory %s", asked);
	return fd;
}

/** Open the parent of `path` as place->parent_fd, and give the last part of the name. */
static result parent_open(struct place *place, const char *path, const char **name,
			  struct error *err)
{
	size_t length;
	owned(str) char *asked = NULL;
	int fd;

	*name = path_split(path, &length);
	if (place->parent_fd >= 0 && length == place->parent_asked.length &&
	    memcmp(buf_text(&place->parent_asked), path, length) == 0)
		return OK;
	asked = xstrndup(path, length);
	fd = open_plain(place->root_fd, asked, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0) {
		buf_clear(&place->parent);
		buf_add_str(&place->parent, asked);
	} else {
		fd = parent_find(place, asked, err);
		if (fd < 0)
			return FAILED;
	}
	parent_forget(place);
	place->parent_fd = fd;
	buf_add(&place->parent_asked, asked, length);
	return OK;
}

/** The path of `name` in the open parent, without links. */
static void path_join(const struct place *place, const char *name, struct buf *out)
{
	buf_clear(out);
	buf_add_str(out, buf_text(&place->parent));
	if (out->length)
		buf_add_char(out, '/');
	buf_add_str(out, name);
}

/** Make something by `make`, after removing what is in the way. */
static result make_in_way(struct place *place, const char *name,
			  int (*make)(int dir_fd, const char *name, const struct tar_entry *entry),
			  const struct tar_entry *entry, struct error *err)
{
	if (make(place->parent_fd, name, entry) == 0)
		return OK;
	if (errno == EEXIST) {
		if (place_clear(place, name, err))
			return FAILED;
		if (make(place->parent_fd, name, entry) == 0)
			return OK;
	}
	return fail_sys(err, "create");
}

/* ---- kinds of entries ---- */

/** A file larger than the queue takes: written piece by piece as it comes. */
static result place_large(struct place *place, struct tar *tar, const struct tar_entry *entry,
			  const char *name, struct error *err)
{
	owned(fd) int fd = -1;
	struct looks looks = place_looks(entry);
	const void *data;
	size_t length;
	uint64_t offset = 0;

	/* The queue is used for one write at a time below. */
	if (files_drain(place->files, err))
		return FAILED;
	fd = openat(place->parent_fd, name, FILE_FLAGS, 0600);
	if (fd < 0 && errno == EEXIST) {
		if (place_clear(place, name, err))
			return FAILED;
		fd = openat(place->parent_fd, name, FILE_FLAGS, 0600);
	}
	if (fd < 0)
		return fail_sys(err, "create");
	do {
		if (cancel_check(place->ctx, err) || tar_content(tar, &data, &length, &offset, err))
			return FAILED;
		if (offset > entry->size || length > entry->size - offset)
			return fail(err, FAULT_INPUT, "has more content than its size");
		if (length > 0 && files_write(place->files, fd, data, length, offset, err))
			return FAILED;
	} while (length > 0);
	/* A sparse file may end in a gap. */
	if (ftruncate(fd, (off_t)entry->size) < 0)
		return fail_sys(err, "set size");
	return looks_give(fd, &looks, err);
}

/**
 * Collect the content of a small file in `room`; without a ring a lone piece need not be copied.
 */
static result content_take(struct place *place, struct tar *tar, const struct tar_entry *entry,
			   char *room, const void **content, struct error *err)
{
	const void *data;
	size_t length;
	uint64_t offset, got = 0;

	*content = room;
	if (entry->size == 0)
		return OK;
	if (tar_content(tar, &data, &length, &offset, err))
		return FAILED;
	if (length == entry->size && offset == 0 && !files_has_ring(place->files)) {
		*content = data;
		return OK;
	}
	memset(room, 0, (size_t)entry->size);
	while (length > 0) {
		if (offset > entry->size || length > entry->size - offset)
			return fail(err, FAULT_INPUT, "has more content than its size");
		memcpy(room + offset, data, length);
		got = offset + length;
		if (got == entry->size)
			break;
		if (tar_content(tar, &data, &length, &offset, err))
			return FAILED;
	}
	return OK;
}

static result place_small(struct place *place, struct tar *tar, const struct tar_entry *entry,
			  const char *name, struct error *err)
{
	bool has_ring = files_has_ring(place->files);
	struct looks looks = place_looks(entry);
	owned(buf) struct buf path = {};
	const void *content;
	char *room;

	/* What is in the way is found first: its removal must not meet entries on their way. */
	if (has_ring && faccessat(place->parent_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    place_clear(place, name, err))
		return FAILED;
	if (files_room(place->files, &room, err) ||
	    content_take(place, tar, entry, room, &content, err))
		return FAILED;
	path_join(place, name, &path);
	if (files_add(place->files, path.data, &looks, content, (size_t)entry->size, err))
		return FAILED;
	/* Attributes are the reader's, and go with the next entry. */
	return looks.attributes ? files_drain(place->files, err) : OK;
}

static result place_file(struct place *place, struct tar *tar, const struct tar_entry *entry,
			 const char *name, struct error *err)
{
	if (entry->size <= FILES_BYTES)
		return place_small(place, tar, entry, name, err);
	return place_large(place, tar, entry, name, err);
}

static result remember_time(struct place *place, const char *path, struct timespec mtime,
			    struct error *err)
{
	if (place->paths.length > DIRECTORY_BYTES)
		return fail(err, FAULT_INPUT, "too many directories");
	array_grow(place->directories, place->directory_count);
	place->directories[place->directory_count++] =
		(struct directory){ place->paths.length, mtime };
	buf_add(&place->paths, path, strlen(path) + 1);
	return OK;
}

/** mkdir, unless a directory is there; over a whiteout the new one hides what is below. */
static result directory_make(struct place *place, const char *name, bool *opaque, struct error *err)
{
	struct stat info;

	*opaque = false;
	if (mkdirat(place->parent_fd, name, 0700) == 0)
		return OK;
	if (errno != EEXIST || fstatat(place->parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_sys(err, "create");
	if (S_ISDIR(info.st_mode))
		return OK;
	*opaque = is_whiteout(&info);
	if (place_clear(place, name, err))
		return FAILED;
	return mkdirat(place->parent_fd, name, 0700) < 0 ? fail_sys(err, "create") : OK;
}

static result place_directory(struct place *place, const struct tar_entry *entry, const char *name,
			      struct error *err)
{
	struct looks looks = place_looks(entry);
	owned(buf) struct buf path = {};
	owned(fd) int fd = -1;
	bool opaque = false;

	if (*name && directory_make(place, name, &opaque, err))
		return FAILED;
	fd = openat(place->parent_fd, *name ? name : ".",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (opaque && opaque_set(fd) < 0))
		return fail_sys(err, "open directory");
	path_join(place, name, &path);
	strings_remove(&place->implicit, buf_text(&path));
	if (remember_time(place, buf_text(&path), entry->mtime, err))
		return FAILED;
	return looks_give(fd, &looks, err);
}

static int make_symlink(int dir_fd, const char *name, const struct tar_entry *entry)
{
	return symlinkat(entry->link, dir_fd, name);
}

static int make_node(int dir_fd, const char *name, const struct tar_entry *entry)
{
	return mknodat(dir_fd, name, (entry->mode & S_IFMT) | 0600,
		       S_ISFIFO(entry->mode) ? 0 : entry->device);
}

static result place_special(struct place *place, const struct tar_entry *entry, const char *name,
			    struct error *err)
{
	bool is_link = S_ISLNK(entry->mode);
	bool is_device = S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
	struct looks looks = place_looks(entry);

	/* A device 0:0 would be a whiteout to overlayfs; nothing can be done with one anyway. */
	if (is_device && entry->device == 0) {
		place->skipped_devices++;
		return OK;
	}
	if (make_in_way(place, name, is_link ? make_symlink : make_node, entry, err)) {
		if (!is_device || err->sys != EPERM)
			return FAILED;
		/* In a user namespace nobody makes devices; images work without theirs. */
		place->skipped_devices++;
		return OK;
	}
	return looks_give_at(place->parent_fd, name, &looks, err);
}

/** What cannot be made because of the name is the archive's fault, not the system's. */
static result name_fault(struct error *err)
{
	if (err->fault == FAULT_SYSTEM && (err->sys == ENAMETOOLONG || err->sys == ENOENT))
		err->fault = FAULT_INPUT;
	return FAILED;
}

static result entry_make(struct place *place, struct tar *tar, const struct tar_entry *entry,
			 const char *path, struct error *err)
{
	const char *name;

	if ((files_have(place->files, path) && files_drain(place->files, err)) ||
	    parent_open(place, path, &name, err))
		return FAILED;
	if (!*name && (entry->is_hard_link || !S_ISDIR(entry->mode)))
		return fail(err, FAULT_INPUT, "the root can only be a directory");
	if (entry->is_hard_link)
		return place_link(place, entry, name, err);
	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		return place_file(place, tar, entry, name, err);
	case S_IFDIR:
		return place_directory(place, entry, name, err);
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return place_special(place, entry, name, err);
	default:
		return fail(err, FAULT_INPUT, "is of an unknown type");
	}
}

result place_entry(struct place *place, struct tar *tar, const struct tar_entry *entry,
		   const char *path, struct error *err)
{
	if (entry_make(place, tar, entry, path, err) == OK)
		return OK;
	(void)name_fault(err);
	if (entry->is_hard_link)
		return fail_in(err, "layer entry '%s', a hard link to '%s'", entry->path,
			       entry->link);
	return starts_with(err->text, "layer entry")
		       ? FAILED
		       : fail_in(err, "layer entry '%s'", entry->path);
}

result place_whiteout(struct place *place, const char *path, struct error *err)
{
	owned(fd) int fd = -1;
	struct stat info;
	const char *name;

	if (files_drain(place->files, err) || parent_open(place, path, &name, err))
		return FAILED;
	if (fstatat(place->parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
		if (mknodat(place->parent_fd, name, S_IFCHR, 0) < 0)
			return fail_sys(err, "make whiteout");
		return OK;
	}
	if (!S_ISDIR(info.st_mode))
		return OK;
	fd = openat(place->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || opaque_set(fd) < 0 ? fail_sys(err, "mark as opaque") : OK;
}

result place_opaque(struct place *place, const char *path, struct error *err)
{
	owned(buf) struct buf inside = {};
	const char *name;

	buf_printf(&inside, "%s%s.", path, *path ? "/" : "");
	if (files_drain(place->files, err) || parent_open(place, buf_text(&inside), &name, err))
		return FAILED;
	return opaque_set(place->parent_fd) < 0 ? fail_sys(err, "mark as opaque") : OK;
}

/** Set what making their content has changed.  Those that are gone by now need none. */
static result times_give(struct place *place, struct error *err)
{
	for (size_t i = 0; i < place->directory_count; i++) {
		const struct directory *directory = &place->directories[i];
		const char *path = place->paths.data + directory->path;
		struct timespec times[2] = { directory->mtime, directory->mtime };
		owned(fd) int fd =
			open_plain(place->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

		if (fd >= 0 && futimens(fd, times) < 0)
			return fail_sys(err, "set time of %s", path);
	}
	return OK;
}

result place_finish(struct place *place, struct error *err)
{
	if (files_drain(place->files, err) || times_give(place, err))
		return FAILED;
	if (syncfs(place->root_fd) < 0)
		return fail_sys(err, "sync layer");
	if (place->skipped_devices)
		progress_warn(
			place->ctx,
			"%llu device nodes of a layer were left out: they cannot be made here",
			(unsigned long long)place->skipped_devices);
	return OK;
}

void place_implicit(const struct place *place, struct strings *out)
{
	strings_add_all(out, place->implicit.items);
	if (place->depends)
		strings_add(out, ".");
}
