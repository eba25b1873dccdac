/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/columns.h"

#include <stdint.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

/*
 * Blocks rather than single characters, and neutral ones among them: a character that is taken for
 * wider than it is leaves a gap, one that is taken for narrower breaks the line.
 */
/* clang-format off */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2329, 0x232a },   { 0x23e9, 0x23f3 },
	{ 0x25fd, 0x25fe },   { 0x2600, 0x27bf },   { 0x2b1b, 0x2b1c },   { 0x2b50, 0x2b55 },
	{ 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xa960, 0xa97f },   { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff },   { 0xfe10, 0xfe19 },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 },   { 0x16fe0, 0x18dff }, { 0x1aff0, 0x1b2ff }, { 0x1f000, 0x1faff },
	{ 0x20000, 0x3ffff },
};

/** Combining marks and joiners that are met in practice. */
static const struct range empty[] = {
	{ 0x0300, 0x036f },   { 0x0483, 0x0489 },   { 0x0591, 0x05bd },   { 0x0610, 0x061a },
	{ 0x064b, 0x065f },   { 0x200b, 0x200d },   { 0x20d0, 0x20f0 },   { 0xfe00, 0xfe0f },
	{ 0xfe20, 0xfe2f },   { 0xe0100, 0xe01ef },
};
/* clang-format on */

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return false;
}

/** Decode one character of valid UTF-8 (what text_escape() leaves); a stray byte counts as one. */
static uint32_t decode(const char **text)
{
	unsigned char lead = (unsigned char)*(*text)++;
	uint32_t c = lead < 0xc0   ? lead
		     : lead < 0xe0 ? lead & 0x1f
		     : lead < 0xf0 ? lead & 0xf
				   : lead & 7;

	while (lead >= 0xc0 && (**text & 0xc0) == 0x80)
		c = c << 6 | (*(*text)++ & 0x3f);
	return c;
}

static size_t width_of(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (is_in(c, empty, countof(empty)))
		return 0;
	return is_in(c, wide, countof(wide)) ? 2 : 1;
}

size_t columns_of(const char *text)
{
	size_t columns = 0;

	while (*text)
		columns += width_of(decode(&text));
	return columns;
}

void columns_pad(struct buf *out, size_t count)
{
	while (count--)
		buf_add_char(out, ' ');
}

void columns_add(struct buf *out, const char *text, size_t columns)
{
	bool cut = columns_of(text) > columns;
	size_t room = cut && columns ? columns - 1 : columns;

	while (*text) {
		const char *next = text;
		size_t width = width_of(decode(&next));

		if (width > room)
			break;
		room -= width;
		if (*text == '\t')
			buf_add_char(out, ' ');
		else
			buf_add(out, text, (size_t)(next - text));
		text = next;
	}
	if (cut && columns)
		buf_add_str(out, "…");
}
