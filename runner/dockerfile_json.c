/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The exec form.  Whether a line is JSON decides what it means, so this must agree with Go's
 * encoding/json on every text: what that refuses silently goes to the shell.
 *
 * Open brackets are kept in a buffer, so that no nesting takes stack.
 */
#include "runner/dockerfile_internal.h"
#include "runner/unicode.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/** As in Go. */
#define NESTING_MAX 10000

struct json_reader {
	const char *at;
	struct buf open; /* '[' and '{' */
	bool mixed;      /* an element is no string */
	struct words *words;
	struct buf word; /* the string last read */
};

static void skip_blanks(struct json_reader *reader)
{
	while (*reader->at && strchr(" \t\r\n", *reader->at))
		reader->at++;
}

/** Step over a character; false where another stands there. */
static bool take_char(struct json_reader *reader, char c)
{
	if (*reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool hex4(const char *at, uint32_t *out)
{
	char digits[5] = {};

	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)at[i]))
			return false;
		digits[i] = at[i];
	}
	*out = (uint32_t)strtoul(digits, NULL, 16);
	return true;
}

static void add_rune(struct buf *out, uint32_t c)
{
	char bytes[4];

	if (c)
		buf_add(out, bytes, rune_write(c, bytes));
	else
		buf_add_str(out, JSON_WORDS_NUL);
}

/** After "\u": one code unit, or a pair that makes one character. */
static bool read_unit(struct json_reader *reader, struct buf *out)
{
	uint32_t c, low;

	if (!hex4(reader->at, &c))
		return false;
	reader->at += 4;
	if (c >= 0xd800 && c < 0xdc00 && reader->at[0] == '\\' && reader->at[1] == 'u' &&
	    hex4(reader->at + 2, &low) && low >= 0xdc00 && low < 0xe000) {
		reader->at += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xd800 && c < 0xe000) {
		c = RUNE_INVALID;
	}
	add_rune(out, c);
	return true;
}

static bool read_escape(struct json_reader *reader, struct buf *out)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	char c = *reader->at;
	const char *letter = c ? strchr(letters, c) : NULL;

	if (c == 'u') {
		reader->at++;
		return read_unit(reader, out);
	}
	if (!letter)
		return false;
	buf_add_char(out, meanings[letter - letters]);
	reader->at++;
	return true;
}

static bool read_string(struct json_reader *reader, struct buf *out)
{
	if (!take_char(reader, '"'))
		return false;
	while (*reader->at != '"') {
		uint32_t c;

		if ((unsigned char)*reader->at < ' ')
			return false;
		if (take_char(reader, '\\')) {
			if (!read_escape(reader, out))
				return false;
			continue;
		}
		reader->at += rune_read(reader->at, strnlen(reader->at, 4), &c);
		add_rune(out, c);
	}
	reader->at++;
	return true;
}

static bool skip_digits(struct json_reader *reader)
{
	const char *start = reader->at;

	while (isdigit((unsigned char)*reader->at))
		reader->at++;
	return reader->at > start;
}

/** A number that fits a double: Go refuses others. */
static bool read_number(struct json_reader *reader)
{
	const char *start = reader->at;
	owned(str) char *number = NULL;

	take_char(reader, '-');
	if (!take_char(reader, '0') && !skip_digits(reader))
		return false;
	if (take_char(reader, '.') && !skip_digits(reader))
		return false;
	if (take_char(reader, 'e') || take_char(reader, 'E')) {
		if (!take_char(reader, '-'))
			take_char(reader, '+');
		if (!skip_digits(reader))
			return false;
	}
	number = xstrndup(start, (size_t)(reader->at - start));
	return !isinf(strtod(number, NULL));
}

static bool read_literal(struct json_reader *reader)
{
	static const char *const literals[] = { "true", "false", "null" };

	for (size_t i = 0; i < countof(literals); i++) {
		if (starts_with(reader->at, literals[i])) {
			reader->at += strlen(literals[i]);
			return true;
		}
	}
	return read_number(reader);
}

static bool read_key(struct json_reader *reader)
{
	skip_blanks(reader);
	buf_clear(&reader->word);
	if (!read_string(reader, &reader->word))
		return false;
	skip_blanks(reader);
	return take_char(reader, ':');
}

/** A value, or the start of one; `*opened` where it may go on with an element. */
static bool read_value(struct json_reader *reader, bool *opened)
{
	char c;

	skip_blanks(reader);
	c = *reader->at;
	*opened = false;
	if (c == '"') {
		buf_clear(&reader->word);
		if (!read_string(reader, &reader->word))
			return false;
		if (reader->open.length == 1)
			words_add(reader->words, buf_text(&reader->word), reader->word.length);
		return true;
	}
	reader->mixed |= reader->open.length == 1;
	if (c != '[' && c != '{')
		return read_literal(reader);
	reader->at++;
	if (reader->open.length >= NESTING_MAX)
		return false;
	buf_add_char(&reader->open, c);
	skip_blanks(reader);
	*opened = *reader->at != (c == '[' ? ']' : '}');
	return !*opened || c == '[' || read_key(reader);
}

/** After a value: close what ends here; `*more` where another value follows. */
static bool read_separator(struct json_reader *reader, bool *more)
{
	*more = false;
	while (reader->open.length) {
		char c = reader->open.data[reader->open.length - 1];

		skip_blanks(reader);
		if (take_char(reader, ',')) {
			*more = true;
			return c == '[' || read_key(reader);
		}
		if (!take_char(reader, c == '[' ? ']' : '}'))
			return false;
		reader->open.length--;
	}
	skip_blanks(reader);
	return !*reader->at;
}

enum json_words json_words_read(const char *text, struct words *out)
{
	struct json_reader reader = { .words = out };
	size_t count = out->count;
	bool more = true, valid = true;

	reader.at = text + space_prefix(text, strlen(text));
	if (*reader.at != '[')
		return JSON_WORDS_NONE;
	while (valid && more) {
		bool opened = false;

		valid = read_value(&reader, &opened);
		if (valid && !opened)
			valid = read_separator(&reader, &more);
	}
	buf_drop(&reader.open);
	buf_drop(&reader.word);
	if (valid && !reader.mixed)
		return JSON_WORDS_OK;
	out->count = count;
	return valid ? JSON_WORDS_MIXED : JSON_WORDS_NONE;
}
