/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An image layout in a directory, read and written in place: blobs are written anew beside their
 * names, index.json last, and who changes it holds the lock that BuildKit uses too.
 */
#include "registry/depot.h"
#include "registry/manifest.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { INDEX_BYTES_MAX = 8 << 20, PIECE = 128 << 10 };

struct layout {
	char *path;
	int dir, lock; /* lock: -1 where it is not held */
};

static const char ref_name[] = "org.opencontainers.image.ref.name";

void layout_drop(struct layout **layout)
{
	if (!*layout)
		return;
	fd_drop(&(*layout)->dir);
	fd_drop(&(*layout)->lock);
	free((*layout)->path);
	free(*layout);
	*layout = NULL;
}

static result layout_make(const char *path, struct error *err)
{
	static const char text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	owned(str) char *blobs = xasprintf("%s/blobs/sha256", path);
	owned(fd) int fd = open_dirs(AT_FDCWD, blobs, 0755);
	owned(fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || dir < 0)
		return fail_sys(err, "create the directory %s", blobs);
	if (faccessat(dir, "oci-layout", F_OK, 0) == 0)
		return OK;
	return file_replace(dir, "oci-layout", text, strlen(text), 0644, err);
}

result layout_open(const char *path, bool writes, struct layout **out, struct error *err)
{
	owned(layout) struct layout *layout = xnew(struct layout);

	layout->lock = -1;
	layout->path = xstrdup(path);
	layout->dir = -1;
	if (writes && layout_make(path, err))
		return FAILED;
	layout->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layout->dir < 0 && errno == ENOENT)
		return fail(err, FAULT_MISSING, "there is no directory %s", path);
	if (layout->dir < 0)
		return fail_sys(err, "open %s", path);
	*out = take(layout);
	return OK;
}

