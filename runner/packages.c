/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the package databases' parsers share, and the two textual ones.
 *
 * Lines that a parser does not know are passed over; a name, version or path that could lead
 * somewhere else, or is longer than any real one, drops its package or file: a damaged database
 * only makes fewer matches.
 */
#include "runner/packages_internal.h"

#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 200, PATH_MAX_LENGTH = 4000 };

void packages_drop(struct packages **packages)
{
	if (!*packages)
		return;
	for (size_t i = 0; i < (*packages)->count; i++)
		free((*packages)->items[i].files);
	free((*packages)->items);
	arena_drop(&(*packages)->arena);
	free(*packages);
	*packages = NULL;
}

size_t sum_size(enum sum_kind kind)
{
	static const uint8_t sizes[] = { [SUM_MD5] = 16, [SUM_SHA1] = 20, [SUM_SHA256] = 32 };

	return sizes[kind];
}

bool sum_equal(const struct sum *a, const struct sum *b)
{
	return a->kind == b->kind && memcmp(a->bytes, b->bytes, sum_size(a->kind)) == 0;
}

static int package_compare(const void *left, const void *right)
{
	const struct package *a = left, *b = right;
	int names = strcmp(a->name, b->name);

	return names ? names : strcmp(a->arch, b->arch);
}

static int file_compare(const void *left, const void *right)
{
	const struct package_file *a = left, *b = right;

	return strcmp(a->path, b->path);
}

struct package *packages_find(const struct packages *packages, const char *name, const char *arch)
{
	size_t low = 0, high = packages->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(packages->items[middle].name, name);

		if (order == 0 && arch)
			order = strcmp(packages->items[middle].arch, arch);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == packages->count || strcmp(packages->items[low].name, name) != 0 ||
	    (arch && strcmp(packages->items[low].arch, arch) != 0))
		return NULL;
	return &packages->items[low];
}

const struct package_file *package_file_find(const struct package *package, const char *path)
{
	const struct package_file key = { .path = path };

	if (!package->file_count)
		return NULL;
	return bsearch(&key, package->files, package->file_count, sizeof(key), file_compare);
}

size_t version_source_length(const char *version)
{
	size_t length = strlen(version), end = length;

	while (end && version[end - 1] >= '0' && version[end - 1] <= '9')
		end--;
	if (end == length || end < 3 || version[end - 1] != 'b' || version[end - 2] != '+')
		return length;
	return end - 2;
}

/* ---- lines ---- */

/** The next line of the text without its end; false at the text's end. */
static bool line_next(struct span *rest, struct span *line)
{
	const char *end;

	if (!rest->length)
		return false;
	end = memchr(rest->data, '\n', rest->length);
	line->data = rest->data;
	line->length = end ? (size_t)(end - rest->data) : rest->length;
	rest->data += line->length + (end ? 1 : 0);
	rest->length -= line->length + (end ? 1 : 0);
	return true;
}

/** What follows `field` ("Package: ") in the line, into `out`. */
static bool field_is(struct span line, const char *field, struct span *out)
{
	size_t length = strlen(field);

	if (line.length < length || memcmp(line.data, field, length) != 0)
		return false;
	*out = (struct span){ line.data + length, line.length - length };
	return true;
}

static bool span_is(struct span span, const char *text)
{
	return span.length == strlen(text) && memcmp(span.data, text, span.length) == 0;
}

bool span_is_word(struct span span)
{
	if (!span.length || span.length > NAME_MAX_LENGTH || span.data[0] == '.' ||
	    span.data[0] == '-')
		return false;
	for (size_t i = 0; i < span.length; i++) {
		char c = span.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr("+-._:~^", c))))
			return false;
	}
	return true;
}

