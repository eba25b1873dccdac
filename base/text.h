/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Text: a growing buffer, a list of strings, strict numbers.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/error.h"

/** Bytes that grow; `data` is NUL-terminated whenever it is not NULL.  Starts as {}. */
struct buf {
	char *data;
	size_t length, capacity;
};

void buf_drop(struct buf *buf);
void buf_add(struct buf *buf, const void *data, size_t length);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);

/** Room for at least `more` bytes after `length`; the caller adds to `length` what it wrote. */
char *buf_reserve(struct buf *buf, size_t more);

/** Set the length to zero and keep the memory. */
void buf_clear(struct buf *buf);

/** The text, "" where nothing was ever added; valid until the next change. */
const char *buf_text(const struct buf *buf);

/** The text as a string that the caller frees; the buffer is empty afterwards. */
char *buf_take(struct buf *buf);

/** Strings that are owned; `items` is NULL-terminated whenever it is not NULL.  Starts as {}. */
struct strings {
	char **items;
	size_t count;
};

void strings_drop(struct strings *strings);
void strings_add(struct strings *strings, const char *text);
void strings_printf(struct strings *strings, const char *format, ...) PRINTF(2, 3);

/** Copy every item of a NULL-terminated list (NULL: an empty one). */
void strings_add_all(struct strings *strings, char *const *items);
/** Remove every item that equals `text`; the order of the others stays. */
void strings_remove(struct strings *strings, const char *text);
bool strings_have(const struct strings *strings, const char *text);

/** Sort by bytes; then strings_have_sorted() finds one without looking at all. */
void strings_sort(struct strings *strings);
bool strings_have_sorted(const struct strings *strings, const char *text);

/** Split at every `separator`; empty parts are kept. */
void strings_split(struct strings *strings, const char *text, char separator);

/** The PATH of a program that nobody gave one, as Docker has it. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** The value of NAME in a list of "NAME=value", or NULL.  The last one wins. */
const char *env_get(const struct strings *env, const char *name);

/** Replace or add NAME=value; the place of an old entry is kept. */
void env_set(struct strings *env, const char *name, const char *value);

/**
 * A path as seen from its root: absolute, without empty parts, "." and "..", which stays at the
 * root.  "" and ".." are "/".  The caller frees it.
 */
char *path_absolute(const char *path);

bool starts_with(const char *text, const char *prefix);
bool ends_with(const char *text, const char *suffix);

/** A whole decimal number without sign, blanks or leading plus; FAULT_INPUT else. */
result number_parse(const char *text, uint64_t max, uint64_t *out, struct error *err);

/**
 * Bytes, or a decimal fraction, with an optional b, k, m, g, t, p (powers of 1024, any case, "kb"
 * and "kib" alike), maybe after a blank.
 */
result size_parse(const char *text, uint64_t *out, struct error *err);

#define SIZE_TEXT_MAX 16
/** For people: "4.2 MB" (powers of 1000, as docker prints them). */
const char *size_text(uint64_t bytes, char text[SIZE_TEXT_MAX]);

/** Edits of a byte from one word to another; SIZE_MAX where one has more than 64 bytes. */
size_t edit_distance(const char *a, const char *b);

/**
 * The item nearest to `word` by edits, or NULL where none is near: on the command line, where the
 * longer a word is, the more of it may be wrong.
 */
const char *nearest(const char *word, const char *const *items, size_t count);

/**
 * The same in a Dockerfile, as BuildKit has it: fewer than three edits, and none where the word is
 * an item itself, which then is not what was wrong.
 */
const char *nearest_slip(const char *word, const char *const *items, size_t count);

#define HINT_MAX 96
/** " (did you mean NEAR?)" with `mark` before it, for the end of a message; "" without one. */
const char *hint_text(const char *mark, const char *near, char text[HINT_MAX]);

/**
 * Make untrusted text safe for a terminal or a log: control characters (C0 but tab, DEL, C1),
 * bidirectional overrides and invalid UTF-8 are added to `out` as \xNN or \u{NNNN}.
 */
void text_escape(struct buf *out, const char *text, size_t length);

#endif