result layout_lock(const struct ctx *ctx, struct layout *layout, struct error *err)
{
	owned(fd) int fd = openat(layout->dir, "index.json.lock",
				  O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_sys(err, "open %s/index.json.lock", layout->path);
	if (lock_await(ctx, fd, LOCK_EX, err))
		return fail_in(err, "%s/index.json.lock", layout->path);
	layout->lock = fd_take(&fd);
	return OK;
}

void layout_unlock(struct layout *layout)
{
	fd_drop(&layout->lock);
}

/* ---- blobs ---- */

static char *blob_path(const struct digest *digest)
{
	char hex[DIGEST_HEX_MAX];

	return xasprintf("blobs/sha256/%s", digest_hex(digest, hex));
}

/** All of `from`, which must be what the descriptor says. */
static result bytes_copy(const struct ctx *ctx, const struct descriptor *blob, int from, int to,
			 struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(str) char *piece = xcalloc(1, PIECE);
	char text[DIGEST_TEXT_MAX];
	struct digest digest;
	uint64_t size = 0;
	ssize_t got;

	while (size <= blob->size && (got = read(from, piece, PIECE)) != 0) {
		if (cancel_check(ctx, err))
			return FAILED;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_sys(err, "read");
		size += (uint64_t)got;
		hasher_add(hasher, piece, (size_t)got);
		if (write_all(to, piece, (size_t)got, err))
			return FAILED;
	}
	digest = hasher_finish(hasher);
	if (size != blob->size || !digest_equal(&digest, &blob->digest))
		return fail(err, FAULT_INTEGRITY, "its content is %s", digest_text(&digest, text));
	return OK;
}

static int blob_open(const struct layout *layout, const struct digest *digest, uint64_t *size)
{
	owned(str) char *path = blob_path(digest);
	owned(fd) int fd = open_in_root(layout->dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return -1;
	if (!S_ISREG(info.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	*size = (uint64_t)info.st_size;
	return fd_take(&fd);
}

result layout_blob(const struct ctx *ctx, struct layout *layout, const struct descriptor *blob,
		   int fd, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	uint64_t size;
	owned(fd) int from = blob_open(layout, &blob->digest, &size);

	if (from < 0)
		return fail(err, FAULT_MISSING, "%s has no blob %s", layout->path,
			    digest_text(&blob->digest, text));
	if (bytes_copy(ctx, blob, from, fd, err))
		return fail_in(err, "%s: blob %s", layout->path, digest_text(&blob->digest, text));
	return OK;
}

static result blob_write(const struct ctx *ctx, struct layout *layout,
			 const struct descriptor *blob, int from, const char *path,
			 const char *beside, struct error *err)
{
	owned(fd) int fd = openat(layout->dir, beside,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_sys(err, "create");
	if (lseek(from, 0, SEEK_SET) < 0)
		return fail_sys(err, "seek");
	if (bytes_copy(ctx, blob, from, fd, err))
		return FAILED;
	if (fsync(fd) < 0 || renameat(layout->dir, beside, layout->dir, path) < 0)
		return fail_sys(err, "write");
	return OK;
}

result layout_put_blob(const struct ctx *ctx, struct layout *layout, const struct descriptor *blob,
		       int fd, struct error *err)
{
	static atomic_uint serial;
	owned(str) char *path = blob_path(&blob->digest);
	owned(str) char *beside =
		xasprintf("%s.new-%d-%u", path, (int)getpid(), atomic_fetch_add(&serial, 1));
	uint64_t size = 0;
	owned(fd) int there = blob_open(layout, &blob->digest, &size);

	if (there >= 0 && size == blob->size)
		return OK;
	if (blob_write(ctx, layout, blob, fd, path, beside, err)) {
		unlinkat(layout->dir, beside, 0);
		return fail_in(err, "%s/%s", layout->path, path);
	}
	return OK;
}

/* ---- names ---- */

/** index.json, or an empty one where there is none. */
static result index_load(const struct layout *layout, json_t **out, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(json) json_t *json = NULL;

	if (faccessat(layout->dir, "index.json", F_OK, 0) < 0 && errno == ENOENT) {
		*out = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
				 media_text(MEDIA_INDEX, false), "manifests");
		return OK;
	}
	if (read_file(layout->dir, "index.json", INDEX_BYTES_MAX, &text, err) ||
	    json_parse(buf_text(&text), text.length, "index.json", &json, err))
		return fail_in(err, "%s", layout->path);
	if (!json_is_array(json_object_get(json, "manifests")))
		return fail(err, FAULT_INPUT, "%s/index.json: no list of manifests", layout->path);
	*out = take(json);
	return OK;
}

static bool is_named(const json_t *entry, const char *tag)
{
	const json_t *notes = json_object_get(entry, "annotations");
	const char *name = json_string_value(json_object_get(notes, ref_name));

	return name && strcmp(name, tag) == 0;
}

/** Whether an entry, one of `count`, is what a name means: see depot_manifest(). */
static bool is_meant(const json_t *entry, const char *name, size_t count)
{
	const char *digest = json_string_value(json_object_get(entry, "digest"));

	if (starts_with(name, "sha256:"))
		return digest && strcmp(digest, name) == 0;
	return *name ? is_named(entry, name) : count == 1 || is_named(entry, "latest");
}

/** The entry of index.json that a name means; false where there is none. */
static result entry_find(const struct layout *layout, const char *name, bool *is_there,
			 struct descriptor *out, struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at root, list;
	size_t count;

	*is_there = false;
	if (index_load(layout, &json, err))
		return FAILED;
	root = json_root(json, "index.json");
	if (json_get(&root, "manifests", &list, err) ||
	    json_length(&list, INDEX_ENTRIES_MAX, &count, err))
		return fail_in(err, "%s", layout->path);
	for (size_t i = 0; i < count && !*is_there; i++) {
		struct json_at entry = json_element(&list, i);

		*is_there = is_meant(entry.value, name, count);
		if (*is_there && descriptor_read(&entry, out, err))
			return fail_in(err, "%s", layout->path);
		out->annotations = NULL; /* they go with the document */
	}
	return OK;
}

/** What a name means, by its entry, else by a digest alone, of which nothing else is known. */
static result name_find(const struct layout *layout, const char *name, struct descriptor *out,
			struct error *err)
{
	bool is_there;

	if (entry_find(layout, name, &is_there, out, err))
		return FAILED;
	if (is_there)
		return OK;
	if (starts_with(name, "sha256:"))
		return digest_parse(name, &out->digest, err);
	return fail(err, FAULT_MISSING, "%s has nothing named %s", layout->path,
		    *name ? name : "latest");
}

result layout_manifest(struct layout *layout, const char *name, struct buf *body,
		       struct descriptor *out, struct error *err)
{
	struct descriptor found = {};
	owned(buf) struct buf text = {};
	owned(json) json_t *json = NULL;
	owned(fd) int fd = -1;
	struct digest got;
	uint64_t size;

	if (name_find(layout, name, &found, err))
		return FAILED;
	fd = blob_open(layout, &found.digest, &size);
	if (fd < 0)
		return fail(err, FAULT_MISSING, "%s has no manifest %s", layout->path, name);
	if (read_all(fd, MANIFEST_BYTES_MAX, &text, err))
		return fail_in(err, "%s: manifest %s", layout->path, name);
	got = digest_of(buf_text(&text), text.length);
	if (!digest_equal(&got, &found.digest))
		return fail(err, FAULT_INTEGRITY, "%s: manifest %s has other content", layout->path,
			    name);
	if (found.media == MEDIA_UNKNOWN && document_parse(buf_text(&text), text.length, "manifest",
							   MEDIA_UNKNOWN, &json, &found.media, err))
		return fail_in(err, "%s", layout->path);
	found.size = text.length;
	buf_add(body, buf_text(&text), text.length);
	*out = found;
	return OK;
}

static void tag_set(json_t *list, const char *tag, const struct descriptor *target)
{
	json_t *entry = descriptor_json(target);

	for (size_t i = json_array_size(list); i-- > 0;) {
		if (is_named(json_array_get(list, i), tag))
			json_array_remove(list, i);
	}
	json_object_set_new(entry, "annotations", json_pack("{s:s}", ref_name, tag));
	json_array_append_new(list, entry);
}

static result manifest_write(const struct layout *layout, const struct descriptor *target,
			     const struct buf *body, struct error *err)
{
	owned(str) char *path = blob_path(&target->digest);

	return file_replace(layout->dir, path, buf_text(body), body->length, 0644, err);
}

result layout_put_manifest(const struct ctx *ctx, struct layout *layout, const char *tag,
			   const struct buf *body, struct error *err)
{
	const struct descriptor target = {
		.media = MEDIA_MANIFEST,
		.size = body->length,
		.digest = digest_of(body->data, body->length),
	};
	owned(json) json_t *json = NULL;
	owned(str) char *text = NULL;

	if (cancel_check(ctx, err) || index_load(layout, &json, err))
		return FAILED;
	tag_set(json_object_get(json, "manifests"), tag, &target);
	text = json_text(json, false);
	if (manifest_write(layout, &target, body, err) ||
	    file_replace(layout->dir, "index.json", text, strlen(text), 0644, err))
		return fail_in(err, "%s", layout->path);
	return OK;
}
