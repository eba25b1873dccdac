/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writing tar: one header for one entry, always the same bytes; and archives for export.
 */
#include "sandbox/tar.h"

#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], unused[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a tar header is a block");

enum { ID_MAX = 07777777 };
static const uint64_t field_12_max = 077777777777;

size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}

static void zeros_add(struct buf *out, size_t length)
{
	memset(buf_reserve(out, length), 0, length);
	out->length += length;
}

/** A number in octal, as wide as its field without the closing NUL. */
static void octal(char *field, size_t size, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, text, size);
}

static void checksum(struct header *header)
{
	const uint8_t *byte = (const uint8_t *)header;
	unsigned sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += byte[i];
	snprintf(header->checksum, sizeof(header->checksum), "%06o", sum);
	header->checksum[7] = ' ';
}

/** Where a long name can be cut into prefix and name; 0 if nowhere. */
static size_t name_cut(const char *path, size_t length)
{
	struct header header;

	for (size_t i = length; i-- > 1;)
		if (path[i] == '/' && i <= sizeof(header.prefix) && i + 1 < length)
			return length - i - 1 <= sizeof(header.name) ? i : 0;
	return 0;
}

/** Whether a name fits into its fields (by then it is there). */
static bool name_set(struct header *header, const char *path)
{
	size_t length = strlen(path), at;

	memcpy(header->name, path, length < sizeof(header->name) ? length : sizeof(header->name));
	if (length <= sizeof(header->name))
		return true;
	at = name_cut(path, length);
	if (at == 0)
		return false;
	memset(header->name, 0, sizeof(header->name));
	memcpy(header->prefix, path, at);
	memcpy(header->name, path + at + 1, length - at - 1);
	return true;
}

/** "LENGTH KEY=VALUE\n", where the length counts its own digits. */
static void record(struct buf *out, const char *key, const void *value, size_t value_length)
{
	size_t rest = strlen(key) + value_length + 3, length = rest, before;

	do {
		before = length;
		length = rest + (size_t)snprintf(NULL, 0, "%zu", before);
	} while (length != before);
	buf_printf(out, "%zu %s=", length, key);
	buf_add(out, value, value_length);
	buf_add_char(out, '\n');
}

