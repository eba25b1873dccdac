/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void buf_drop(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){};
}

char *buf_reserve(struct buf *buf, size_t more)
{
	size_t want;

	if (__builtin_add_overflow(buf->length, more, &want) || want == SIZE_MAX)
		abort();
	if (want + 1 > buf->capacity) {
		size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;

		while (capacity < want + 1)
			capacity *= 2;
		buf->data = xrealloc(buf->data, capacity, 1);
		buf->capacity = capacity;
		buf->data[buf->length] = '\0';
	}
	return buf->data + buf->length;
}

void buf_add(struct buf *buf, const void *data, size_t length)
{
	char *end = buf_reserve(buf, length);

	if (length)
		memcpy(end, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void buf_add_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char byte)
{
	buf_add(buf, &byte, 1);
}

static void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	va_list again;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length > 0) {
		vsnprintf(buf_reserve(buf, (size_t)length), (size_t)length + 1, format, again);
		buf->length += (size_t)length;
	}
	va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(buf, format, args);
	va_end(args);
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *text;

	buf_reserve(buf, 0);
	text = buf->data;
	*buf = (struct buf){};
	return text;
}

void strings_drop(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct strings){};
}

/** Append a string that is already ours; one slot stays free for the closing NULL. */
static void strings_push(struct strings *strings, char *text)
{
	size_t used = strings->count + 1;

	if ((used & (used - 1)) == 0 || !strings->items)
		strings->items = xrealloc(strings->items, used * 2, sizeof(char *));
	strings->items[strings->count++] = text;
	strings->items[strings->count] = NULL;
}

void strings_add(struct strings *strings, const char *text)
{
	strings_push(strings, xstrdup(text));
}

void strings_printf(struct strings *strings, const char *format, ...)
{
	struct buf buf = {};
	va_list args;

	va_start(args, format);
	buf_vprintf(&buf, format, args);
	va_end(args);
	strings_push(strings, buf_take(&buf));
}

void strings_add_all(struct strings *strings, char *const *items)
{
	for (; items && *items; items++)
		strings_add(strings, *items);
}

void strings_remove(struct strings *strings, const char *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < strings->count; i++) {
		if (strcmp(strings->items[i], text) == 0)
			free(strings->items[i]);
		else
			strings->items[kept++] = strings->items[i];
	}
	strings->count = kept;
	if (strings->items)
		strings->items[kept] = NULL;
}

bool strings_have(const struct strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++) {
		if (strcmp(strings->items[i], text) == 0)
			return true;
	}
	return false;
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *strings)
{
	if (strings->count)
		qsort(strings->items, strings->count, sizeof(*strings->items), text_compare);
}

bool strings_have_sorted(const struct strings *strings, const char *text)
{
	return strings->count && bsearch(&text, strings->items, strings->count,
					 sizeof(*strings->items), text_compare);
}

void strings_split(struct strings *strings, const char *text, char separator)
{
	for (;;) {
		const char *end = strchrnul(text, separator);

		strings_push(strings, xstrndup(text, (size_t)(end - text)));
		if (!*end)
			return;
		text = end + 1;
	}
}

static bool names_variable(const char *entry, const char *name, size_t length)
{
	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *env_get(const struct strings *env, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = env->count; i-- > 0;) {
		if (names_variable(env->items[i], name, length))
			return env->items[i] + length + 1;
	}
	return NULL;
}

void env_set(struct strings *env, const char *name, const char *value)
{
	size_t length = strlen(name);
	char *entry;

	for (size_t i = 0; i < env->count; i++) {
		if (!names_variable(env->items[i], name, length))
			continue;
		/* The value may be the old one. */
		entry = xasprintf("%s=%s", name, value);
		free(env->items[i]);
		env->items[i] = entry;
		return;
	}
	strings_printf(env, "%s=%s", name, value);
}

char *path_absolute(const char *path)
{
	struct buf out = {};

	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && strncmp(path, "..", 2) == 0) {
			char *slash = out.length ? strrchr(out.data, '/') : NULL;

			out.length = slash ? (size_t)(slash - out.data) : 0;
			if (slash)
				*slash = '\0';
		} else if (length && !(length == 1 && *path == '.')) {
			buf_add_char(&out, '/');
			buf_add(&out, path, length);
		}
		path += length;
		path += strspn(path, "/");
	}
	if (!out.length)
		buf_add_char(&out, '/');
	return buf_take(&out);
}

bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), tail = strlen(suffix);

	return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

