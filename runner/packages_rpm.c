/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rpm's database: an SQLite table with a row a package, which is the package's header.
 *
 * A header is two numbers, an index and a store: each entry of the index is a tag, a type, a place
 * in the store and a count, all of four bytes, the highest first.  Nothing of it is believed: a
 * header that lies about itself is no package, and a file that could lead elsewhere is none.
 */
#include "runner/packages_internal.h"
#include "runner/packages_sqlite.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_SIZE = 16, ENTRIES_MAX = 65536, DIGEST_ALGORITHM_SHA256 = 8 };

enum tag {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_ARCH = 1022,
	TAG_FILE_STATES = 1029,
	TAG_FILE_DIGESTS = 1035,
	TAG_DIRECTORY_INDEXES = 1116,
	TAG_BASE_NAMES = 1117,
	TAG_DIRECTORY_NAMES = 1118,
	TAG_DIGEST_ALGORITHM = 5011,
};

enum type { TYPE_CHAR = 1, TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8 };

struct header {
	const uint8_t *index, *store;
	size_t entry_count, store_size;
};

/** What a tag has: `count` things from `data` to the store's end. */
struct value {
	const uint8_t *data;
	size_t count, rest;
};

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool header_read(const uint8_t *data, size_t size, struct header *out)
{
	size_t entries, store;

	if (size < 8)
		return false;
	entries = get32(data);
	store = get32(data + 4);
	if (entries > ENTRIES_MAX || store > size || size - store < 8 + entries * ENTRY_SIZE)
		return false;
	*out = (struct header){ data + 8, data + 8 + entries * ENTRY_SIZE, entries, store };
	return true;
}

static bool value_find(const struct header *header, enum tag tag, enum type type, struct value *out)
{
	for (size_t i = 0; i < header->entry_count; i++) {
		const uint8_t *entry = header->index + i * ENTRY_SIZE;
		const size_t offset = get32(entry + 8);

		if (get32(entry) != (uint32_t)tag)
			continue;
		if (get32(entry + 4) != (uint32_t)type || offset >= header->store_size)
			return false;
		*out = (struct value){ header->store + offset, get32(entry + 12),
				       header->store_size - offset };
		return true;
	}
	return false;
}

/** The next text of a value; false at its end. */
static bool text_next(struct value *value, struct span *out)
{
	const uint8_t *end = value->count ? memchr(value->data, 0, value->rest) : NULL;

	if (!end)
		return false;
	*out = (struct span){ (const char *)value->data, (size_t)(end - value->data) };
	value->data = end + 1;
	value->rest -= out->length + 1;
	value->count--;
	return true;
}

static bool number_next(struct value *value, uint32_t *out)
{
	if (!value->count || value->rest < 4)
		return false;
	*out = get32(value->data);
	value->data += 4;
	value->rest -= 4;
	value->count--;
	return true;
}

static bool word_find(const struct header *header, enum tag tag, struct span *out)
{
	struct value value;

	return value_find(header, tag, TYPE_STRING, &value) && text_next(&value, out) &&
	       span_is_word(*out);
}

/* ---- files ---- */

/** The lists that are read side by side. */
struct files {
	struct value names, digests, folders, states;
	bool has_states;
	enum sum_kind kind;
	struct span *folder_names;
	size_t folder_count;
};

static void files_drop(struct files *files)
{
	free(files->folder_names);
}

/** What the digests are of; MD5 where the package does not say. */
static bool kind_find(const struct header *header, enum sum_kind *out)
{
	struct value value;
	uint32_t number;

	*out = SUM_MD5;
	if (!value_find(header, TAG_DIGEST_ALGORITHM, TYPE_INT32, &value))
		return true;
	*out = SUM_SHA256;
	return number_next(&value, &number) && number == DIGEST_ALGORITHM_SHA256;
}

static void folders_read(struct value value, struct files *out)
{
	struct span name;

	while (text_next(&value, &name)) {
		array_grow(out->folder_names, out->folder_count);
		out->folder_names[out->folder_count++] = name;
	}
}

