/* SPDX-License-Identifier: Apache-2.0 */
/**
 * libarchive, loaded when the first archive is read; see base/lazy.h.
 */
#include "base/lazy.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

static void load(void);

static struct lazy library = {
	.name = "libarchive.so.13",
	.package = "libarchive13",
	.once = PTHREAD_ONCE_INIT,
	.load = load,
};

static void load(void)
{
	lazy_load(&library);
}

/** Its format is expanded here, since the library has no form of it that takes a va_list. */
void archive_set_error(struct archive *archive, int code, const char *format, ...)
{
	static void *at;
	void (*real)(struct archive *, int, const char *, ...) =
		(void (*)(struct archive *, int, const char *, ...))lazy_find(&library, &at,
									      "archive_set_error");
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	real(archive, code, "%s", text);
}

/* clang-format off */
#define READER struct archive *archive
#define ENTRY  struct archive_entry *entry

LAZY_CALL(library, struct archive *, archive_read_new, (void), ())
LAZY_CALL(library, int, archive_read_free, (READER), (archive))
LAZY_CALL(library, int, archive_read_support_filter_bzip2, (READER), (archive))
LAZY_CALL(library, int, archive_read_support_filter_gzip, (READER), (archive))
LAZY_CALL(library, int, archive_read_support_filter_xz, (READER), (archive))
LAZY_CALL(library, int, archive_read_support_filter_zstd, (READER), (archive))
LAZY_CALL(library, int, archive_read_support_format_empty, (READER), (archive))
LAZY_CALL(library, int, archive_read_support_format_tar, (READER), (archive))
LAZY_CALL(library, int, archive_read_open,
	  (READER, void *closure, archive_open_callback *open, archive_read_callback *read,
	   archive_close_callback *close),
	  (archive, closure, open, read, close))
LAZY_CALL(library, int, archive_read_open_fd, (READER, int fd, size_t block), (archive, fd, block))
LAZY_CALL(library, int, archive_read_next_header, (READER, struct archive_entry **entry),
	  (archive, entry))
LAZY_CALL(library, int, archive_read_data_block,
	  (READER, const void **data, size_t *size, la_int64_t *offset),
	  (archive, data, size, offset))
LAZY_CALL(library, const char *, archive_error_string, (READER), (archive))
LAZY_CALL(library, int, archive_filter_count, (READER), (archive))
LAZY_CALL(library, la_int64_t, archive_filter_bytes, (READER, int filter), (archive, filter))

LAZY_CALL(library, la_int64_t, archive_entry_uid, (ENTRY), (entry))
LAZY_CALL(library, la_int64_t, archive_entry_gid, (ENTRY), (entry))
LAZY_CALL(library, la_int64_t, archive_entry_size, (ENTRY), (entry))
LAZY_CALL(library, __LA_MODE_T, archive_entry_mode, (ENTRY), (entry))
LAZY_CALL(library, dev_t, archive_entry_rdev, (ENTRY), (entry))
LAZY_CALL(library, time_t, archive_entry_mtime, (ENTRY), (entry))
LAZY_CALL(library, long, archive_entry_mtime_nsec, (ENTRY), (entry))
LAZY_CALL(library, const char *, archive_entry_pathname, (ENTRY), (entry))
LAZY_CALL(library, const char *, archive_entry_hardlink, (ENTRY), (entry))
LAZY_CALL(library, const char *, archive_entry_symlink, (ENTRY), (entry))
LAZY_CALL(library, int, archive_entry_xattr_reset, (ENTRY), (entry))
LAZY_CALL(library, int, archive_entry_xattr_next,
	  (ENTRY, const char **name, const void **value, size_t *size),
	  (entry, name, value, size))
/* clang-format on */