bool span_is_path(struct span span)
{
	const char *part = span.data, *end = span.data + span.length;

	if (!span.length || span.length > PATH_MAX_LENGTH)
		return false;
	for (const char *at = span.data; at < end; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	for (const char *at = span.data; at <= end; at++) {
		size_t length = (size_t)(at - part);

		if (at < end && *at != '/')
			continue;
		if (length == 0 || (length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part = at + 1;
	}
	return true;
}

static char *span_keep(struct arena *arena, struct span span)
{
	return arena_strndup(arena, span.data, span.length);
}

/* ---- building ---- */

struct packages *packages_new(enum package_kind kind)
{
	struct packages *packages = xnew(struct packages);

	packages->kind = kind;
	packages->arena = arena_new();
	return packages;
}

result package_add(struct packages *packages, const struct package *package, struct error *err)
{
	if (packages->count == PACKAGES_MAX)
		return fail(err, FAULT_INPUT, "package database: more than %d packages",
			    PACKAGES_MAX);
	array_grow(packages->items, packages->count);
	packages->items[packages->count++] = *package;
	return OK;
}

result package_file_add(struct package *package, const char *path, const struct sum *sum,
			struct error *err)
{
	if (package->file_count == PACKAGE_FILES_MAX)
		return fail(err, FAULT_INPUT, "package %s: more than %d files", package->name,
			    PACKAGE_FILES_MAX);
	array_grow(package->files, package->file_count);
	package->files[package->file_count++] = (struct package_file){ path, *sum };
	return OK;
}

void package_files_end(struct package *package)
{
	if (package->file_count)
		qsort(package->files, package->file_count, sizeof(*package->files), file_compare);
	package->loaded = true;
}

void packages_end(struct packages *packages)
{
	if (packages->count)
		qsort(packages->items, packages->count, sizeof(*packages->items), package_compare);
}

/* ---- dpkg ---- */

/** The fields of one paragraph that matter. */
struct paragraph {
	struct span name, version, arch, status, multi_arch;
};

static result paragraph_add(struct packages *packages, const struct paragraph *paragraph,
			    struct error *err)
{
	struct package package = {};

	if (!span_is_word(paragraph->name) || !span_is_word(paragraph->version) ||
	    !span_is_word(paragraph->arch) || !span_is(paragraph->status, "install ok installed"))
		if (!span_is(paragraph->status, "hold ok installed") ||
		    !span_is_word(paragraph->name) || !span_is_word(paragraph->version) ||
		    !span_is_word(paragraph->arch))
			return OK;
	package.name = span_keep(packages->arena, paragraph->name);
	package.version = span_keep(packages->arena, paragraph->version);
	package.arch = span_keep(packages->arena, paragraph->arch);
	package.multi_arch = span_is(paragraph->multi_arch, "same");
	return package_add(packages, &package, err);
}

result dpkg_status_parse(const char *text, size_t length, struct packages **out, struct error *err)
{
	owned(packages) struct packages *packages = packages_new(PACKAGES_DPKG);
	struct span rest = { text, length }, line;
	struct paragraph paragraph = {};

	while (line_next(&rest, &line)) {
		if (!line.length) {
			if (paragraph_add(packages, &paragraph, err))
				return FAILED;
			paragraph = (struct paragraph){};
			continue;
		}
		(void)(field_is(line, "Package: ", &paragraph.name) ||
		       field_is(line, "Version: ", &paragraph.version) ||
		       field_is(line, "Architecture: ", &paragraph.arch) ||
		       field_is(line, "Status: ", &paragraph.status) ||
		       field_is(line, "Multi-Arch: ", &paragraph.multi_arch));
	}
	if (paragraph_add(packages, &paragraph, err))
		return FAILED;
	packages_end(packages);
	*out = take(packages);
	return OK;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool span_read_sum(struct span text, enum sum_kind kind, struct sum *out)
{
	struct sum sum = { .kind = kind };

	if (text.length != 2 * sum_size(kind))
		return false;
	for (size_t i = 0; i < text.length; i++) {
		int digit = hex_digit(text.data[i]);

		if (digit < 0)
			return false;
		sum.bytes[i / 2] = (uint8_t)(sum.bytes[i / 2] << 4 | digit);
	}
	*out = sum;
	return true;
}

result dpkg_sums_parse(struct packages *packages, struct package *package, const char *text,
		       size_t length, struct error *err)
{
	struct span rest = { text, length }, line;

	while (line_next(&rest, &line)) {
		struct span path = { line.data + 34, line.length - 34 };
		struct sum sum;

		if (line.length <= 34 || line.data[32] != ' ' ||
		    !span_read_sum((struct span){ line.data, 32 }, SUM_MD5, &sum))
			continue;
		if (path.length > 2 && path.data[0] == '.' && path.data[1] == '/') {
			path.data += 2;
			path.length -= 2;
		}
		if (!span_is_path(path))
			continue;
		if (package_file_add(
			    package,
			    arena_printf(packages->arena, "/%.*s", (int)path.length, path.data),
			    &sum, err))
			return FAILED;
	}
	package_files_end(package);
	return OK;
}

/** Three lines each: from, to, package; a local diversion's package is ":". */
result dpkg_diversions_parse(const char *text, size_t length, struct strings *out,
			     struct error *err)
{
	struct span rest = { text, length }, line;

	for (size_t number = 0; line_next(&rest, &line); number++) {
		if (number / 3 == PACKAGES_MAX)
			return fail(err, FAULT_INPUT, "dpkg's diversions: more than %d",
				    PACKAGES_MAX);
		if (number % 3 == 2 || line.length < 2 || line.data[0] != '/' ||
		    !span_is_path((struct span){ line.data + 1, line.length - 1 }))
			continue;
		strings_printf(out, "%.*s", (int)line.length, line.data);
	}
	return OK;
}

/* ---- apk ---- */

/** "Q1" and the base64 of a sha1. */
static bool apk_sum_read(struct span text, struct sum *out)
{
	struct sum sum = { .kind = SUM_SHA1 };
	owned(buf) struct buf bytes = {};

	if (text.length != 30 || text.data[0] != 'Q' || text.data[1] != '1' ||
	    !base64_decode(text.data + 2, 28, &bytes) || bytes.length != sum_size(sum.kind))
		return false;
	memcpy(sum.bytes, bytes.data, bytes.length);
	*out = sum;
	return true;
}

/** Where the reader is: in which package, directory and file. */
struct apk_reader {
	struct packages *packages;
	struct package package;
	struct span folder, file;
};

static result apk_package_end(struct apk_reader *reader, struct error *err)
{
	struct package *package = &reader->package;
	int failed = OK;

	if (package->name && package->version && package->arch) {
		package_files_end(package);
		failed = package_add(reader->packages, package, err);
		if (!failed)
			package->files = NULL; /* the list has them now */
	}
	free(package->files);
	reader->package = (struct package){};
	reader->folder = reader->file = (struct span){};
	return failed ? FAILED : OK;
}

static result apk_sum_line(struct apk_reader *reader, struct span text, struct error *err)
{
	struct arena *arena = reader->packages->arena;
	struct sum sum;
	char *path;

	if (!apk_sum_read(text, &sum) || !span_is_path(reader->file) ||
	    memchr(reader->file.data, '/', reader->file.length) ||
	    (reader->folder.length && !span_is_path(reader->folder)))
		return OK;
	path = reader->folder.length
		       ? arena_printf(arena, "/%.*s/%.*s", (int)reader->folder.length,
				      reader->folder.data, (int)reader->file.length,
				      reader->file.data)
		       : arena_printf(arena, "/%.*s", (int)reader->file.length, reader->file.data);
	reader->file = (struct span){};
	return package_file_add(&reader->package, path, &sum, err);
}

static result apk_line(struct apk_reader *reader, struct span line, struct error *err)
{
	struct arena *arena = reader->packages->arena;
	struct span text;

	if (field_is(line, "P:", &text) && span_is_word(text))
		reader->package.name = span_keep(arena, text);
	else if (field_is(line, "V:", &text) && span_is_word(text))
		reader->package.version = span_keep(arena, text);
	else if (field_is(line, "A:", &text) && span_is_word(text))
		reader->package.arch = span_keep(arena, text);
	else if (field_is(line, "F:", &text))
		reader->folder = text;
	else if (field_is(line, "R:", &text))
		reader->file = text;
	else if (field_is(line, "Z:", &text))
		return apk_sum_line(reader, text, err);
	return OK;
}

result apk_installed_parse(const char *text, size_t length, struct packages **out,
			   struct error *err)
{
	owned(packages) struct packages *packages = packages_new(PACKAGES_APK);
	struct apk_reader reader = { .packages = packages };
	struct span rest = { text, length }, line;
	int failed = OK;

	while (!failed && line_next(&rest, &line))
		failed = line.length ? apk_line(&reader, line, err) : apk_package_end(&reader, err);
	if (failed) {
		free(reader.package.files);
		return FAILED;
	}
	if (apk_package_end(&reader, err))
		return FAILED;
	packages_end(packages);
	*out = take(packages);
	return OK;
}
