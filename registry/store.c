/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The blobs of an OCI layout.
 *
 *     ROOT/oci/oci-layout, index.json      as the image-spec has them; index.json is in names.c
 *     ROOT/oci/blobs/sha256/<hex>          complete, fsynced, never changed
 *     ROOT/oci/ingest/<pid>-<serial>       being written, locked by its writer
 *     ROOT/oci/index.lock                  held while index.json changes
 *     ROOT/oci/use.lock                    held by whoever has the store open, see garbage.c
 *
 * A blob is fsynced before it is renamed, so what has a final name is whole even after a crash. Its
 * directory is not: store_tag() does that once for all blobs of an image, since a blob that nothing
 * names is garbage anyway.  Whoever remembers a digest elsewhere asks store_has() before relying on
 * it.
 */
#include "registry/store.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { LAYOUT_BYTES_MAX = 4 << 10, WRITER_TRIES = 64, WRITER_NAME_MAX = 48 };

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

int plain_open(int dir_fd, const char *name, uint64_t *size)
{
	owned(fd) int fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return -1;
	if (!S_ISREG(info.st_mode)) {
		errno = ELOOP;
		return -1;
	}
	*size = (uint64_t)info.st_size;
	return fd_take(&fd);
}

result plain_read(int dir_fd, const char *name, size_t limit, struct buf *out, struct error *err)
{
	uint64_t size;
	owned(fd) int fd = plain_open(dir_fd, name, &size);

	if (fd < 0 && errno == ELOOP)
		return fail(err, FAULT_INTEGRITY, "%s: not a regular file", name);
	if (fd < 0)
		return fail_sys(err, "open %s", name);
	if (size > limit)
		return fail(err, FAULT_INPUT, "%s: larger than %zu bytes", name, limit);
	if (read_all(fd, limit, out, err))
		return fail_in(err, "%s", name);
	return OK;
}

