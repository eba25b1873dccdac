/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/archive.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct archive {
	const struct ctx *ctx;
	struct store *store;
	const struct layout_options *options;
	struct tar_writer *tar; /* or NULL, and */
	int dir;                /* the directory */
	struct digest *written; /* blobs that two images share stand there once */
	size_t written_count;
};

/* ---- a tar, or a directory ---- */

static result put_directory(struct archive *archive, const char *path, struct error *err)
{
	owned(fd) int fd = -1;

	if (archive->tar)
		return tar_writer_directory(archive->tar, path, err);
	fd = open_dirs(archive->dir, path, 0755);
	return fd < 0 ? (result)fail_sys(err, "create %s", path) : OK;
}

static result put_bytes(struct archive *archive, const char *path, const char *text,
			struct error *err)
{
	if (archive->tar)
		return tar_writer_bytes(archive->tar, path, text, strlen(text), err);
	return file_replace(archive->dir, path, text, strlen(text), 0644, err);
}

static result file_fill(int from, int to, struct error *err)
{
	char block[1 << 16];

	for (;;) {
		ssize_t length = read(from, block, sizeof(block));

		if (length < 0)
			return fail_sys(err, "read");
		if (length == 0)
			return fsync(to) < 0 ? (result)fail_sys(err, "fsync") : OK;
		if (write_all(to, block, (size_t)length, err))
			return FAILED;
	}
}

static result put_file(struct archive *archive, const char *path, int from, uint64_t size,
		       struct error *err)
{
	owned(str) char *beside = NULL;
	owned(fd) int fd = -1;
	struct stat info;

	if (archive->tar)
		return tar_writer_file(archive->tar, path, from, size, err);
	if (fstatat(archive->dir, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
	    (uint64_t)info.st_size == size)
		return OK;
	fd = file_beside(archive->dir, path, 0644, &beside);
	if (fd < 0)
		return fail_sys(err, "create %s", path);
	if (!file_fill(from, fd, err)) {
		if (renameat(archive->dir, beside, archive->dir, path) == 0)
			return OK;
		(void)fail_sys(err, "rename");
	}
	unlinkat(archive->dir, beside, 0);
	return fail_in(err, "%s", path);
}

/* ---- blobs ---- */

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
	if (cancel_check(archive->ctx, err) ||
	    store_blob_whole(archive->ctx, archive->store, blob, &fd, err))
		return FAILED;
	return put_file(archive, path, fd, blob->size, err);
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
		notes = json_object();
		json_object_update_missing(notes, (json_t *)archive->options->annotations);
		if (names->count || json_object_size(notes))
			json_object_set_new(entry, "annotations", notes);
		else
			json_decref(notes);
		if (!names->count)
			continue;
		if (reference_parse(names->items[i], &ref, err))
			return FAILED;
		json_object_set_new(notes, "io.containerd.image.name",
				    json_string(reference_text(&ref, name)));
		json_object_set_new(notes, "org.opencontainers.image.ref.name",
				    json_string(ref.tag));
	}
	text = json_text(json, false);
	return put_bytes(archive, "index.json", text, err);
}

/* ---- docker ---- */

static size_t docker_first(const struct index *index)
{
	struct platform host = platform_host();

	for (size_t i = 0; i < index->count; i++) {
		if (platform_equal(&index->manifests[i].platform, &host))
			return i;
	}
	return 0;
}

static result docker_tags(const struct index *index, size_t at, const struct strings *names,
			  json_t *tags, struct error *err)
{
	char platform[PLATFORM_TEXT_MAX];

	platform_text(&index->manifests[at].platform, platform);
	for (char *slash = platform; (slash = strchr(slash, '/'));)
		*slash = '-';
	for (size_t i = 0; i < names->count; i++) {
		struct reference ref;
		char text[REFERENCE_TEXT_MAX];
		owned(str) char *suffixed = NULL;

		if (reference_parse(names->items[i], &ref, err))
			return FAILED;
		reference_text(&ref, text);
		suffixed = xasprintf("%s-%s", text, platform);
		if (at == docker_first(index))
			json_array_append_new(tags, json_string(text));
		if (index->count > 1)
			json_array_append_new(tags, json_string(suffixed));
	}
	return OK;
}

