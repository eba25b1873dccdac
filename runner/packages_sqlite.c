/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/packages_sqlite.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 100, PAGE_SIZE_MIN = 512, USABLE_MIN = 480, DEPTH_MAX = 24 };
enum page_kind { PAGE_INNER = 0x05, PAGE_LEAF = 0x0d };

struct file {
	const uint8_t *data;
	uint32_t page_size, page_count;
	uint32_t usable;  /* of each page */
	uint32_t visited; /* every page belongs to one thing, so there are no more than there are */
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static result damaged(struct error *err, const char *what)
{
	return fail(err, FAULT_INPUT, "SQLite file: %s", what);
}

/** Nine bytes at most, seven bits each and eight of the last one; false where they do not fit. */
static bool varint_read(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; *at < end; i++) {
		const uint8_t byte = *(*at)++;

		if (i == 8) {
			*out = value << 8 | byte;
			return true;
		}
		value = value << 7 | (byte & 0x7f);
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

/* ---- records ---- */

/** How many bytes a value of that type takes. */
static uint64_t type_size(uint64_t type)
{
	static const uint8_t sizes[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };

	return type < countof(sizes) ? sizes[type] : (type - 12) / 2;
}

static bool column_find(const struct sqlite_row *row, size_t index, uint64_t *type,
			const uint8_t **data)
{
	const uint8_t *at = row->data, *end = row->data + row->size, *types_end;
	uint64_t header, offset;

	if (!varint_read(&at, end, &header) || header > row->size)
		return false;
	types_end = row->data + header;
	offset = header;
	for (size_t i = 0; varint_read(&at, types_end, type); i++) {
		if (type_size(*type) > row->size - offset)
			return false;
		*data = row->data + offset;
		if (i == index)
			return true;
		offset += type_size(*type);
	}
	return false;
}

bool sqlite_column(const struct sqlite_row *row, size_t index, const uint8_t **data, size_t *size)
{
	uint64_t type;

	if (!column_find(row, index, &type, data) || type < 12)
		return false;
	*size = (size_t)type_size(type);
	return true;
}

bool sqlite_column_number(const struct sqlite_row *row, size_t index, uint64_t *out)
{
	const uint8_t *data;
	uint64_t type, value = 0;

	if (!column_find(row, index, &type, &data) || type == 0 || type == 7 || type > 9)
		return false;
	for (uint64_t i = 0; i < type_size(type); i++)
		value = value << 8 | data[i];
	if (type_size(type) && data[0] & 0x80)
		return false;
	*out = type >= 8 ? type - 8 : value;
	return true;
}

/* ---- pages ---- */

static result page_find(struct file *file, uint32_t number, const uint8_t **out, struct error *err)
{
	if (!number || number > file->page_count || file->visited++ >= file->page_count)
		return damaged(err, "its pages lead to where there are none");
	*out = file->data + (size_t)(number - 1) * file->page_size;
	return OK;
}

/** How much of a row is in its leaf; the rest is in a chain of pages. */
static size_t local_size(const struct file *file, uint64_t size)
{
	const size_t most = file->usable - 35, least = (file->usable - 12) * 32 / 255 - 23;
	size_t local;

	if (size <= most)
		return (size_t)size;
	local = least + (size_t)((size - least) % (file->usable - 4));
	return local <= most ? local : least;
}

/** Put a row together that has more than its leaf can hold. */
static result chain_read(struct file *file, const uint8_t *local, size_t local_length,
			 uint8_t *into, size_t size, struct error *err)
{
	uint32_t next = get32(local + local_length);

	memcpy(into, local, local_length);
	for (size_t at = local_length; at < size;) {
		size_t length = file->usable - 4;
		const uint8_t *page = NULL;

		if (page_find(file, next, &page, err))
			return FAILED;
		length = length < size - at ? length : size - at;
		memcpy(into + at, page + 4, length);
		next = get32(page);
		at += length;
	}
	return OK;
}

struct taker {
	result (*take_row)(void *closure, const struct sqlite_row *row, struct error *err);
	void *closure;
};

static result cell_read(struct file *file, const uint8_t *page, size_t offset,
			const struct taker *taker, struct error *err)
{
	const uint8_t *at = page + offset, *end = page + file->usable;
	uint64_t size, number;
	owned(str) char *whole = NULL;
	size_t local;

	if (!varint_read(&at, end, &size) || !varint_read(&at, end, &number))
		return damaged(err, "a row is not where it should be");
	if (size > SQLITE_ROW_MAX || size > (uint64_t)file->page_size * file->page_count)
		return damaged(err, "a row is too large");
	local = local_size(file, size);
	if (local + (local < size ? 4 : 0) > (size_t)(end - at))
		return damaged(err, "a row does not fit its page");
	if (local == size)
		return taker->take_row(taker->closure, &(struct sqlite_row){ at, local }, err);
	whole = xcalloc(1, (size_t)size);
	if (chain_read(file, at, local, (uint8_t *)whole, (size_t)size, err))
		return FAILED;
	return taker->take_row(taker->closure,
			       &(struct sqlite_row){ (const uint8_t *)whole, (size_t)size }, err);
}

static result tree_read(struct file *file, uint32_t number, size_t depth, const struct taker *taker,
			struct error *err)
{
	const size_t start = number == 1 ? HEADER_SIZE : 0;
	const uint8_t *page = NULL;
	size_t header, count;

	if (depth > DEPTH_MAX)
		return damaged(err, "a table is nested too deeply");
	if (page_find(file, number, &page, err))
		return FAILED;
	if (page[start] != PAGE_LEAF && page[start] != PAGE_INNER)
		return damaged(err, "a page is of no table");
	header = start + (page[start] == PAGE_LEAF ? 8 : 12);
	count = get16(page + start + 3);
	if (header + 2 * count > file->usable)
		return damaged(err, "a page has too many rows");
	for (size_t i = 0; i < count; i++) {
		const size_t offset = get16(page + header + 2 * i);

		if (offset + 4 > file->usable)
			return damaged(err, "a row is not where it should be");
		if (page[start] == PAGE_LEAF
			    ? cell_read(file, page, offset, taker, err)
			    : tree_read(file, get32(page + offset), depth + 1, taker, err))
			return FAILED;
	}
	return page[start] == PAGE_LEAF
		       ? OK
		       : tree_read(file, get32(page + start + 8), depth + 1, taker, err);
}

/* ---- tables ---- */

static bool column_is(const struct sqlite_row *row, size_t index, const char *text)
{
	const uint8_t *data;
	size_t size;

	return sqlite_column(row, index, &data, &size) && size == strlen(text) &&
	       memcmp(data, text, size) == 0;
}

struct schema {
	const char *table;
	uint32_t root;
};

/** The schema is a table too: type, name, table, the number of its first page, text. */
static result schema_take(void *closure, const struct sqlite_row *row, struct error *err)
{
	struct schema *schema = closure;
	uint64_t root;

	(void)err;
	if (column_is(row, 0, "table") && column_is(row, 1, schema->table) &&
	    sqlite_column_number(row, 3, &root) && root <= UINT32_MAX)
		schema->root = (uint32_t)root;
	return OK;
}

static result file_open(const void *data, size_t size, struct file *out, struct error *err)
{
	const uint8_t *bytes = data;
	struct file file = { .data = bytes };

	if (size < PAGE_SIZE_MIN || memcmp(bytes, "SQLite format 3", 16) != 0)
		return damaged(err, "it is none");
	file.page_size = get16(bytes + 16) == 1 ? 65536 : get16(bytes + 16);
	if (file.page_size < PAGE_SIZE_MIN || file.page_size & (file.page_size - 1) ||
	    file.page_size - bytes[20] < USABLE_MIN)
		return damaged(err, "its pages have no size that is known");
	file.usable = file.page_size - bytes[20];
	file.page_count = (uint32_t)(size / file.page_size);
	*out = file;
	return OK;
}

result sqlite_table_read(const void *data, size_t size, const char *table,
			 result (*take_row)(void *closure, const struct sqlite_row *row,
					    struct error *err),
			 void *closure, struct error *err)
{
	struct schema schema = { .table = table };
	const struct taker finder = { schema_take, &schema }, taker = { take_row, closure };
	struct file file;

	if (file_open(data, size, &file, err) || tree_read(&file, 1, 0, &finder, err))
		return FAILED;
	if (!schema.root)
		return damaged(err, "it does not have the table");
	file.visited = 0;
	return tree_read(&file, schema.root, 0, &taker, err);
}
