/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Hard links of an archive, whose target may be a file that only the layers below have.
 */
#include "sandbox/place_internal.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>

/** A file of the lower tree becomes one of this root too, to be given another name. */
static result target_bring(struct place *place, const char *path, struct error *err)
{
	static const struct copy_options options = { .keep_owner = true };
	owned(fd) int fd = place->lower_fd < 0
				   ? -1
				   : open_plain(place->lower_fd, path, O_PATH | O_NOFOLLOW, 0);
	owned(str) char *parent = NULL, *target = NULL;
	struct stat info;
	size_t length;

	path_split(path, &length);
	parent = xstrndup(path, length);
	target = xasprintf("/%s", path);
	if (fd < 0 || fstat(fd, &info) < 0)
		return fail(err, FAULT_INPUT, "its target is not in this layer%s",
			    place->lower_fd < 0 ? "" : ", nor in those below");
	if (!S_ISREG(info.st_mode))
		return fail(err, FAULT_INPUT, "its target in the layers below is no regular file");
	place->depends = true;
	return place_note(place, parent, err) ? FAILED
					      : tree_copy(place->ctx, place->lower_fd, path,
							  place->root_fd, target, &options, err);
}

/** A directory's descriptor to find a hard link's target in, and its name there. */
static result target_open(struct place *place, const char *link, int *dir_fd, struct buf *path,
			  const char **name, struct error *err)
{
	owned(buf) struct buf parent = {};
	owned(str) char *asked = NULL, *whole = NULL;
	owned(fd) int fd = -1;
	size_t length;

	if (*link == '/')
		return fail(err, FAULT_INPUT, "climbs out of the root: its target is absolute");
	buf_add_str(path, link);
	while (path->length && path->data[path->length - 1] == '/')
		path->data[--path->length] = '\0';
	*name = path_split(buf_text(path), &length);
	if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return fail(err, FAULT_INPUT, "its target has no name");
	asked = xstrndup(buf_text(path), length);
	if (place_follow(place, asked, &parent, err))
		return FAILED;
	whole = xasprintf("%s%s%s", buf_text(&parent), parent.length ? "/" : "", *name);
	fd = open_plain(place->root_fd, whole, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0 && target_bring(place, whole, err))
		return FAILED;
	*dir_fd = open_plain(place->root_fd, buf_text(&parent), O_PATH | O_DIRECTORY, 0);
	return *dir_fd < 0 ? fail_sys(err, "open the directory of its target") : OK;
}

static bool is_same_file(int a_fd, const char *a, int b_fd, const char *b)
{
	struct stat one, two;

	return fstatat(a_fd, a, &one, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_fd, b, &two, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino;
}

/** What the entry of another name says of the file is said of all its names. */
static result link_looks(const struct place *place, const struct tar_entry *entry, const char *name,
			 const struct stat *info, struct error *err)
{
	struct looks looks = place_looks(entry);

	looks.mode = (info->st_mode & S_IFMT) | (entry->mode & 07777);
	looks.attributes = NULL;
	return looks_give_at(place->parent_fd, name, &looks, err);
}

static result link_make(struct place *place, int dir_fd, const char *target, const char *name,
			struct error *err)
{
	if (is_same_file(dir_fd, target, place->parent_fd, name) ||
	    linkat(dir_fd, target, place->parent_fd, name, 0) == 0)
		return OK;
	if (errno != EEXIST)
		return fail_sys(err, "link");
	if (place_clear(place, name, err))
		return FAILED;
	if (linkat(dir_fd, target, place->parent_fd, name, 0) < 0)
		return fail(err, FAULT_INPUT, "stands in the way of its target");
	return OK;
}

result place_link(struct place *place, const struct tar_entry *entry, const char *name,
		  struct error *err)
{
	owned(buf) struct buf path = {};
	owned(fd) int dir_fd = -1;
	struct stat info;
	const char *target = NULL;

	if (files_drain(place->files, err) ||
	    target_open(place, entry->link, &dir_fd, &path, &target, err))
		return FAILED;
	if (fstatat(dir_fd, target, &info, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(&info))
		return fail(err, FAULT_INPUT, "its target is not in this layer");
	if (S_ISDIR(info.st_mode))
		return fail(err, FAULT_INPUT, "its target is a directory");
	if (link_make(place, dir_fd, target, name, err))
		return FAILED;
	return link_looks(place, entry, name, &info, err);
}
