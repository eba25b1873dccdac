/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading tar through libarchive, which knows every dialect, with names as the bytes they are.
 *
 * libarchive turns names into the locale's character set where it can.  Here it cannot: the reader
 * runs in the C locale, where whatever is not ASCII fails to convert and is handed over as it is.
 * It limits PAX records and long names to 1 MiB itself.
 */
#include "sandbox/tar.h"

#include "sandbox/inroot.h"

#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 128 << 10 };

struct tar {
	struct source *source; /* or NULL, and ... */
	int fd;
	struct archive *archive;
	locale_t c_locale;
	bool source_failed;
	struct error cause; /* the source's, passed through libarchive */
	struct attribute *attributes;
};

static la_ssize_t read_callback(struct archive *archive, void *closure, const void **data)
{
	struct tar *tar = closure;
	size_t length = 0;

	if (source_next(tar->source, data, &length, &tar->cause)) {
		tar->source_failed = true;
		archive_set_error(archive, EIO, "source");
		return ARCHIVE_FATAL;
	}
	return (la_ssize_t)length;
}

static struct tar *tar_make(struct source *source, int fd)
{
	struct tar *tar = xnew(struct tar);

	tar->source = source;
	tar->fd = fd;
	tar->archive = archive_read_new();
	tar->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!tar->archive || !tar->c_locale)
		abort();
	archive_read_support_format_tar(tar->archive);
	if (source)
		archive_read_support_format_empty(tar->archive);
	return tar;
}

struct tar *tar_new(struct source *source)
{
	return tar_make(source, -1);
}

struct tar *tar_new_packed(int fd)
{
	struct tar *tar = tar_make(NULL, fd);

	archive_read_support_filter_gzip(tar->archive);
	archive_read_support_filter_bzip2(tar->archive);
	archive_read_support_filter_xz(tar->archive);
	archive_read_support_filter_zstd(tar->archive);
	return tar;
}

uint64_t tar_position(struct tar *tar)
{
	la_int64_t position = archive_filter_bytes(tar->archive, 0);

	return position < 0 ? 0 : (uint64_t)position;
}

void tar_drop(struct tar **tar)
{
	if (!*tar)
		return;
	archive_read_free((*tar)->archive);
	freelocale((*tar)->c_locale);
	free((*tar)->attributes);
	free(*tar);
	*tar = NULL;
}

/** Why libarchive gave up: the source's own error if it was that. */
static result archive_fault(struct tar *tar, const char *what, struct error *err)
{
	const char *why = archive_error_string(tar->archive);

	if (tar->source_failed) {
		*err = tar->cause;
		return FAILED;
	}
	return fail(err, FAULT_INPUT, "%s: %s", what, why ? why : "damaged");
}

/** A name that is kept as bytes is warned about; everything else is a fault. */
static bool is_harmless(struct tar *tar)
{
	const char *why = archive_error_string(tar->archive);

	return why && strstr(why, "can't be converted from");
}

/** The archive is opened by the first call, which may wait for the source. */
static int next_header(struct tar *tar, struct archive_entry **entry)
{
	locale_t old = uselocale(tar->c_locale);
	int status = ARCHIVE_OK;

	if (!tar->attributes) {
		tar->attributes = xcalloc(ATTRIBUTE_COUNT_MAX, sizeof(*tar->attributes));
		status = tar->source
				 ? archive_read_open(tar->archive, tar, NULL, read_callback, NULL)
				 : archive_read_open_fd(tar->archive, tar->fd, READ_BYTES);
	}
	/* What was packed twice is a packed file, as it is to other builders. */
	if (status == ARCHIVE_OK && !tar->source && archive_filter_count(tar->archive) > 2) {
		archive_set_error(tar->archive, EINVAL, "packed more than once");
		status = ARCHIVE_FATAL;
	}
	if (status == ARCHIVE_OK)
		status = archive_read_next_header(tar->archive, entry);
	uselocale(old);
	return status;
}

static result attributes_take(struct tar *tar, struct archive_entry *from, struct attributes *out,
			      struct error *err)
{
	struct attribute one;

	out->items = tar->attributes;
	out->count = 0;
	archive_entry_xattr_reset(from);
	while (archive_entry_xattr_next(from, &one.name, &one.value, &one.length) == ARCHIVE_OK) {
		if (!attribute_is_image(one.name))
			continue;
		if (strlen(one.name) > ATTRIBUTE_NAME_MAX || one.length > ATTRIBUTE_VALUE_MAX)
			return fail(err, FAULT_INPUT, "extended attribute '%.40s' is too large",
				    one.name);
		if (out->count == ATTRIBUTE_COUNT_MAX)
			return fail(err, FAULT_INPUT, "more than %d extended attributes",
				    ATTRIBUTE_COUNT_MAX);
		out->items[out->count++] = one;
	}
	return OK;
}

static result ids_take(struct archive_entry *from, struct tar_entry *entry, struct error *err)
{
	int64_t uid = archive_entry_uid(from), gid = archive_entry_gid(from);

	/* The last id means "leave it" to chown(). */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return fail(err, FAULT_INPUT, "owner %lld:%lld is out of range", (long long)uid,
			    (long long)gid);
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	return OK;
}

static result entry_take(struct tar *tar, struct archive_entry *from, struct tar_entry *entry,
			 struct error *err)
{
	const char *hard_link = archive_entry_hardlink(from);
	int64_t size = archive_entry_size(from);

	entry->path = archive_entry_pathname(from);
	if (!entry->path)
		return fail(err, FAULT_INPUT, "an entry without a name");
	entry->is_hard_link = hard_link != NULL;
	entry->link = hard_link ? hard_link : archive_entry_symlink(from);
	if (!entry->link)
		entry->link = "";
	entry->mode = archive_entry_mode(from);
	if (strlen(entry->path) > PATH_LENGTH_MAX || strlen(entry->link) > PATH_LENGTH_MAX)
		return fail(err, FAULT_INPUT, "name '%.60s...' is longer than %d bytes",
			    entry->path, PATH_LENGTH_MAX);
	if (size < 0)
		return fail(err, FAULT_INPUT, "negative size");
	entry->size = (uint64_t)size;
	entry->mtime =
		(struct timespec){ archive_entry_mtime(from), archive_entry_mtime_nsec(from) };
	entry->device = archive_entry_rdev(from);
	return ids_take(from, entry, err) || attributes_take(tar, from, &entry->attributes, err)
		       ? fail_in(err, "layer entry '%s'", entry->path)
		       : OK;
}

result tar_next(struct tar *tar, struct tar_entry *entry, struct error *err)
{
	struct archive_entry *from;
	int status = next_header(tar, &from);

	if (status == ARCHIVE_EOF) {
		entry->path = NULL;
		return OK;
	}
	if (status != ARCHIVE_OK && !(status == ARCHIVE_WARN && is_harmless(tar)))
		return archive_fault(tar, "tar archive", err);
	return entry_take(tar, from, entry, err);
}

result tar_content(struct tar *tar, const void **data, size_t *length, uint64_t *offset,
		   struct error *err)
{
	la_int64_t at;
	int status = archive_read_data_block(tar->archive, data, length, &at);

	*offset = (uint64_t)at;
	if (status == ARCHIVE_EOF)
		*length = 0;
	else if (status != ARCHIVE_OK)
		return archive_fault(tar, "tar archive", err);
	return OK;
}