static result docker_entry(struct archive *archive, const struct index *index, size_t at,
			   const struct strings *names, json_t *list, struct error *err)
{
	json_t *layers = json_array(), *tags = json_array();
	json_t *entry = json_pack("{s:o, s:o}", "RepoTags", tags, "Layers", layers);
	struct descriptor *blobs;
	size_t count;

	json_array_append_new(list, entry);
	if (docker_tags(index, at, names, tags, err) ||
	    manifest_blobs(archive->store, &index->manifests[at], &blobs, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		char hex[DIGEST_HEX_MAX];
		owned(str) char *path =
			xasprintf("blobs/sha256/%s", digest_hex(&blobs[i].digest, hex));

		if (i == 0)
			json_object_set_new(entry, "Config", json_string(path));
		else
			json_array_append_new(layers, json_string(path));
	}
	free(blobs);
	return OK;
}

static result docker_manifest(struct archive *archive, const struct index *index,
			      const struct strings *names, struct error *err)
{
	owned(json) json_t *list = json_array();
	owned(str) char *text = NULL;

	for (size_t i = 0; i < index->count; i++) {
		if (descriptor_is_attestation(&index->manifests[i]))
			continue;
		if (docker_entry(archive, index, i, names, list, err))
			return FAILED;
	}
	text = json_text(list, false);
	return put_bytes(archive, "manifest.json", text, err);
}

static result archive_write(struct archive *archive, const struct descriptor *at,
			    const struct strings *names, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	owned(index) struct index index = {};

	if (index_read(archive->store, at, &index, err) || put_directory(archive, "blobs", err) ||
	    put_directory(archive, "blobs/sha256", err))
		return FAILED;
	for (size_t i = 0; i < index.count; i++) {
		if (archive_manifest(archive, &index.manifests[i], err))
			return FAILED;
	}
	if (archive_blob(archive, at, err) ||
	    (archive->options->is_docker && docker_manifest(archive, &index, names, err)) ||
	    put_bytes(archive, "oci-layout", layout, err) || archive_names(archive, at, names, err))
		return FAILED;
	return archive->tar ? tar_writer_finish(archive->tar, err) : OK;
}

static result archive_to(const struct ctx *ctx, struct store *store, const struct descriptor *at,
			 const struct strings *names, int fd, const struct layout_options *options,
			 struct error *err)
{
	struct archive archive = { .ctx = ctx, .store = store, .options = options, .dir = fd };
	result status;

	if (!options->is_directory)
		archive.tar = tar_writer_new(fd);
	status = archive_write(&archive, at, names, err);
	tar_writer_drop(&archive.tar);
	free(archive.written);
	return status;
}

result archive_export(const struct ctx *ctx, struct store *store, const struct descriptor *at,
		      const struct strings *names, const char *dest,
		      const struct layout_options *options, struct error *err)
{
	owned(outfile) struct outfile file = { .fd = -1 };
	owned(fd) int fd = -1;

	if (strcmp(dest, "-") == 0)
		return archive_to(ctx, store, at, names, STDOUT_FILENO, options, err);
	if (options->is_directory) {
		fd = open_dirs(AT_FDCWD, dest, 0755);
		if (fd < 0)
			return fail_sys(err, "create the directory %s", dest);
		return archive_to(ctx, store, at, names, fd, options, err)
			       ? (result)fail_in(err, "%s", dest)
			       : OK;
	}
	if (outfile_open(dest, 0644, &file, err))
		return FAILED;
	if (archive_to(ctx, store, at, names, file.fd, options, err))
		return fail_in(err, "%s", dest);
	return outfile_finish(&file, err);
}