static void record_number(struct buf *out, const char *key, int64_t value)
{
	char text[24];

	record(out, key, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

/** What did not fit, as PAX records; in the order of this function, whatever it is. */
static void records_add(struct buf *out, const struct tar_entry *entry, const char *path,
			bool path_fits)
{
	owned(buf) struct buf key = {};

	if (!path_fits)
		record(out, "path", path, strlen(path));
	if (entry->link && strlen(entry->link) > sizeof(((struct header *)0)->link))
		record(out, "linkpath", entry->link, strlen(entry->link));
	if (entry->uid > ID_MAX)
		record_number(out, "uid", entry->uid);
	if (entry->gid > ID_MAX)
		record_number(out, "gid", entry->gid);
	if (entry->size > field_12_max)
		record_number(out, "size", (int64_t)entry->size);
	if (entry->mtime.tv_sec < 0 || (uint64_t)entry->mtime.tv_sec > field_12_max)
		record_number(out, "mtime", entry->mtime.tv_sec);
	for (size_t i = 0; i < entry->attributes.count; i++) {
		const struct attribute *one = &entry->attributes.items[i];

		buf_clear(&key);
		buf_printf(&key, "SCHILY.xattr.%s", one->name);
		record(out, buf_text(&key), one->value, one->length);
	}
}

static char type_flag(const struct tar_entry *entry)
{
	switch (entry->mode & S_IFMT) {
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return '0';
	}
}

static void numbers_set(struct header *header, uint64_t mode, uint64_t uid, uint64_t gid,
			uint64_t size, uint64_t mtime)
{
	octal(header->mode, sizeof(header->mode), mode);
	octal(header->uid, sizeof(header->uid), uid > ID_MAX ? 0 : uid);
	octal(header->gid, sizeof(header->gid), gid > ID_MAX ? 0 : gid);
	octal(header->size, sizeof(header->size), size > field_12_max ? 0 : size);
	octal(header->mtime, sizeof(header->mtime), mtime > field_12_max ? 0 : mtime);
	memcpy(header->magic, "ustar", sizeof(header->magic));
	memcpy(header->version, "00", sizeof(header->version));
}

/** The entry before the entry, which holds its records. */
static void pax_add(struct buf *out, const struct buf *records)
{
	struct header header = { .type = 'x' };

	strcpy(header.name, "././@PaxHeader");
	numbers_set(&header, 0, 0, 0, records->length, 0);
	octal(header.major, sizeof(header.major), 0);
	octal(header.minor, sizeof(header.minor), 0);
	checksum(&header);
	buf_add(out, &header, sizeof(header));
	buf_add(out, records->data, records->length);
	zeros_add(out, tar_padding(records->length));
}

void tar_header(struct buf *out, const struct tar_entry *entry)
{
	bool is_device = S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
	struct header header = { .type = entry->is_hard_link ? '1' : type_flag(entry) };
	owned(buf) struct buf records = {}, path = {};
	size_t link_length = entry->link ? strlen(entry->link) : 0;

	buf_printf(&path, "%s%s", entry->path, header.type == '5' ? "/" : "");
	records_add(&records, entry, path.data, name_set(&header, path.data));
	if (records.length)
		pax_add(out, &records);
	if (link_length)
		memcpy(header.link, entry->link,
		       link_length < sizeof(header.link) ? link_length : sizeof(header.link));
	numbers_set(&header, entry->mode & 07777, entry->uid, entry->gid, entry->size,
		    (uint64_t)entry->mtime.tv_sec);
	octal(header.major, sizeof(header.major), is_device ? major(entry->device) : 0);
	octal(header.minor, sizeof(header.minor), is_device ? minor(entry->device) : 0);
	checksum(&header);
	buf_add(out, &header, sizeof(header));
}

/* ---- archives for export ---- */

struct tar_writer {
	int fd;
};

struct tar_writer *tar_writer_new(int fd)
{
	struct tar_writer *writer = xnew(struct tar_writer);

	writer->fd = fd;
	return writer;
}

void tar_writer_drop(struct tar_writer **writer)
{
	free(*writer);
	*writer = NULL;
}

static result header_write(struct tar_writer *writer, const char *path, mode_t mode, uint64_t size,
			   struct error *err)
{
	struct tar_entry entry = { .path = path, .mode = mode, .size = size };
	owned(buf) struct buf header = {};

	tar_header(&header, &entry);
	return write_all(writer->fd, header.data, header.length, err);
}

static result zeros_write(struct tar_writer *writer, size_t length, struct error *err)
{
	static const char zeros[2 * TAR_BLOCK];

	return write_all(writer->fd, zeros, length, err);
}

result tar_writer_directory(struct tar_writer *writer, const char *path, struct error *err)
{
	return header_write(writer, path, S_IFDIR | 0755, 0, err);
}

result tar_writer_bytes(struct tar_writer *writer, const char *path, const void *data,
			size_t length, struct error *err)
{
	if (header_write(writer, path, S_IFREG | 0644, length, err) ||
	    write_all(writer->fd, data, length, err))
		return FAILED;
	return zeros_write(writer, tar_padding(length), err);
}

static result content_copy(int from, int to, uint64_t size, struct error *err)
{
	enum { PIECE = 256 << 10 };
	owned(str) char *piece = xcalloc(1, PIECE);

	while (size > 0) {
		ssize_t got = read(from, piece, size < PIECE ? (size_t)size : PIECE);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_sys(err, "read");
		if (got == 0)
			return fail(err, FAULT_INPUT, "%llu bytes shorter than it was",
				    (unsigned long long)size);
		if (write_all(to, piece, (size_t)got, err))
			return FAILED;
		size -= (uint64_t)got;
	}
	return OK;
}

result tar_writer_file(struct tar_writer *writer, const char *path, int fd, uint64_t size,
		       struct error *err)
{
	if (header_write(writer, path, S_IFREG | 0644, size, err) ||
	    content_copy(fd, writer->fd, size, err) || zeros_write(writer, tar_padding(size), err))
		return fail_in(err, "%s", path);
	return OK;
}

result tar_writer_finish(struct tar_writer *writer, struct error *err)
{
	return zeros_write(writer, 2 * TAR_BLOCK, err);
}
