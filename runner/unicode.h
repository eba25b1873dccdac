/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a Dockerfile may hold beyond ASCII: UTF-8, and which characters are blank or make a name.
 *
 * The C library's classes depend on a locale, and none of them is the Unicode category that
 * BuildKit asks for.
 */
#ifndef RUNNER_UNICODE_H
#define RUNNER_UNICODE_H

#include "base/defs.h"

/** What a byte that is no UTF-8 stands for; such bytes are read one by one. */
#define RUNE_INVALID 0xfffdu

/** Read one character of the at least one byte left; returns its width in bytes. */
size_t rune_read(const char *at, size_t left, uint32_t *out);

/** Write one as UTF-8; returns its width. */
size_t rune_write(uint32_t c, char out[4]);

bool rune_is_letter(uint32_t c); /* category L */
bool rune_is_digit(uint32_t c);  /* category Nd */
bool rune_is_space(uint32_t c);  /* property White_Space */

/** How many bytes of blanks the text starts with; its length without the blanks at its end. */
size_t space_prefix(const char *text, size_t length);
size_t space_trimmed(const char *text, size_t length);

#endif
