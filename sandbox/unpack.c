/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A layer blob becomes a directory that overlayfs can stack.
 *
 * Names are cleaned and checked here, files are made in place.c.  A layer is unpacked alone, so a
 * parent that lower layers have is not there: missing parents are made (0755).  What could only be
 * right together with the layers below needs their tree, and is refused without.
 */
#include "sandbox/inroot.h"
#include "sandbox/place.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct layer_limits default_limits = {
	.bytes = 64ULL << 30,
	.entries = 4 << 20,
};

/** Past any disk; sums with it do not overflow. */
#define LIMIT_MAX (1ULL << 60)

/** Headers and padding that the tar of an entry may have; more is a bomb. */
enum { ENTRY_OVERHEAD = 4096, TAR_OVERHEAD = 1 << 20 };

static const char whiteout_prefix[] = ".wh.", opaque_name[] = ".wh..wh..opq";

/** What one entry is about. */
enum meaning {
	MEANS_FILE,
	MEANS_WHITEOUT,
	MEANS_OPAQUE,
	MEANS_NOTHING, /* bookkeeping of aufs, which old images have */
};

/** "./usr//lib/" becomes "usr/lib"; going above the root is refused. */
static result path_clean(const char *path, struct buf *out, struct error *err)
{
	buf_clear(out);
	buf_add_str(out, "");
	if (*path == '/')
		return fail(err, FAULT_INPUT, "climbs out of the root: its name is absolute");
	for (size_t length; *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		if (length == 0 || (length == 1 && path[0] == '.'))
			continue;
		if (length == 2 && path[0] == '.' && path[1] == '.') {
			size_t parent;

			if (out->length == 0)
				return fail(err, FAULT_INPUT, "climbs out of the root");
			path_split(out->data, &parent);
			out->data[out->length = parent] = '\0';
			continue;
		}
		if (out->length)
			buf_add_char(out, '/');
		buf_add(out, path, length);
	}
	return OK;
}

/** Whether a part of the path before its last is a whiteout's name, which is nobody's parent. */
static bool is_below_whiteout(const char *path)
{
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1)
		if (starts_with(path, whiteout_prefix))
			return true;
	return false;
}

/**
 * Tell whiteouts from files.  `path` becomes what is hidden: the file's own path, or for an opaque
 * mark its directory's.
 */
static result path_meaning(struct buf *path, enum meaning *out, struct error *err)
{
	size_t parent, at;
	const char *name = path_split(path->data, &parent);

	*out = MEANS_FILE;
	if (strstr(path->data, ".wh..wh.") && strcmp(name, opaque_name) != 0) {
		*out = MEANS_NOTHING;
		return OK;
	}
	if (is_below_whiteout(path->data))
		return fail(err, FAULT_INPUT, "is below a whiteout");
	if (!starts_with(name, whiteout_prefix))
		return OK;
	if (strcmp(name, opaque_name) == 0) {
		*out = MEANS_OPAQUE;
		path->data[path->length = parent] = '\0';
		return OK;
	}
	name += strlen(whiteout_prefix);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return fail(err, FAULT_INPUT, "is a whiteout of nothing");
	at = (size_t)(name - path->data);
	memmove(path->data + at - strlen(whiteout_prefix), name, path->length - at + 1);
	path->length -= strlen(whiteout_prefix);
	*out = MEANS_WHITEOUT;
	return OK;
}

struct unpack {
	const struct ctx *ctx;
	struct layer_limits limits, used;
	struct source *source;
	struct tar *tar;
	struct place *place;
	struct buf path;
};

static void unpack_drop(struct unpack *unpack)
{
	place_drop(&unpack->place);
	tar_drop(&unpack->tar);
	source_drop(&unpack->source);
	buf_drop(&unpack->path);
}

/** Count an entry against the limits before any of it is made. */
static result entry_count(struct unpack *unpack, const struct tar_entry *entry, struct error *err)
{
	bool has_content = S_ISREG(entry->mode) && !entry->is_hard_link;

	if (++unpack->used.entries > unpack->limits.entries)
		return fail(err, FAULT_INPUT, "layer has more than %llu entries",
			    (unsigned long long)unpack->limits.entries);
	if (has_content && entry->size > unpack->limits.bytes - unpack->used.bytes)
		return fail(err, FAULT_INPUT, "layer entry '%s': layer exceeds %llu bytes",
			    entry->path, (unsigned long long)unpack->limits.bytes);
	unpack->used.bytes += has_content ? entry->size : 0;
	return OK;
}

static result entry_unpack(struct unpack *unpack, const struct tar_entry *entry, struct error *err)
{
	enum meaning meaning;
	result done = OK;

	if (path_clean(entry->path, &unpack->path, err) ||
	    path_meaning(&unpack->path, &meaning, err))
		return fail_in(err, "layer entry '%s'", entry->path);
	switch (meaning) {
	case MEANS_FILE:
		return place_entry(unpack->place, unpack->tar, entry, unpack->path.data, err);
	case MEANS_WHITEOUT:
		done = place_whiteout(unpack->place, unpack->path.data, err);
		break;
	case MEANS_OPAQUE:
		done = place_opaque(unpack->place, unpack->path.data, err);
		break;
	case MEANS_NOTHING:
		break;
	}
	return done ? fail_in(err, "layer entry '%s'", entry->path) : OK;
}

static result unpack_all(struct unpack *unpack, struct error *err)
{
	struct tar_entry entry = {};

	for (;;) {
		if (cancel_check(unpack->ctx, err) || tar_next(unpack->tar, &entry, err))
			return FAILED;
		if (!entry.path)
			return place_finish(unpack->place, err);
		if (entry_count(unpack, &entry, err) || entry_unpack(unpack, &entry, err))
			return FAILED;
	}
}

result layer_unpack_part(const struct ctx *ctx, int blob_fd, int into_fd, int lower_fd,
			 const struct layer_limits *limits, struct strings *implicit,
			 struct layer_info *out, struct error *err)
{
	owned(unpack) struct unpack unpack = { .ctx = ctx, .limits = default_limits };
	owned(fd) int root = openat(into_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct layer_info info = {};

	if (root < 0)
		return fail_sys(err, "open directory for layer");
	if (limits && limits->bytes)
		unpack.limits.bytes = limits->bytes < LIMIT_MAX ? limits->bytes : LIMIT_MAX;
	if (limits && limits->entries)
		unpack.limits.entries = limits->entries < default_limits.entries
						? limits->entries
						: default_limits.entries;
	if (source_new(ctx, blob_fd,
		       unpack.limits.bytes + unpack.limits.entries * ENTRY_OVERHEAD + TAR_OVERHEAD,
		       &unpack.source, err))
		return FAILED;
	unpack.tar = tar_new(unpack.source);
	unpack.place = place_new(ctx, root, lower_fd, CLIMBING_REFUSED);
	if (unpack_all(&unpack, err) || source_finish(unpack.source, &info, err))
		return FAILED;
	info.entry_count = unpack.used.entries;
	place_implicit(unpack.place, implicit);
	*out = info;
	return OK;
}

result layer_unpack(const struct ctx *ctx, int blob_fd, int into_fd,
		    const struct layer_limits *limits, struct layer_info *out, struct error *err)
{
	owned(strings) struct strings implicit = {};

	return layer_unpack_part(ctx, blob_fd, into_fd, -1, limits, &implicit, out, err);
}
