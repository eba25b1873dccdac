/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/archive.h"

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct archive {
	const struct ctx *ctx;
	struct store *store;
	struct tar_writer *tar;
	struct digest *written; /* blobs that two images share stand there once */
	size_t written_count;
};

static bool archive_first(struct archive *archive, const struct digest *digest)
{
	for (size_t i = 0; i < archive->written_count; i++) {
		if (digest_equal(&archive->written[i], digest))
			return false;
	}
	array_grow(archive->written, archive->written_count);
	archive->written[archive->written_count++] = *digest;
	return true;
}

static result archive_blob(struct archive *archive, const struct descriptor *blob,
			   struct error *err)
{
	char path[16 + DIGEST_HEX_MAX], hex[DIGEST_HEX_MAX];
	owned(fd) int fd = -1;

	if (!archive_first(archive, &blob->digest))
		return OK;
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&blob->digest, hex));
	if (cancel_check(archive->ctx, err) || store_blob(archive->store, blob, &fd, err))
		return FAILED;
	return tar_writer_file(archive->tar, path, fd, blob->size, err);
}

static result archive_manifest(struct archive *archive, const struct descriptor *manifest,
			       struct error *err)
{
	struct descriptor *blobs;
	result status = OK;
	size_t count;

	if (archive_blob(archive, manifest, err) ||
	    manifest_blobs(archive->store, manifest, &blobs, &count, err))
		return FAILED;
	for (size_t i = 0; i < count && !status; i++)
		status = archive_blob(archive, &blobs[i], err);
	free(blobs);
	return status;
}

/** index.json: one entry a name; without names, one entry. */
static result archive_names(struct archive *archive, const struct descriptor *at,
			    const struct strings *names, struct error *err)
{
	owned(json) json_t *json = json_object();
	owned(str) char *text = NULL;
	json_t *manifests = json_array();
	char digest[DIGEST_TEXT_MAX], name[REFERENCE_TEXT_MAX];

	json_object_set_new(json, "schemaVersion", json_integer(2));
	json_object_set_new(json, "mediaType", json_string(media_text(MEDIA_INDEX, false)));
	json_object_set_new(json, "manifests", manifests);
	for (size_t i = 0; i < (names->count ? names->count : 1); i++) {
		json_t *entry = json_object(), *notes;
		struct reference ref;

		json_array_append_new(manifests, entry);
		json_object_set_new(entry, "mediaType",
				    json_string(media_text(at->media, at->is_docker)));
		json_object_set_new(entry, "digest", json_string(digest_text(&at->digest, digest)));
		json_object_set_new(entry, "size", json_integer((json_int_t)at->size));
		if (!names->count)
			continue;
		if (reference_parse(names->items[i], &ref, err))
			return FAILED;
		notes = json_object();
		json_object_set_new(entry, "annotations", notes);
		json_object_set_new(notes, "io.containerd.image.name",
				    json_string(reference_text(&ref, name)));
		json_object_set_new(notes, "org.opencontainers.image.ref.name",
				    json_string(ref.tag));
	}
	text = json_text(json, false);
	return tar_writer_bytes(archive->tar, "index.json", text, strlen(text), err);
}

static result archive_write(struct archive *archive, const struct descriptor *at,
			    const struct strings *names, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	owned(index) struct index index = {};

	if (index_read(archive->store, at, &index, err) ||
	    tar_writer_directory(archive->tar, "blobs", err) ||
	    tar_writer_directory(archive->tar, "blobs/sha256", err))
		return FAILED;
	for (size_t i = 0; i < index.count; i++) {
		if (archive_manifest(archive, &index.manifests[i], err))
			return FAILED;
	}
	if (archive_blob(archive, at, err) || archive_names(archive, at, names, err) ||
	    tar_writer_bytes(archive->tar, "oci-layout", layout, strlen(layout), err))
		return FAILED;
	return tar_writer_finish(archive->tar, err);
}

static result archive_to(const struct ctx *ctx, struct store *store, const struct descriptor *at,
			 const struct strings *names, int fd, struct error *err)
{
	struct archive archive = { .ctx = ctx, .store = store, .tar = tar_writer_new(fd) };
	result status = archive_write(&archive, at, names, err);

	tar_writer_drop(&archive.tar);
	free(archive.written);
	return status;
}

result archive_export(const struct ctx *ctx, struct store *store, const struct descriptor *at,
		      const struct strings *names, const char *dest, struct error *err)
{
	owned(str) char *beside = xasprintf("%s.new-%d", dest, (int)getpid());
	owned(fd) int fd = -1;

	if (strcmp(dest, "-") == 0)
		return archive_to(ctx, store, at, names, STDOUT_FILENO, err);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_sys(err, "create %s", dest);
	if (archive_to(ctx, store, at, names, fd, err)) {
		unlink(beside);
		return fail_in(err, "%s", dest);
	}
	if (fsync(fd) < 0 || rename(beside, dest) < 0) {
		(void)fail_sys(err, "write %s", dest);
		unlink(beside);
		return FAILED;
	}
	return OK;
}
