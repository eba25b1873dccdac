/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Archives that ADD unpacks: any tar that people have, into a directory that may hold something.
 *
 * Unlike a layer's, its names may be absolute, "." is no entry, and nothing in it is a whiteout.
 */
#include "sandbox/place.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct layer_limits default_limits = { .bytes = 64ULL << 30, .entries = 4 << 20 };

/** Headers and padding that an entry may have; more is a bomb. */
enum { ENTRY_OVERHEAD = 4096, ARCHIVE_OVERHEAD = 1 << 20 };

struct extract {
	const struct ctx *ctx;
	const struct archive_options *options;
	struct layer_limits limits, used;
	struct tar *tar;
	struct place *place;
	struct buf path;
};

static void extract_drop(struct extract *extract)
{
	place_drop(&extract->place);
	tar_drop(&extract->tar);
	buf_drop(&extract->path);
}

bool archive_looks_like_one(int fd)
{
	owned(tar) struct tar *tar = NULL;
	struct tar_entry entry = {};
	struct error ignored = {};

	if (lseek(fd, 0, SEEK_SET) < 0)
		return false;
	tar = tar_new_packed(fd);
	return !tar_next(tar, &entry, &ignored) && entry.path;
}

/** "/usr/./lib/" becomes "usr/lib"; a ".." that leads out is refused. */
static result path_clean(const char *path, struct buf *out, struct error *err)
{
	buf_clear(out);
	buf_add_str(out, "");
	for (size_t length; *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		if (length == 0 || (length == 1 && path[0] == '.'))
			continue;
		if (length == 2 && path[0] == '.' && path[1] == '.') {
			const char *cut = memrchr(buf_text(out), '/', out->length);

			if (out->length == 0)
				return fail(err, FAULT_INPUT, "climbs out of the destination");
			out->length = cut ? (size_t)(cut - out->data) : 0;
			out->data[out->length] = '\0';
			continue;
		}
		if (out->length)
			buf_add_char(out, '/');
		buf_add(out, path, length);
	}
	return OK;
}

static result entry_count(struct extract *extract, const struct tar_entry *entry, struct error *err)
{
	struct layer_limits *used = &extract->used;
	bool has_content = S_ISREG(entry->mode) && !entry->is_hard_link;

	if (++used->entries > extract->limits.entries)
		return fail(err, FAULT_INPUT, "archive has more than %llu entries",
			    (unsigned long long)extract->limits.entries);
	if ((has_content && entry->size > extract->limits.bytes - used->bytes) ||
	    tar_position(extract->tar) >
		    extract->limits.bytes + used->entries * ENTRY_OVERHEAD + ARCHIVE_OVERHEAD)
		return fail(err, FAULT_INPUT, "archive exceeds %llu bytes",
			    (unsigned long long)extract->limits.bytes);
	used->bytes += has_content ? entry->size : 0;
	return OK;
}

/** A hard link's target is named as entries are. */
static result entry_extract(struct extract *extract, struct tar_entry *entry, struct error *err)
{
	owned(buf) struct buf link = {};

	if (path_clean(entry->path, &extract->path, err) ||
	    (entry->is_hard_link && path_clean(entry->link, &link, err)))
		return fail_in(err, "archive entry '%s'", entry->path);
	if (!extract->path.length)
		return OK;
	/* As other builders: there was nothing before 1970. */
	if (entry->mtime.tv_sec < 0)
		entry->mtime = (struct timespec){};
	if (entry->is_hard_link)
		entry->link = buf_text(&link);
	if (extract->options->has_owner) {
		entry->uid = extract->options->uid;
		entry->gid = extract->options->gid;
	}
	return place_entry(extract->place, extract->tar, entry, extract->path.data, err);
}

static result extract_all(struct extract *extract, struct error *err)
{
	struct tar_entry entry = {};

	for (;;) {
		if (cancel_check(extract->ctx, err) || tar_next(extract->tar, &entry, err))
			return FAILED;
		if (!entry.path)
			return place_finish(extract->place, err);
		if (entry_count(extract, &entry, err) || entry_extract(extract, &entry, err))
			return FAILED;
	}
}

result archive_unpack(const struct ctx *ctx, int fd, int into_fd,
		      const struct archive_options *options, struct error *err)
{
	owned(extract) struct extract extract = {
		.ctx = ctx,
		.options = options,
		.limits = default_limits,
	};

	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_sys(err, "read archive");
	if (options->limits.bytes && options->limits.bytes < default_limits.bytes)
		extract.limits.bytes = options->limits.bytes;
	if (options->limits.entries && options->limits.entries < default_limits.entries)
		extract.limits.entries = options->limits.entries;
	extract.tar = tar_new_packed(fd);
	extract.place = place_new(ctx, into_fd, -1, CLIMBING_ROOTED);
	return extract_all(&extract, err);
}
