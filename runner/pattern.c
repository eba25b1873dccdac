/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Matching without backtracking: what stands between two stars has a fixed length, so that its
 * earliest place is as good as any, and only the last piece decides how long the match is.
 */
#include "runner/pattern.h"
#include "runner/unicode.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/** Beyond Unicode. */
enum { ANY = 0x110000, STAR };

/** Comparisons that one match may cost: a few times what a sane pattern on 1 MiB needs. */
#define WORK_MAX (1u << 26)

/** The caller refuses more than this anyway. */
#define OUTPUT_MAX (1u << 20)

/** Characters, and where each starts in the text; `offsets` has one more for the end. */
struct runes {
	uint32_t *items;
	size_t *offsets;
	size_t count;
};

static void runes_drop(struct runes *runes)
{
	free(runes->items);
	free(runes->offsets);
	*runes = (struct runes){};
}

static struct runes runes_read(const char *text)
{
	size_t length = strlen(text), at = 0;
	struct runes runes = { .items = xcalloc(length + 1, sizeof(uint32_t)),
			       .offsets = xcalloc(length + 1, sizeof(size_t)) };

	while (at < length) {
		runes.offsets[runes.count] = at;
		at += rune_read(text + at, length - at, &runes.items[runes.count++]);
	}
	runes.offsets[runes.count] = length;
	return runes;
}

static void reverse(uint32_t *items, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		uint32_t other = items[count - 1 - i];

		items[count - 1 - i] = items[i];
		items[i] = other;
	}
}

/** Resolve the escapes in place; what is left are characters, ANY and STAR. */
static result pattern_compile(const char *text, struct runes *pattern, struct error *err)
{
	size_t used = 0;

	for (size_t i = 0; i < pattern->count; i++) {
		uint32_t c = pattern->items[i];

		if (c == '*') {
			c = STAR;
		} else if (c == '?') {
			c = ANY;
		} else if (c == '\\') {
			c = i + 1 < pattern->count ? pattern->items[++i] : 0;
			if (!c || !strchr("*?\\/}", c < 0x80 ? (int)c : 'x'))
				return fail(err, FAULT_INPUT,
					    "invalid pattern (%.200s) in substitution: "
					    "a backslash escapes only * ? \\ / }",
					    text);
		}
		pattern->items[used++] = c;
	}
	pattern->count = used;
	return OK;
}

struct matcher {
	const uint32_t *text;
	size_t length;
	const uint32_t *pattern;
	size_t pattern_length;
	bool longest;
	bool started; /* the last try failed after its first piece */
	size_t work;  /* left; 0: given up */
};

/** The end of the piece of the pattern that starts at `from`. */
static size_t piece_end(const struct matcher *matcher, size_t from)
{
	while (from < matcher->pattern_length && matcher->pattern[from] != STAR)
		from++;
	return from;
}

static bool piece_fits(struct matcher *matcher, size_t at, size_t from, size_t to)
{
	if (matcher->length - at < to - from)
		return false;
	for (; from < to; from++, at++) {
		uint32_t c = matcher->text[at], want = matcher->pattern[from];

		if (matcher->work && --matcher->work == 0)
			return false;
		if (want == ANY ? c == '\n' : c != want)
			return false;
	}
	return true;
}

/** Where the piece is first (or last) found at or after `at`, without a newline in between. */
static ssize_t piece_find(struct matcher *matcher, size_t at, size_t from, size_t to, bool last)
{
	ssize_t found = -1;

	for (; matcher->work; at++) {
		if (piece_fits(matcher, at, from, to))
			found = (ssize_t)at;
		if ((found >= 0 && !last) || at >= matcher->length || matcher->text[at] == '\n')
			break;
	}
	return found;
}

/** Match the whole pattern at `start`; where it ends, or -1. */
static ssize_t match_at(struct matcher *matcher, size_t start)
{
	size_t to = piece_end(matcher, 0), at = start + to;

	matcher->started = piece_fits(matcher, start, 0, to);
	if (!matcher->started)
		return -1;
	while (to < matcher->pattern_length) {
		size_t from = to + 1;
		bool last;
		ssize_t found;

		to = piece_end(matcher, from);
		last = to == matcher->pattern_length;
		found = piece_find(matcher, at, from, to, last && matcher->longest);
		if (found < 0)
			return -1;
		at = (size_t)found + (to - from);
	}
	return (ssize_t)at;
}

static int too_costly(const char *pattern, struct error *err)
{
	return fail(err, FAULT_INPUT, "pattern (%.200s) in substitution: takes too long to match",
		    pattern);
}