/** Read digits at *cursor and step over them; false where there are none or too many. */
static bool digits_read(const char **cursor, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	const char *at = *cursor;

	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value) || value > max)
			return false;
	}
	*cursor = at;
	*out = value;
	return true;
}

result number_parse(const char *text, uint64_t max, uint64_t *out, struct error *err)
{
	const char *end = text;
	uint64_t value;

	if (!digits_read(&end, max, &value) || *end)
		return fail(err, FAULT_INPUT, "'%s': want a number from 0 to %llu", text,
			    (unsigned long long)max);
	*out = value;
	return OK;
}

/** The power of 1024 that a unit's name ("", "b", "k", "kb", "kib" ...) stands for; -1: it is none.
 */
static int unit_power(const char *name)
{
	static const char units[] = "bkmgtp";
	const char *unit = *name ? strchr(units, tolower((unsigned char)*name)) : units;

	if (!unit)
		return -1;
	name += *name != '\0';
	if (unit == units)
		return *name ? -1 : 0;
	return !*name || strcasecmp(name, "b") == 0 || strcasecmp(name, "ib") == 0
		       ? (int)(unit - units)
		       : -1;
}

result size_parse(const char *text, uint64_t *out, struct error *err)
{
	size_t length = strspn(text, "0123456789.");
	int power = unit_power(text + length + (length && text[length] == ' '));
	char *end = NULL;
	/* A mantissa of 64 bits holds every whole number that is allowed. */
	long double value = length ? strtold(text, &end) : -1;

	if (power < 0 || end != text + length)
		goto bad;
	value *= (long double)(1ULL << (10 * power));
	if (value >= 0x1p63L)
		goto bad;
	*out = (uint64_t)value;
	return OK;
bad:
	return fail(err, FAULT_INPUT, "'%s': want a size such as 64m or 2g", text);
}

const char *size_text(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 999.5 && unit + 1 < countof(units); unit++)
		value /= 1000;
	snprintf(text, SIZE_TEXT_MAX, unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value,
		 units[unit]);
	return text;
}

/** Decode one UTF-8 character; 0 bytes where it is malformed, overlong or a surrogate. */
static size_t utf8_decode(const unsigned char *at, size_t left, uint32_t *out)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *at < 0x80   ? 1
			: *at < 0xc2 ? 0
			: *at < 0xe0 ? 2
			: *at < 0xf0 ? 3
			: *at < 0xf5 ? 4
				     : 0;
	uint32_t value;

	if (length == 0 || length > left)
		return 0;
	value = length == 1 ? *at : *at & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*out = value;
	return length;
}

static bool is_harmful(uint32_t c)
{
	return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e ||
	       c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       c == 0xfeff;
}

void text_escape(struct buf *out, const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text;

	while (length > 0) {
		uint32_t c = 0;
		size_t bytes = utf8_decode(at, length, &c);

		if (bytes == 0) {
			buf_printf(out, "\\x%02x", *at);
			bytes = 1;
		} else if (!is_harmful(c)) {
			buf_add(out, at, bytes);
		} else if (c < 0x80) {
			buf_printf(out, "\\x%02x", c);
		} else {
			buf_printf(out, "\\u{%x}", c);
		}
		at += bytes;
		length -= bytes;
	}
}

size_t edit_distance(const char *a, const char *b)
{
	enum { WORD_MAX = 64 };
	size_t row[WORD_MAX + 1], a_length = strlen(a), b_length = strlen(b);

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_length];
}

/** The first of those with the fewest edits, fewer than `limit`. */
static const char *nearest_below(const char *word, const char *const *items, size_t count,
				 size_t limit)
{
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t distance = edit_distance(word, items[i]);

		if (distance < limit) {
			limit = distance;
			found = items[i];
		}
	}
	return found;
}

const char *nearest(const char *word, const char *const *items, size_t count)
{
	size_t limit = strlen(word) / 3 + 1;

	/* Of short words a little more. */
	return nearest_below(word, items, count, limit <= 3 ? limit + 1 : limit);
}

const char *nearest_slip(const char *word, const char *const *items, size_t count)
{
	const char *found = nearest_below(word, items, count, 3);

	return found && strcmp(found, word) != 0 ? found : NULL;
}

const char *hint_text(const char *mark, const char *near, char text[HINT_MAX])
{
	snprintf(text, HINT_MAX, near ? " (did you mean %s%s?)" : "", mark, near);
	return text;
}
