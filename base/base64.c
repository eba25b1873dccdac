/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t length, struct buf *out)
{
	const uint8_t *bytes = data;

	for (size_t at = 0; at < length; at += 3) {
		size_t left = length - at;
		uint32_t word = (uint32_t)bytes[at] << 16 |
				(left > 1 ? (uint32_t)bytes[at + 1] << 8 : 0) |
				(left > 2 ? bytes[at + 2] : 0);

		buf_add_char(out, digits[word >> 18]);
		buf_add_char(out, digits[word >> 12 & 63]);
		buf_add_char(out, left > 1 ? digits[word >> 6 & 63] : '=');
		buf_add_char(out, left > 2 ? digits[word & 63] : '=');
	}
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool base64_decode(const char *text, size_t length, struct buf *out)
{
	uint32_t word = 0;
	unsigned bits = 0;

	while (length && text[length - 1] == '=')
		length--;
	if (length % 4 == 1)
		return false;
	for (size_t i = 0; i < length; i++) {
		int value = digit_value(text[i]);

		if (value < 0)
			return false;
		word = word << 6 | (uint32_t)value;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		buf_add_char(out, (char)(word >> bits));
	}
	return true;
}
