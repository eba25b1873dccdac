/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/layers.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/workdir.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

void layer_path(const char *root, const struct digest *diff_id, struct buf *path)
{
	char hex[DIGEST_HEX_MAX];

	buf_printf(path, "%s/layers/%s", root, digest_hex(diff_id, hex));
}

/* ---- directories that no disk may have yet ---- */

/** On a directory that was not synced: the boot in which it was made, and is whole. */
static const char boot_attribute[] = "user.mpemu.boot";

enum { BOOT_SIZE = 36 };

static bool boot_read(char out[BOOT_SIZE])
{
	owned(fd) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, out, BOOT_SIZE) == BOOT_SIZE;
}

/** A file system without attributes has nowhere to note it, and is trusted. */
static void boot_note(const char *path)
{
	char boot[BOOT_SIZE];

	if (boot_read(boot))
		(void)!setxattr(path, boot_attribute, boot, sizeof(boot), 0);
}

/** Whether the machine was started since the directory was made: a lost part shows nowhere. */
static bool is_doubtful(int fd)
{
	char noted[BOOT_SIZE], now[BOOT_SIZE];

	return fgetxattr(fd, boot_attribute, noted, sizeof(noted)) >= 0 &&
	       (!boot_read(now) || memcmp(noted, now, sizeof(now)) != 0);
}

/** One in doubt is removed under a lock, since another process may have made it again by now. */
bool layer_is_whole(const char *root, const char *path)
{
	owned(str) char *parent = xasprintf("%s/layers", root);
	owned(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), lock = -1;
	struct error ignored = {};

	if (fd < 0 || !is_doubtful(fd))
		return fd >= 0;
	fd_drop(&fd);
	lock = open_dirs(AT_FDCWD, parent, 0700);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return false;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !is_doubtful(fd))
		return fd >= 0;
	(void)workdir_discard(root, "layers", strrchr(path, '/') + 1, &ignored);
	return false;
}

/* ---- layers ---- */

