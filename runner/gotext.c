/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/gotext.h"

enum { SECOND = 1000000000 };

/** The letter of "\n" and its kin, or 0. */
static char short_escape(unsigned char byte)
{
	static const char letters[] = "abtnvfr"; /* from 7, in the order of ASCII */

	return byte >= '\a' && byte <= '\r' ? letters[byte - '\a'] : 0;
}

static void quote_byte(struct buf *out, unsigned char byte, char quote)
{
	if (byte == (unsigned char)quote || byte == '\\')
		buf_printf(out, "\\%c", byte);
	else if (short_escape(byte))
		buf_printf(out, "\\%c", short_escape(byte));
	else if (byte < ' ' || byte >= 0x7f)
		buf_printf(out, "\\x%02x", byte);
	else
		buf_add_char(out, (char)byte);
}

/** Bytes of the UTF-8 sequence at `text`, 0 where it is none. */
static size_t sequence_length(const char *text)
{
	unsigned char first = (unsigned char)*text;
	size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

	if (first < 0xc2 || first > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

void go_quote(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	while (*text) {
		size_t length = sequence_length(text);

		if (length)
			buf_add(out, text, length);
		else
			quote_byte(out, (unsigned char)*text, '"');
		text += length ? length : 1;
	}
	buf_add_char(out, '"');
}

void go_quote_number(struct buf *out, uint32_t number)
{
	bool is_character = number < 0xd800 || (number >= 0xe000 && number <= 0x10ffff);

	buf_add_char(out, '\'');
	if (number < 0x80)
		quote_byte(out, (unsigned char)number, '\'');
	else if (!is_character)
		buf_add_str(out, "\ufffd");
	else if (number >= 0x10000)
		buf_printf(out, "\\U%08x", number);
	else
		buf_printf(out, "\\u%04x", number);
	buf_add_char(out, '\'');
}

/** "1.5" of 1500000000 and 9 digits: a fraction without its trailing zeros. */
static void add_fraction(struct buf *out, uint64_t value, int digits)
{
	owned(buf) struct buf text = {};
	size_t length = (size_t)digits;
	uint64_t unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	buf_printf(out, "%llu", (unsigned long long)(value / unit));
	if (value % unit == 0)
		return;
	buf_printf(&text, "%0*llu", digits, (unsigned long long)(value % unit));
	while (length && text.data[length - 1] == '0')
		length--;
	buf_printf(out, ".%.*s", (int)length, text.data);
}

void go_duration(struct buf *out, int64_t nanoseconds)
{
	static const struct {
		uint64_t below;
		int digits;
		const char *unit;
	} small[] = { { 1000, 0, "ns" }, { 1000000, 3, "\u00b5s" }, { SECOND, 6, "ms" } };
	uint64_t rest = nanoseconds < 0 ? -(uint64_t)nanoseconds : (uint64_t)nanoseconds;
	uint64_t minutes = rest / SECOND / 60;

	if (nanoseconds < 0)
		buf_add_char(out, '-');
	for (size_t i = 0; rest && i < countof(small); i++) {
		if (rest < small[i].below) {
			add_fraction(out, rest, small[i].digits);
			buf_add_str(out, small[i].unit);
			return;
		}
	}
	if (minutes >= 60)
		buf_printf(out, "%lluh", (unsigned long long)(minutes / 60));
	if (minutes)
		buf_printf(out, "%llum", (unsigned long long)(minutes % 60));
	add_fraction(out, rest - minutes * 60 * SECOND, 9);
	buf_add_char(out, 's');
}

void go_list(struct buf *out, const struct strings *words, bool quoted)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < words->count; i++) {
		if (i)
			buf_add_char(out, ' ');
		if (quoted)
			go_quote(out, words->items[i]);
		else
			buf_add_str(out, words->items[i]);
	}
	buf_add_char(out, ']');
}
