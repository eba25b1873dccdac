/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/glob.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/unicode.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

/* ---- patterns ---- */

size_t class_bound(const char *at, uint32_t *out)
{
	size_t escape = *at == '\\', width;

	if (!*at || *at == '-' || *at == ']' || !at[escape])
		return 0;
	width = rune_read(at + escape, strnlen(at + escape, 4), out);
	return at[escape + width] && !(*out == RUNE_INVALID && width == 1) ? escape + width : 0;
}

/** Whether a character is in "[...]" at `at`; the class's length in bytes, 0 where malformed. */
static size_t class_read(const char *at, uint32_t c, bool *matched)
{
	const char *start = at++;
	bool negated = *at == '^', found = false;

	at += negated;
	do {
		uint32_t low, high;
		size_t width = class_bound(at, &low);

		if (!width)
			return 0;
		at += width;
		high = low;
		if (*at == '-') {
			width = class_bound(++at, &high);
			if (!width)
				return 0;
			at += width;
		}
		found |= low <= c && c <= high;
	} while (*at != ']');
	*matched = found != negated;
	return (size_t)(at + 1 - start);
}

/**
 * Whether what stands at `at`, but no star, takes the character `c`, written in `width` bytes at
 * `name`; its own length in bytes, 0 where it is malformed.
 */
static size_t element_read(const char *at, const char *name, size_t width, uint32_t c,
			   bool *matched)
{
	size_t escape = *at == '\\', own;
	uint32_t ignored;

	if (*at == '?') {
		*matched = true;
		return 1;
	}
	if (*at == '[')
		return class_read(at, c, matched);
	if (!at[escape])
		return 0;
	own = rune_read(at + escape, strnlen(at + escape, 4), &ignored);
	*matched = own == width && memcmp(at + escape, name, own) == 0;
	return escape + own;
}

result glob_check(const char *pattern, struct error *err)
{
	for (const char *at = pattern; *at;) {
		bool ignored;
		size_t length = *at == '*' ? 1 : element_read(at, "", 0, 0, &ignored);

		if (!length)
			return fail(err, FAULT_INPUT, "pattern '%.200s': syntax error in pattern",
				    pattern);
		at += length;
	}
	return OK;
}

bool name_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	for (;;) {
		size_t width = 0, length = 0;
		bool matched = false;
		uint32_t c;

		if (*pattern == '*') {
			star = ++pattern;
			retry = name;
			continue;
		}
		if (!*name && !*pattern)
			return true;
		if (*name && *pattern) {
			width = rune_read(name, strnlen(name, 4), &c);
			length = element_read(pattern, name, width, c, &matched);
		}
		if (length && matched) {
			pattern += length;
			name += width;
			continue;
		}
		/* Only the last star needs to be tried again: linear times the length. */
		if (!star || !*retry)
			return false;
		pattern = star;
		name = ++retry;
	}
}

bool glob_is_wild(const char *text)
{
	for (; *text; text++) {
		if (strchr("*?[", *text))
			return true;
		if (*text == '\\' && !*++text)
			break;
	}
	return false;
}

/* ---- files ---- */

/**
 * Names in a directory that match, sorted; a path that is no directory has none, and with
 * `flags` of O_NOFOLLOW one that is a link.
 */
static result names_match(int root_fd, const char *path, int flags, const char *pattern,
			  struct strings *out, struct error *err)
{
	int fd = open_in_root(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | flags, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		fd_drop(&fd);
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return OK;
		return fail_sys(err, "open %s", path);
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    name_matches(pattern, entry->d_name))
			strings_printf(out, "%s%s%s", path, *path ? "/" : "", entry->d_name);
	}
	closedir(dir);
	strings_sort(out);
	return OK;
}

char *glob_directory(const char *pattern)
{
	owned(str) char *clean = path_absolute(pattern);
	size_t end = 1;

	for (char *at = clean + 1; *at;) {
		size_t length = strcspn(at, "/");
		owned(str) char *part = xstrndup(at, length);

		if (glob_is_wild(part))
			break;
		at += length;
		end = (size_t)(at - clean);
		at += *at == '/';
	}
	return xstrndup(clean + 1, end - 1);
}

result glob_paths(int root_fd, const char *pattern, struct strings *out, bool *wild,
		  struct error *err)
{
	owned(str) char *clean = path_absolute(pattern), *directory = glob_directory(pattern);
	owned(strings) struct strings parts = {}, found = {};
	const char *rest = clean + 1 + strlen(directory);

	*wild = *rest != '\0';
	if (*wild)
		strings_split(&parts, rest + (*rest == '/'), '/');
	strings_add(&found, directory);
	for (size_t i = 0; i < parts.count; i++) {
		struct strings next = {};

		for (size_t j = 0; j < found.count; j++) {
			if (names_match(root_fd, found.items[j], i ? O_NOFOLLOW : 0, parts.items[i],
					&next, err)) {
				strings_drop(&next);
				return FAILED;
			}
		}
		strings_drop(&found);
		found = next;
	}
	strings_add_all(out, found.items);
	return OK;
}