/** The layout's version file: written where it is missing, refused where it is another's. */
static result layout_check(const struct store *store, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(json) json_t *json = NULL;
	struct json_at root;
	const char *version;

	if (faccessat(store->dir, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return file_replace(store->dir, "oci-layout", layout_text, strlen(layout_text),
				    0644, err);
	if (plain_read(store->dir, "oci-layout", LAYOUT_BYTES_MAX, &text, err) ||
	    json_parse(text.data, text.length, "oci-layout", &json, err))
		return FAILED;
	root = json_root(json, "oci-layout");
	if (json_get_string(&root, "imageLayoutVersion", &version, err))
		return FAILED;
	if (strcmp(version, "1.0.0") != 0)
		return fail(err, FAULT_INPUT, "oci-layout: version %.32s, only 1.0.0 is known",
			    version);
	return OK;
}

/**
 * Remove what writers that died left behind.  A living writer holds a lock on its file; one that is
 * between creating and locking sees that its file is gone and makes another.
 */
static void ingest_clean(const struct store *store)
{
	int again = openat(store->ingest, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		uint64_t size;
		owned(fd) int fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		fd = plain_open(store->ingest, entry->d_name, &size);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(store->ingest, entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/** Who could plant blobs or names here owns every build; the digests only guard the blobs. */
static result owner_check(int fd, struct error *err)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return fail_sys(err, "stat");
	/* Where only owners may remove things, ours stay ours: the top of a new tmpfs is so. */
	if ((info.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		return fail(err, FAULT_PRIVILEGE,
			    "everybody may write to it: chmod o-w, or use another --root");
	return OK;
}

/** Somebody else's store, or one on a medium that nobody writes to, is a question of rights. */
int store_open_failed(const char *name, struct error *err)
{
	if (errno != EACCES && errno != EPERM && errno != EROFS)
		return fail_sys(err, "open %s", name);
	return fail(err, FAULT_PRIVILEGE, "open %s: %s: run as its owner, or use another --root",
		    name, strerror(errno));
}

static result store_fill(const struct ctx *ctx, const char *root, struct store *store,
			 struct error *err)
{
	owned(fd) int top = open_dirs(AT_FDCWD, root, 0755);

	if (top < 0 || (store->dir = open_dirs(top, "oci", 0755)) < 0 ||
	    (store->blobs = open_dirs(store->dir, "blobs/sha256", 0755)) < 0 ||
	    (store->ingest = open_dirs(store->dir, "ingest", 0700)) < 0)
		return store_open_failed(root, err);
	if (owner_check(top, err) || owner_check(store->dir, err) || use_share(ctx, store, err) ||
	    layout_check(store, err) || names_prepare(store, err))
		return FAILED;
	ingest_clean(store);
	return OK;
}

result store_open(const struct ctx *ctx, const char *root, struct store **out, struct error *err)
{
	owned(store) struct store *store = xnew(struct store);

	store->dir = store->blobs = store->ingest = store->use = -1;
	store->path = xasprintf("%s/oci", root);
	if (store_fill(ctx, root, store, err))
		return fail_in(err, "store %s", store->path);
	*out = take(store);
	return OK;
}

void store_drop(struct store **store)
{
	if (!*store)
		return;
	fd_drop(&(*store)->use);
	fd_drop(&(*store)->ingest);
	fd_drop(&(*store)->blobs);
	fd_drop(&(*store)->dir);
	free((*store)->path);
	free(*store);
	*store = NULL;
}

/* ---- reading ---- */

result store_blob(struct store *store, const struct descriptor *blob, int *out, struct error *err)
{
	char hex[DIGEST_HEX_MAX], name[DIGEST_TEXT_MAX];
	uint64_t size;
	owned(fd) int fd = plain_open(store->blobs, digest_hex(&blob->digest, hex), &size);

	digest_text(&blob->digest, name);
	if (fd < 0 && errno == ENOENT)
		return fail(err, FAULT_MISSING,
			    "blob %s is missing from the store: pull or build the image again",
			    name);
	if (fd < 0 && errno == ELOOP)
		return fail(err, FAULT_INTEGRITY, "blob %s: not a regular file", name);
	if (fd < 0)
		return fail_sys(err, "blob %s", name);
	if (size != blob->size)
		return fail(err, FAULT_INTEGRITY,
			    "blob %s: has %llu bytes, its descriptor says %llu; run 'mpemu fsck'",
			    name, (unsigned long long)size, (unsigned long long)blob->size);
	*out = fd_take(&fd);
	return OK;
}

result store_read(struct store *store, const struct descriptor *blob, size_t limit, struct buf *out,
		  struct error *err)
{
	char want[DIGEST_TEXT_MAX], got[DIGEST_TEXT_MAX];
	owned(buf) struct buf content = {};
	owned(fd) int fd = -1;
	struct digest digest;

	digest_text(&blob->digest, want);
	if (blob->size > limit)
		return fail(err, FAULT_INPUT, "blob %s: larger than %zu bytes", want, limit);
	if (store_blob(store, blob, &fd, err))
		return FAILED;
	if (read_all(fd, limit, &content, err))
		return fail_in(err, "blob %s", want);
	digest = digest_of(buf_text(&content), content.length);
	if (!digest_equal(&digest, &blob->digest))
		return fail(err, FAULT_INTEGRITY, "blob %s: content is %s", want,
			    digest_text(&digest, got));
	buf_add(out, buf_text(&content), content.length);
	return OK;
}

/** Whether a blob is there, and with `size` bytes unless that is NULL. */
static bool blob_is_there(const struct store *store, const struct digest *digest,
			  const uint64_t *size)
{
	char hex[DIGEST_HEX_MAX];
	struct stat info;

	return fstatat(store->blobs, digest_hex(digest, hex), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(info.st_mode) && (!size || (uint64_t)info.st_size == *size);
}

bool store_has(struct store *store, const struct digest *digest)
{
	return blob_is_there(store, digest, NULL);
}

/* ---- writing ---- */

struct blob_writer {
	struct store *store;
	int fd;
	char name[WRITER_NAME_MAX]; /* in ingest/; "" once it has its final name */
};

/** A new locked file; false with errno 0 where somebody swept it before it was locked. */
static bool writer_try(struct blob_writer *writer)
{
	static atomic_uint serial;
	struct stat info;

	snprintf(writer->name, sizeof(writer->name), "%d-%u", (int)getpid(),
		 atomic_fetch_add(&serial, 1));
	writer->fd = openat(writer->store->ingest, writer->name,
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (writer->fd < 0)
		return false;
	if (flock(writer->fd, LOCK_EX | LOCK_NB) == 0 && fstat(writer->fd, &info) == 0 &&
	    info.st_nlink > 0)
		return true;
	fd_drop(&writer->fd);
	errno = EEXIST;
	return false;
}

result blob_writer_new(struct store *store, struct blob_writer **out, struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = xnew(struct blob_writer);

	writer->store = store;
	writer->fd = -1;
	/* EEXIST: left by a process of an earlier boot with our pid, or swept; the next one. */
	for (int tries = 0; !writer_try(writer); tries++) {
		writer->name[0] = '\0';
		if (errno != EEXIST || tries == WRITER_TRIES)
			return fail_sys(err, "store %s: create a blob", store->path);
	}
	*out = take(writer);
	return OK;
}

void blob_writer_drop(struct blob_writer **writer)
{
	if (!*writer)
		return;
	if ((*writer)->name[0])
		unlinkat((*writer)->store->ingest, (*writer)->name, 0);
	fd_drop(&(*writer)->fd);
	free(*writer);
	*writer = NULL;
}

int blob_writer_fd(const struct blob_writer *writer)
{
	return writer->fd;
}

result blob_writer_commit(struct blob_writer *ended, const struct digest *digest, struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = ended;
	const struct store *store = writer->store;
	char hex[DIGEST_HEX_MAX];
	struct stat info;
	uint64_t size;

	digest_hex(digest, hex);
	if (fstat(writer->fd, &info) < 0)
		return fail_sys(err, "store %s: blob %s", store->path, hex);
	/* A blob of another size than its content has is damaged: it is replaced. */
	size = (uint64_t)info.st_size;
	if (blob_is_there(store, digest, &size))
		return OK;
	if (fsync(writer->fd) < 0 || renameat(store->ingest, writer->name, store->blobs, hex) < 0)
		return fail_sys(err, "store %s: write blob sha256:%s", store->path, hex);
	writer->name[0] = '\0';
	return OK;
}

result store_put(struct store *store, enum media media, const void *data, size_t length,
		 struct descriptor *out, struct error *err)
{
	struct descriptor put = { .media = media, .size = length };

	put.digest = digest_of(data, length);
	if (!blob_is_there(store, &put.digest, &put.size)) {
		owned(blob_writer) struct blob_writer *writer = NULL;

		if (blob_writer_new(store, &writer, err))
			return FAILED;
		if (write_all(writer->fd, data, length, err))
			return fail_in(err, "store %s", store->path);
		if (blob_writer_commit(take(writer), &put.digest, err))
			return FAILED;
	}
	*out = put;
	return OK;
}