static bool is_empty(const char *path)
{
	owned(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char entries[256];
	long got = fd < 0 ? -1 : syscall(SYS_getdents64, fd, entries, sizeof(entries));

	/* "." and "..", 24 bytes each. */
	return got >= 0 && got <= 48;
}

static result rename_to_layer(const char *root, const struct digest *diff_id, const char *from,
			      struct error *err)
{
	owned(str) char *parent = xasprintf("%s/layers", root);
	owned(fd) int parent_fd = open_dirs(AT_FDCWD, parent, 0700);
	owned(buf) struct buf path = {};

	if (parent_fd < 0)
		return fail_sys(err, "create %s", parent);
	layer_path(root, diff_id, &path);
	if (renameat2(AT_FDCWD, from, AT_FDCWD, buf_text(&path), RENAME_NOREPLACE) == 0)
		return OK;
	/* Another empty one would be no better, and somebody may be about to use this. */
	if (errno == EEXIST && is_empty(from))
		return OK;
	if (rename(from, buf_text(&path)) == 0)
		return OK;
	/* Not empty: it is there already, made by somebody else from the same bytes. */
	if (errno == ENOTEMPTY || errno == EEXIST)
		return OK;
	return fail_sys(err, "rename %s to %s", from, buf_text(&path));
}

result layer_adopt(const char *root, const struct digest *diff_id, const char *from,
		   struct error *err)
{
	boot_note(from);
	return rename_to_layer(root, diff_id, from, err);
}

static result check_digests(const struct layer *layer, const struct layer_info *info,
			    struct error *err)
{
	char want[DIGEST_TEXT_MAX], got[DIGEST_TEXT_MAX];

	if (!digest_equal(&layer->blob.digest, &info->blob))
		return fail(err, FAULT_INTEGRITY,
			    "blob %s: content is %s; remove the image and pull or build it again",
			    digest_text(&layer->blob.digest, want), digest_text(&info->blob, got));
	if (!digest_equal(&layer->diff_id, &info->diff_id))
		return fail(err, FAULT_INTEGRITY, "layer %s: unpacked content is %s",
			    digest_text(&layer->diff_id, want), digest_text(&info->diff_id, got));
	return OK;
}

/** Directories without an entry look as they do below. */
static result looks_inherit(const struct strings *implicit, int below, int into, struct error *err)
{
	for (size_t i = 0; below >= 0 && i < implicit->count; i++) {
		owned(fd) int from = open_in_root(below, implicit->items[i],
						  O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		owned(fd) int to = open_in_root(into, implicit->items[i],
						O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
		struct stat status;

		if (from < 0 || to < 0 || fstat(from, &status) < 0)
			continue;
		times[1] = status.st_mtim;
		if (fchown(to, status.st_uid, status.st_gid) < 0 ||
		    fchmod(to, status.st_mode & 07777) < 0 || futimens(to, times) < 0)
			return fail_sys(err, "set owner of %s", implicit->items[i]);
	}
	return OK;
}

/** Where a layer that depends on what is below is kept. */
static struct digest stack_key(const struct digest *diff_id, const struct strings *lowers)
{
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu layer on a stack 1");
	hasher_add(hasher, diff_id->bytes, sizeof(diff_id->bytes));
	for (size_t i = 0; i < lowers->count; i++)
		hasher_add_str(hasher, strrchr(lowers->items[i], '/'));
	return hasher_finish(hasher);
}

/** The directory if it is there: the layer's own, or the one for this stack. */
static bool layer_find(const char *root, const struct layer *layer, const struct strings *lowers,
		       struct buf *path)
{
	struct digest key = stack_key(&layer->diff_id, lowers);

	layer_path(root, &layer->diff_id, path);
	if (layer_is_whole(root, buf_text(path)))
		return true;
	buf_clear(path);
	layer_path(root, &key, path);
	return layer_is_whole(root, buf_text(path));
}

static result layer_make(const struct ctx *ctx, struct store *store, const char *root,
			 const struct layer *layer, const struct strings *lowers,
			 struct digest *name, struct error *err)
{
	owned(workdir) struct workdir *dir = NULL;
	owned(strings) struct strings implicit = {};
	owned(str) char *upper = NULL;
	owned(fd) int blob = -1, into = -1, below = -1;
	struct layer_info info;

	if (store_blob(store, &layer->blob, &blob, err) || workdir_new(root, &dir, err))
		return FAILED;
	upper = xasprintf("%s/upper", workdir_path(dir));
	into = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (into < 0)
		return fail_sys(err, "open %s", upper);
	if (lowers->count && overlay_open((const char *const *)lowers->items, lowers->count, NULL,
					  NULL, &below, err))
		return FAILED;
	if (layer_unpack_part(ctx, blob, into, below, NULL, &implicit, &info, err) ||
	    check_digests(layer, &info, err) || looks_inherit(&implicit, below, into, err))
		return FAILED;
	*name = implicit.count ? stack_key(&layer->diff_id, lowers) : layer->diff_id;
	return rename_to_layer(root, name, upper, err);
}

result layer_prepare(const struct ctx *ctx, struct store *store, const char *root,
		     const struct layer *layer, const struct strings *lowers, struct buf *path,
		     struct error *err)
{
	owned(buf) struct buf found = {};
	struct digest name;

	if (!layer_find(root, layer, lowers, &found)) {
		if (layer_make(ctx, store, root, layer, lowers, &name, err))
			return FAILED;
		buf_clear(&found);
		layer_path(root, &name, &found);
	}
	buf_add(path, found.data, found.length);
	return OK;
}

void lowers_push(struct strings *lowers, const char *path)
{
	struct strings all = {};

	strings_add(&all, path);
	for (size_t i = 0; i < lowers->count; i++) {
		if (strcmp(lowers->items[i], path) != 0)
			strings_add(&all, lowers->items[i]);
	}
	strings_drop(lowers);
	*lowers = all;
}

void layers_known(const char *root, const struct image *image, struct strings *names)
{
	owned(strings) struct strings stack = {};

	for (size_t i = 0; i < image->layer_count; i++) {
		owned(buf) struct buf path = {};

		if (layer_find(root, &image->layers[i], &stack, &path))
			strings_add(names, strrchr(buf_text(&path), '/') + 1);
		lowers_push(&stack, buf_text(&path));
	}
}

result layers_prepare(const struct ctx *ctx, struct store *store, const char *root,
		      const struct image *image, struct strings *lowers, struct error *err)
{
	owned(strings) struct strings stack = {};

	for (size_t i = 0; i < image->layer_count; i++) {
		owned(buf) struct buf path = {};

		if (cancel_check(ctx, err) ||
		    layer_prepare(ctx, store, root, &image->layers[i], &stack, &path, err))
			return fail_in(err, "layer %zu", i + 1);
		lowers_push(&stack, buf_text(&path));
	}
	strings_add_all(lowers, stack.items);
	return OK;
}
