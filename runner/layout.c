/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/layout.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INDEX_SIZE_MAX = 8 << 20, COPY_SIZE = 128 << 10 };

/** A layout and what is wanted of it. */
struct layout {
	const struct ctx *ctx;
	struct store *store;
	int fd;
	char *path, *tag; /* tag: or NULL */
	struct digest digest;
	bool pinned;
};

static void layout_close(struct layout *layout)
{
	fd_drop(&layout->fd);
	free(layout->path);
	free(layout->tag);
}

static bool is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/** A path may hold a colon itself: what is there as a directory is no tag. */
static result layout_open(const char *name, struct layout *layout, struct error *err)
{
	char *at, *colon;

	layout->path = xstrdup(name + strlen(LAYOUT_SCHEME));
	at = strrchr(layout->path, '@');
	if (at && starts_with(at, "@sha256:")) {
		*at = '\0';
		layout->pinned = true;
		if (digest_parse(at + 1, &layout->digest, err))
			return FAILED;
	}
	colon = strrchr(layout->path, ':');
	if (colon && !strchr(colon, '/') && !is_directory(layout->path)) {
		*colon = '\0';
		layout->tag = xstrdup(colon + 1);
	}
	layout->fd = open(layout->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layout->fd < 0)
		return fail_sys(err, "open OCI layout %s", layout->path);
	return OK;
}

static result copy_bytes(const struct layout *layout, int from, int to, uint64_t size,
			 struct digest *out, struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char *buffer = xcalloc(COPY_SIZE, 1);
	result status = OK;
	ssize_t got = 0;
	uint64_t total = 0;

	while (!status && total <= size && (got = read(from, buffer, COPY_SIZE)) > 0) {
		total += (uint64_t)got;
		hasher_add(hasher, buffer, (size_t)got);
		if (cancel_check(layout->ctx, err) || write_all(to, buffer, (size_t)got, err))
			status = FAILED;
	}
	free(buffer);
	if (got < 0)
		return fail_sys(err, "read");
	*out = hasher_finish(hasher);
	return status;
}

static result blob_copy(const struct layout *layout, const struct descriptor *blob,
			struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = NULL;
	char hex[DIGEST_HEX_MAX], text[DIGEST_TEXT_MAX];
	owned(str) char *path = xasprintf("blobs/sha256/%s", digest_hex(&blob->digest, hex));
	owned(fd) int fd = -1;
	struct digest digest;

	if (store_has(layout->store, &blob->digest))
		return OK;
	fd = open_in_root(layout->fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, FAULT_MISSING, "OCI layout %s has no blob %s", layout->path,
			    digest_text(&blob->digest, text));
	if (blob_writer_new(layout->store, &writer, err) ||
	    copy_bytes(layout, fd, blob_writer_fd(writer), blob->size, &digest, err))
		return fail_in(err, "OCI layout %s: blob %s", layout->path, hex);
	if (!digest_equal(&digest, &blob->digest))
		return fail(err, FAULT_INTEGRITY, "OCI layout %s: blob %s has other content",
			    layout->path, digest_text(&blob->digest, text));
	return blob_writer_commit(take(writer), &blob->digest, err);
}

static result entry_read(const struct json_at *at, struct descriptor *out, struct error *err)
{
	const char *media, *digest;
	bool is_docker;

	if (json_get_string(at, "mediaType", &media, err) ||
	    json_get_string(at, "digest", &digest, err) ||
	    digest_parse(digest, &out->digest, err) ||
	    json_get_number(at, "size", 1ull << 50, &out->size, err))
		return FAILED;
	out->media = media_parse(media, &is_docker);
	out->is_docker = is_docker;
	return OK;
}

static const char *entry_tag(const struct json_at *at)
{
	return json_string_value(json_object_get(json_object_get(at->value, "annotations"),
						 "org.opencontainers.image.ref.name"));
}

static bool entry_serves(const struct layout *layout, const struct json_at *at,
			 const struct descriptor *entry, size_t count)
{
	const char *tag = entry_tag(at);

	if (layout->pinned)
		return digest_equal(&entry->digest, &layout->digest);
	if (layout->tag)
		return tag && strcmp(tag, layout->tag) == 0;
	return count == 1 || (tag && strcmp(tag, "latest") == 0);
}

/** The entry of index.json that the name means. */
static result entry_find(const struct layout *layout, struct descriptor *out, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(json) json_t *json = NULL;
	struct json_at root, list;
	size_t count;

	if (read_file(layout->fd, "index.json", INDEX_SIZE_MAX, &text, err) ||
	    json_parse(buf_text(&text), text.length, "index.json", &json, err))
		return FAILED;
	root = json_root(json, "index.json");
	if (json_get(&root, "manifests", &list, err) || json_length(&list, 10000, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		struct json_at at = json_element(&list, i);
		struct descriptor entry = {};

		if (entry_read(&at, &entry, err))
			return FAILED;
		if (entry_serves(layout, &at, &entry, count)) {
			*out = entry;
			return OK;
		}
	}
	return fail(err, FAULT_MISSING, "it has no %s%s",
		    layout->pinned ? "image of that digest" : "image named ",
		    layout->pinned ? ""
		    : layout->tag  ? layout->tag
				   : "latest");
}

/** A manifest with all that it points to. */
static result manifest_copy(const struct layout *layout, const struct descriptor *manifest,
			    struct error *err)
{
	struct descriptor *blobs = NULL;
	size_t count = 0;
	result status = OK;

	if (blob_copy(layout, manifest, err) ||
	    manifest_blobs(layout->store, manifest, &blobs, &count, err))
		return FAILED;
	for (size_t i = 0; !status && i < count; i++)
		status = blob_copy(layout, &blobs[i], err);
	free(blobs);
	return status;
}

static result layout_take(const struct layout *layout, const struct platform *platform,
			  struct descriptor *out, struct error *err)
{
	owned(index) struct index index = {};
	struct descriptor entry = {}, manifest;

	if (entry_find(layout, &entry, err))
		return fail_in(err, "OCI layout %s", layout->path);
	if (entry.media == MEDIA_MANIFEST) {
		if (manifest_copy(layout, &entry, err))
			return FAILED;
	} else if (blob_copy(layout, &entry, err)) {
		return FAILED;
	}
	if (index_read(layout->store, &entry, &index, err) ||
	    index_choose_base(&index, platform, &manifest, err) ||
	    manifest_copy(layout, &manifest, err))
		return fail_in(err, "OCI layout %s", layout->path);
	manifest.annotations = NULL;
	*out = manifest;
	return OK;
}

result layout_import(const struct ctx *ctx, struct store *store, const char *name,
		     const struct platform *platform, struct descriptor *out, struct error *err)
{
	struct layout layout = { .ctx = ctx, .store = store, .fd = -1 };
	result status = FAILED;

	if (!layout_open(name, &layout, err))
		status = layout_take(&layout, platform, out, err);
	layout_close(&layout);
	return status;
}