result pattern_trim(const char *pattern, const char *value, unsigned how, struct buf *out,
		    struct error *err)
{
	owned(runes) struct runes tokens = runes_read(pattern), text = runes_read(value);
	struct matcher matcher = { .longest = how & TRIM_LONGEST, .work = WORK_MAX };
	size_t cut = 0;
	ssize_t end;

	if (pattern_compile(pattern, &tokens, err))
		return FAILED;
	if (how & TRIM_SUFFIX) {
		reverse(tokens.items, tokens.count);
		reverse(text.items, text.count);
	}
	matcher.text = text.items;
	matcher.length = text.count;
	matcher.pattern = tokens.items;
	matcher.pattern_length = tokens.count;
	end = match_at(&matcher, 0);
	if (!matcher.work)
		return too_costly(pattern, err);
	if (end > 0)
		cut = (size_t)end;
	if (how & TRIM_SUFFIX)
		buf_add(out, value, text.offsets[text.count - cut]);
	else
		buf_add_str(out, value + text.offsets[cut]);
	return OK;
}

/** The name after a dollar in a replacement; 0 bytes where there is none. */
static size_t reference_read(const char *text, bool *whole_match)
{
	bool brace = *text == '{';
	const char *name = text + brace, *at = name;
	size_t left = strlen(name);
	uint32_t c;

	while (left > 0) {
		size_t width = rune_read(at, left, &c);

		if (!rune_is_letter(c) && !rune_is_digit(c) && c != '_')
			break;
		at += width;
		left -= width;
	}
	if (at == name || (brace && *at != '}'))
		return 0;
	*whole_match = at == name + 1 && *name == '0';
	return (size_t)(at - text) + brace;
}

static void add_replacement(struct buf *out, const char *text, const char *match, size_t length)
{
	for (;;) {
		const char *dollar = strchrnul(text, '$');
		bool whole_match = false;
		size_t used;

		buf_add(out, text, (size_t)(dollar - text));
		if (!*dollar || out->length > OUTPUT_MAX)
			return;
		text = dollar + 1;
		used = *text == '$' ? 0 : reference_read(text, &whole_match);
		if (whole_match)
			buf_add(out, match, length);
		else if (used == 0)
			buf_add_char(out, '$');
		text += used + (*text == '$');
	}
}

/**
 * The first match at or after `*start`, which moves there; its end, or -1.  Where the first piece
 * fits and a later one does not, no other start on this line has more to choose from.
 */
static ssize_t search(struct matcher *matcher, size_t *start)
{
	for (size_t at = *start; at <= matcher->length && matcher->work; at++) {
		ssize_t end = match_at(matcher, at);

		if (end >= 0) {
			*start = at;
			return end;
		}
		while (matcher->started && at < matcher->length && matcher->text[at] != '\n')
			at++;
	}
	return -1;
}

/** Every match, leftmost first; an empty one right behind another does not count. */
static void replace_all(struct matcher *matcher, const struct runes *text, const char *value,
			const char *replacement, struct buf *out)
{
	size_t copied = 0, from = 0;

	while (from <= text->count && out->length <= OUTPUT_MAX) {
		size_t start = from;
		ssize_t end = search(matcher, &start);

		if (end < 0)
			break;
		buf_add(out, value + text->offsets[copied],
			text->offsets[start] - text->offsets[copied]);
		if ((size_t)end > copied || start == 0)
			add_replacement(out, replacement, value + text->offsets[start],
					text->offsets[end] - text->offsets[start]);
		copied = (size_t)end;
		from = from + 1 > (size_t)end ? from + 1 : (size_t)end;
	}
	buf_add_str(out, value + text->offsets[copied]);
}

result pattern_replace(const char *pattern, const char *value, const char *replacement, bool all,
		       struct buf *out, struct error *err)
{
	owned(runes) struct runes tokens = runes_read(pattern), text = runes_read(value);
	struct matcher matcher = { .longest = true, .work = WORK_MAX };
	size_t start = 0;
	ssize_t end;

	if (pattern_compile(pattern, &tokens, err))
		return FAILED;
	matcher.text = text.items;
	matcher.length = text.count;
	matcher.pattern = tokens.items;
	matcher.pattern_length = tokens.count;
	if (all) {
		replace_all(&matcher, &text, value, replacement, out);
	} else {
		end = search(&matcher, &start);
		if (end < 0) {
			buf_add_str(out, value);
		} else {
			buf_add(out, value, text.offsets[start]);
			buf_add_str(out, replacement);
			buf_add_str(out, value + text.offsets[end]);
		}
	}
	return matcher.work ? OK : too_costly(pattern, err);
}
