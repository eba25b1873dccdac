/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a step changed, as a tar whose bytes depend on the files alone.
 *
 * A layer directory is read in order; files to come are read ahead, the tar is hashed and packed by
 * other threads.  Times are whole seconds, as other builders have them; the top directory itself
 * has no entry, since no two tools agree whose it is.
 */
#include "sandbox/ahead.h"
#include "sandbox/hardlinks.h"
#include "sandbox/inroot.h"
#include "sandbox/tar.h"

#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>

enum { TAR_END = 2 * TAR_BLOCK };

/** A layer larger than what layer_unpack() takes by default would be of no use to anybody. */
static const uint64_t layer_bytes_max = 64ULL << 30;

struct diff {
	const struct ctx *ctx;
	const struct diff_options *options;
	struct ahead *ahead;
	struct sink *sink;
	struct hardlinks *links;
	struct buf header;
	uint64_t entry_count, bytes_max;
};

static void diff_drop(struct diff *diff)
{
	ahead_drop(&diff->ahead);
	sink_drop(&diff->sink);
	hardlinks_drop(&diff->links);
	buf_drop(&diff->header);
}

static result header_put(struct diff *diff, const struct tar_entry *entry, struct error *err)
{
	diff->entry_count++;
	buf_clear(&diff->header);
	tar_header(&diff->header, entry);
	return sink_add(diff->sink, diff->header.data, diff->header.length, err);
}

/** An empty file whose name says what is hidden. */
static result mark_put(struct diff *diff, const char *directory, const char *prefix,
		       const char *name, struct error *err)
{
	owned(buf) struct buf path = {};
	struct tar_entry entry = { .mode = S_IFREG };

	buf_printf(&path, "%s%s%s%s", directory, *directory ? "/" : "", prefix, name);
	entry.path = path.data;
	return header_put(diff, &entry, err);
}

static result whiteout_put(struct diff *diff, const char *path, struct error *err)
{
	size_t parent;
	const char *name = path_split(path, &parent);
	owned(str) char *directory = xstrndup(path, parent);

	return mark_put(diff, directory, ".wh.", name, err);
}

static result content_put(struct diff *diff, const struct ahead_item *item, struct error *err)
{
	uint64_t size = (uint64_t)item->info.st_size;
	const void *data;
	size_t length;

	char most[SIZE_TEXT_MAX];

	if (size > diff->bytes_max || sink_size(diff->sink) > diff->bytes_max - size)
		return fail(err, FAULT_INPUT, "%s: layer exceeds %s", item->path,
			    size_text(diff->bytes_max, most));
	do {
		if (cancel_check(diff->ctx, err) || ahead_read(diff->ahead, &data, &length, err) ||
		    sink_add(diff->sink, data, length, err))
			return FAILED;
	} while (length > 0);
	return sink_zeros(diff->sink, tar_padding(size), err);
}

/** Those that are written, which are few: moved to the front. */
static struct attributes attributes_of(const struct diff *diff, const struct ahead_item *item)
{
	struct attributes attributes = item->attributes;
	size_t count = 0;

	if (diff->options->with_attributes)
		return attributes;
	for (size_t i = 0; i < attributes.count; i++) {
		if (attribute_is_recorded(attributes.items[i].name))
			attributes.items[count++] = attributes.items[i];
	}
	attributes.count = count;
	return attributes;
}

static struct tar_entry entry_of(const struct diff *diff, const struct ahead_item *item)
{
	long half = diff->options->rounds_times ? 500000000 : 1000000000;
	struct tar_entry entry = {
		.path = item->path,
		.link = item->link,
		.mode = item->info.st_mode,
		.uid = item->info.st_uid,
		.gid = item->info.st_gid,
		.mtime = { .tv_sec = item->info.st_mtim.tv_sec +
				     (item->info.st_mtim.tv_nsec >= half) },
		.device = item->info.st_rdev,
		.attributes = attributes_of(diff, item),
	};

	if (diff->options->epoch >= 0 && entry.mtime.tv_sec > diff->options->epoch)
		entry.mtime.tv_sec = diff->options->epoch;
	return entry;
}

static result file_put(struct diff *diff, const struct ahead_item *item, struct error *err)
{
	struct tar_entry entry = entry_of(diff, item);
	const char *first = hardlinks_meet(diff->links, &item->info, item->path);

	if (first) {
		entry.is_hard_link = true;
		entry.link = first;
		/* What layers record, they record of each name. */
		if (diff->options->with_attributes)
			entry.attributes = (struct attributes){};
		return header_put(diff, &entry, err);
	}
	if (!S_ISREG(item->info.st_mode))
		return header_put(diff, &entry, err);
	entry.size = (uint64_t)item->info.st_size;
	/* Refused before its header promises it. */
	if (entry.size > diff->bytes_max)
		return content_put(diff, item, err);
	return header_put(diff, &entry, err) ? FAILED : content_put(diff, item, err);
}

static result item_put(struct diff *diff, const struct ahead_item *item, struct error *err)
{
	size_t parent;

	if (S_ISSOCK(item->info.st_mode))
		return OK; /* tar has no name for them, and they mean nothing without a process */
	if (is_whiteout(&item->info))
		return whiteout_put(diff, item->path, err);
	if (starts_with(path_split(item->path, &parent), ".wh."))
		return fail(err, FAULT_INPUT,
			    "%s: layers cannot have names that begin with .wh., which say what of "
			    "the layers below is gone",
			    item->path);
	if (*item->path && file_put(diff, item, err))
		return FAILED;
	return item->is_opaque ? mark_put(diff, item->path, ".wh..wh..opq", "", err) : OK;
}

static result diff_all(struct diff *diff, struct error *err)
{
	const struct ahead_item *item;

	for (;;) {
		if (ahead_next(diff->ahead, &item, err))
			return FAILED;
		if (!item)
			return sink_zeros(diff->sink, TAR_END, err);
		if (item_put(diff, item, err))
			return FAILED;
	}
}

result layer_diff(const struct ctx *ctx, int upper_fd, const struct diff_options *options,
		  int blob_fd, struct layer_info *out, struct error *err)
{
	owned(diff) struct diff diff = { .ctx = ctx, .options = options };
	struct layer_info info = {};

	diff.bytes_max = options->bytes_max ? options->bytes_max : layer_bytes_max;
	diff.links = hardlinks_new();
	diff.sink = sink_new(blob_fd, options->compression);
	if (ahead_new(ctx, upper_fd, NULL, NULL, &diff.ahead, err) || diff_all(&diff, err) ||
	    sink_finish(diff.sink, &info, err))
		return FAILED;
	info.entry_count = diff.entry_count;
	*out = info;
	return OK;
}
