/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/go_info.h"

#include "base/mem.h"

#include <string.h>

enum {
	ALIGNMENT = 16,     /* of the note, in memory and so in the file */
	HEAD_SIZE = 32,     /* before the texts */
	FLAGS_AT = 15,      /* in the head */
	FLAG_TEXTS = 2,     /* they follow; older ones have pointers to them */
	SENTINEL_SIZE = 16, /* before and behind the second text */
	TEXT_MAX = 1 << 20,
};

/* In two parts: a program that has it as a whole text has a note there. */
#define MAGIC      \
	"\xff Go " \
	"buildinf:"

/** What is left of the file. */
struct rest {
	const uint8_t *data;
	size_t size;
};

/** The length of a text in sevens of bits, least first, and the text. */
static bool text_take(struct rest *rest, const char **text, size_t *length)
{
	size_t size = 0;

	for (unsigned shift = 0;; shift += 7) {
		if (!rest->size || shift > 21)
			return false;
		size |= (size_t)(*rest->data & 0x7f) << shift;
		rest->size--;
		if (!(*rest->data++ & 0x80))
			break;
	}
	if (size > TEXT_MAX || size > rest->size)
		return false;
	*text = (const char *)rest->data;
	*length = size;
	rest->data += size;
	rest->size -= size;
	return true;
}

/** Whether a line tells the machine, or of C code. */
static bool line_is_machine(const char *line, size_t length)
{
	static const char *const names[] = { "GOARCH=",    "GOAMD64=",   "GOARM64=",  "GOARM=",
					     "GO386=",     "GOMIPS=",    "GOMIPS64=", "GOPPC64=",
					     "GORISCV64=", "GOLOONG64=", "CGO_" };
	static const char build[] = "build\t";

	if (length < strlen(build) || memcmp(line, build, strlen(build)) != 0)
		return false;
	line += strlen(build);
	length -= strlen(build);
	for (size_t i = 0; i < countof(names); i++) {
		if (length >= strlen(names[i]) && memcmp(line, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

static bool note_read(struct rest rest, struct buf *out)
{
	const char *version, *text, *end;
	size_t version_length, length;

	if (!(rest.data[FLAGS_AT] & FLAG_TEXTS))
		return false;
	rest.data += HEAD_SIZE;
	rest.size -= HEAD_SIZE;
	if (!text_take(&rest, &version, &version_length) || !text_take(&rest, &text, &length) ||
	    !version_length || length < 2 * SENTINEL_SIZE + 1)
		return false;
	text += SENTINEL_SIZE;
	length -= 2 * SENTINEL_SIZE;
	buf_add(out, version, version_length);
	buf_add_char(out, '\n');
	for (; length && (end = memchr(text, '\n', length)); text = end + 1) {
		const size_t line = (size_t)(end - text);

		if (!line_is_machine(text, line))
			buf_add(out, text, line + 1);
		length -= line + 1;
	}
	return length == 0;
}

bool go_info_read(const uint8_t *data, size_t size, struct buf *out)
{
	for (size_t at = 0; at + HEAD_SIZE <= size; at += ALIGNMENT) {
		if (memcmp(data + at, MAGIC, strlen(MAGIC)) != 0)
			continue;
		buf_clear(out);
		if (note_read((struct rest){ data + at, size - at }, out))
			return true;
	}
	return false;
}