static bool files_find(const struct header *header, struct files *out)
{
	struct value folders;

	if (!value_find(header, TAG_BASE_NAMES, TYPE_STRING_ARRAY, &out->names) ||
	    !value_find(header, TAG_FILE_DIGESTS, TYPE_STRING_ARRAY, &out->digests) ||
	    !value_find(header, TAG_DIRECTORY_INDEXES, TYPE_INT32, &out->folders) ||
	    !value_find(header, TAG_DIRECTORY_NAMES, TYPE_STRING_ARRAY, &folders) ||
	    !kind_find(header, &out->kind))
		return false;
	out->has_states = value_find(header, TAG_FILE_STATES, TYPE_CHAR, &out->states) &&
			  out->states.count <= out->states.rest;
	folders_read(folders, out);
	return true;
}

/** Absolute, from "/usr/bin/" and a name; NULL where that leads elsewhere. */
static char *path_make(struct arena *arena, struct span folder, struct span name)
{
	struct span inside = { folder.data + 1, folder.length - 2 };

	if (folder.length < 1 || folder.data[0] != '/' || folder.data[folder.length - 1] != '/' ||
	    !span_is_path(name) || memchr(name.data, '/', name.length) ||
	    (folder.length > 1 && !span_is_path(inside)))
		return NULL;
	return arena_printf(arena, "%.*s%.*s", (int)folder.length, folder.data, (int)name.length,
			    name.data);
}

static result files_read(struct packages *packages, const struct header *header,
			 struct package *package, struct error *err)
{
	owned(files) struct files files = {};
	struct span name, digest;
	uint32_t folder;

	if (!files_find(header, &files))
		return OK;
	for (size_t i = 0; text_next(&files.names, &name) && text_next(&files.digests, &digest) &&
			   number_next(&files.folders, &folder);
	     i++) {
		struct sum sum;
		char *path;

		/* Directories and links have no digest; a state is for files that were left out. */
		if (!digest.length || folder >= files.folder_count ||
		    (files.has_states && i < files.states.count && files.states.data[i] != 0) ||
		    !span_read_sum(digest, files.kind, &sum))
			continue;
		path = path_make(packages->arena, files.folder_names[folder], name);
		if (path && package_file_add(package, path, &sum, err))
			return FAILED;
	}
	return OK;
}

/* ---- packages ---- */

static char *version_make(struct arena *arena, const struct header *header)
{
	struct span version, release;
	struct value epoch;
	uint32_t number;

	if (!word_find(header, TAG_VERSION, &version) || !word_find(header, TAG_RELEASE, &release))
		return NULL;
	if (value_find(header, TAG_EPOCH, TYPE_INT32, &epoch) && number_next(&epoch, &number))
		return arena_printf(arena, "%u:%.*s-%.*s", number, (int)version.length,
				    version.data, (int)release.length, release.data);
	return arena_printf(arena, "%.*s-%.*s", (int)version.length, version.data,
			    (int)release.length, release.data);
}

result rpm_header_parse(struct packages *packages, const void *data, size_t size, struct error *err)
{
	struct package package = {};
	struct span name, arch;
	struct header header;

	/* Keys are kept as packages without an architecture. */
	if (!header_read(data, size, &header) || !word_find(&header, TAG_NAME, &name) ||
	    !word_find(&header, TAG_ARCH, &arch))
		return OK;
	package.version = version_make(packages->arena, &header);
	if (!package.version)
		return OK;
	package.name = arena_strndup(packages->arena, name.data, name.length);
	package.arch = arena_strndup(packages->arena, arch.data, arch.length);
	if (files_read(packages, &header, &package, err)) {
		free(package.files);
		return FAILED;
	}
	package_files_end(&package);
	if (package_add(packages, &package, err)) {
		free(package.files);
		return FAILED;
	}
	return OK;
}

/** A row of "Packages": a number, which is the row's own, and the header. */
static result row_take(void *closure, const struct sqlite_row *row, struct error *err)
{
	const uint8_t *data;
	size_t size;

	return sqlite_column(row, 1, &data, &size) ? rpm_header_parse(closure, data, size, err)
						   : OK;
}

result rpm_database_parse(const char *data, size_t length, struct packages **out, struct error *err)
{
	owned(packages) struct packages *packages = packages_new(PACKAGES_RPM);

	if (sqlite_table_read(data, length, "Packages", row_take, packages, err))
		return FAILED;
	packages_end(packages);
	*out = take(packages);
	return OK;
}
