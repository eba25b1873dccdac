/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Patterns become states of a small automaton that reads a path once, so that no pattern takes
 * more than its length times the path's; where a directory ends, a match covers what is below.
 *
 * Most patterns need none: a plain path, "dir/ **" and "**name" are compared as text.
 */
#include "runner/ignore.h"
#include "runner/glob.h"
#include "runner/unicode.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** Longer than any path. */
#define PATTERN_MAX 4096

enum token_kind {
	TOKEN_CHAR,
	TOKEN_ONE,   /* ?: any character but a slash */
	TOKEN_STAR,  /* *: any number of those */
	TOKEN_CLASS, /* [...] */
	TOKEN_ENTER, /* **: nothing, or TOKEN_DIRS, which follows */
	TOKEN_DIRS,  /* anything up to a slash */
	TOKEN_REST,  /* ** at the end: anything */
};

struct span {
	uint32_t first, last;
};

struct token {
	enum token_kind kind;
	uint32_t c; /* CHAR */
	bool negated;
	const struct span *spans; /* CLASS */
	size_t span_count;
};

enum pattern_kind {
	PATTERN_EXACT,  /* text is the path */
	PATTERN_PREFIX, /* text is how it starts */
	PATTERN_SUFFIX, /* text is how it ends */
	PATTERN_TOKENS,
};

struct pattern {
	enum pattern_kind kind;
	bool includes; /* "!" */
	const char *text;
	size_t length;
	struct token *tokens;
	size_t token_count;
};

struct ignore {
	struct arena *arena;
	struct pattern *patterns;
	size_t count;
};

void ignore_drop(struct ignore **ignore)
{
	if (*ignore) {
		arena_drop(&(*ignore)->arena);
		free((*ignore)->patterns);
		free(*ignore);
	}
	*ignore = NULL;
}

/** The shortest path that means the same by its words alone, as Go's filepath.Clean. */
static void path_clean(const char *path, struct buf *out)
{
	bool rooted = *path == '/';
	size_t base, depth = 0; /* components that ".." may take away */

	buf_clear(out);
	if (rooted)
		buf_add_char(out, '/');
	base = out->length;
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.' && (depth || rooted)) {
			if (depth) {
				const char *cut = memrchr(out->data, '/', out->length);

				out->length = cut ? (size_t)(cut - out->data) : 0;
				if (out->length < base)
					out->length = base;
				out->data[out->length] = '\0';
				depth--;
			}
		} else if (length && !(length == 1 && *path == '.')) {
			if (out->length > base)
				buf_add_char(out, '/');
			depth += !(length == 2 && path[0] == '.' && path[1] == '.');
			buf_add(out, path, length);
		}
		path += length;
		path += strspn(path, "/");
	}
	if (!out->length)
		buf_add_char(out, '.');
}

/** Where the class that starts at `at` ends, or the text. */
static const char *class_end(const char *at)
{
	while (*at && *at != ']')
		at += *at == '\\' && at[1] ? 2 : 1;
	return at;
}

/** "[...]" at `at`; its length in bytes, or 0. */
static size_t class_compile(struct arena *arena, const char *at, struct token *token)
{
	struct span *spans = arena_alloc(arena, (size_t)(class_end(at) - at) * sizeof(*spans));
	const char *start = at++;

	*token = (struct token){ .kind = TOKEN_CLASS, .negated = *at == '^', .spans = spans };
	at += token->negated;
	while (*at != ']' || !token->span_count) {
		struct span *span = &spans[token->span_count++];
		size_t width = class_bound(at, &span->first);

		if (!width)
			return 0;
		at += width;
		span->last = span->first;
		if (*at == '-') {
			width = class_bound(++at, &span->last);
			if (!width || span->last < span->first)
				return 0;
			at += width;
		}
	}
	return (size_t)(at + 1 - start);
}

/** "**" at `at`, with the slash that belongs to it. */
static size_t deep_compile(struct pattern *pattern, const char *at)
{
	size_t width = at[2] == '/' ? 3 : 2;
	struct token *token = &pattern->tokens[pattern->token_count++];

	if (!at[width]) {
		token->kind = TOKEN_REST;
		return width;
	}
	token->kind = TOKEN_ENTER;
	pattern->tokens[pattern->token_count++].kind = TOKEN_DIRS;
	return width;
}

/** The next token of the pattern; its length in bytes, 0 where the pattern is bad. */
static size_t token_compile(struct arena *arena, struct pattern *pattern, const char *at)
{
	struct token *token = &pattern->tokens[pattern->token_count];
	size_t escape = *at == '\\';

	if (at[0] == '*' && at[1] == '*')
		return deep_compile(pattern, at);
	pattern->token_count++;
	if (*at == '[')
		return class_compile(arena, at, token);
	if (*at == '*' || *at == '?') {
		token->kind = *at == '*' ? TOKEN_STAR : TOKEN_ONE;
		return 1;
	}
	if (escape && !at[1])
		return 0;
	return escape + rune_read(at + escape, strlen(at + escape), &token->c);
}

/** Whether text alone will do; patterns that start with "**" have a rule of their own. */
static void pattern_simplify(struct pattern *pattern)
{
	bool deep = pattern->tokens[0].kind == TOKEN_REST || pattern->tokens[0].kind == TOKEN_ENTER;
	size_t from = pattern->tokens[0].kind == TOKEN_ENTER ? 2 : deep;
	size_t plain = from;

	while (plain < pattern->token_count && pattern->tokens[plain].kind == TOKEN_CHAR)
		plain++;
	if (strchr(pattern->text, '\\')) {
		pattern->kind = PATTERN_TOKENS;
	} else if (plain == pattern->token_count) {
		pattern->kind = deep ? PATTERN_SUFFIX : PATTERN_EXACT;
		pattern->text += 2 * deep;
		pattern->length -= 2 * deep;
	} else if (!deep && plain + 1 == pattern->token_count &&
		   pattern->tokens[plain].kind == TOKEN_REST) {
		pattern->kind = PATTERN_PREFIX;
		pattern->length -= 2;
	} else {
		pattern->kind = PATTERN_TOKENS;
	}
}

static result pattern_add(struct ignore *ignore, const char *text, struct error *err)
{
	struct pattern pattern = {};
	owned(buf) struct buf cleaned = {};

	path_clean(text, &cleaned);
	pattern.includes = *buf_text(&cleaned) == '!';
	text = buf_text(&cleaned) + pattern.includes;
	if (!*text)
		return fail(err, FAULT_INPUT, "illegal exclusion pattern: \"!\"");
	pattern.length = strlen(text);
	if (pattern.length > PATTERN_MAX)
		return fail(err, FAULT_INPUT, "a pattern of more than %d bytes", PATTERN_MAX);
	pattern.text = arena_strndup(ignore->arena, text, pattern.length);
	pattern.tokens = arena_alloc(ignore->arena, pattern.length * sizeof(struct token));
	for (const char *at = pattern.text; *at;) {
		size_t used = token_compile(ignore->arena, &pattern, at);

		if (!used)
			return fail(err, FAULT_INPUT, "pattern '%.200s': syntax error in pattern",
				    text);
		at += used;
	}
	pattern_simplify(&pattern);
	array_grow(ignore->patterns, ignore->count);
	ignore->patterns[ignore->count++] = pattern;
	return OK;
}

/** What a line of the file means as a pattern; false where it means nothing. */
static bool line_read(const char *line, size_t length, struct buf *out)
{
	owned(buf) struct buf copy = {};
	size_t start;
	bool includes;

	if (length && *line == '#')
		return false;
	start = space_prefix(line, length);
	line += start;
	length = space_trimmed(line, length - start);
	if (!length)
		return false;
	includes = *line == '!';
	if (includes) {
		start = 1 + space_prefix(line + 1, length - 1);
		line += start;
		length -= start;
	}
	buf_clear(out);
	if (length) {
		buf_add(&copy, line, length);
		path_clean(buf_text(&copy), out);
	}
	buf_clear(&copy);
	buf_printf(&copy, "%s%s", includes ? "!" : "",
		   buf_text(out) + (out->length > 1 && *out->data == '/'));
	buf_clear(out);
	buf_add(out, buf_text(&copy), copy.length);
	return true;
}

static struct ignore *ignore_new(void)
{
	struct ignore *ignore = xnew(struct ignore);

	ignore->arena = arena_new();
	return ignore;
}

result ignore_parse(const char *text, size_t length, const char *name, struct ignore **out,
		    struct error *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	owned(ignore) struct ignore *ignore = ignore_new();
	owned(buf) struct buf pattern = {};
	unsigned number = 0;

	if (length > IGNORE_SIZE_MAX)
		return fail(err, FAULT_INPUT, "%s: more than %u bytes", name, IGNORE_SIZE_MAX);
	if (memchr(text, '\0', length))
		return fail(err, FAULT_INPUT, "%s: has a NUL byte", name);
	if (length >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) {
		text += strlen(mark);
		length -= strlen(mark);
	}
	while (length) {
		const char *newline = memchr(text, '\n', length);
		size_t line = newline ? (size_t)(newline - text) : length;

		number++;
		if (line_read(text, line, &pattern) && pattern_add(ignore, buf_text(&pattern), err))
			return fail_in(err, "%s:%u", name, number);
		text += line + !!newline;
		length -= line + !!newline;
	}
	*out = take(ignore);
	return OK;
}

result ignore_from_strings(const struct strings *patterns, const char *name, struct ignore **out,
			   struct error *err)
{
	owned(ignore) struct ignore *ignore = ignore_new();

	for (size_t i = 0; i < patterns->count; i++) {
		const char *text = patterns->items[i];
		size_t length = strlen(text), start = space_prefix(text, length);
		owned(str) char *pattern =
			xstrndup(text + start, space_trimmed(text + start, length - start));

		if (*pattern && pattern_add(ignore, pattern, err))
			return fail_in(err, "%s", name);
	}
	*out = take(ignore);
	return OK;
}

/** States of the automaton: a bit for each token that may come next, and one for the end. */
struct states {
	uint64_t words[PATTERN_MAX / 64 + 1];
};

static bool states_have(const struct states *states, size_t state)
{
	return states->words[state / 64] >> state % 64 & 1;
}

/** Add a state and those that need no character to reach. */
static void states_add(struct states *states, const struct pattern *pattern, size_t state)
{
	while (!states_have(states, state)) {
		enum token_kind kind;

		states->words[state / 64] |= 1ull << state % 64;
		if (state == pattern->token_count)
			return;
		kind = pattern->tokens[state].kind;
		if (kind == TOKEN_ENTER)
			states_add(states, pattern, state + 2);
		else if (kind != TOKEN_STAR && kind != TOKEN_REST)
			return;
		state++;
	}
}

static bool class_has(const struct token *token, uint32_t c)
{
	for (size_t i = 0; i < token->span_count; i++) {
		if (c >= token->spans[i].first && c <= token->spans[i].last)
			return !token->negated;
	}
	return token->negated;
}

/** Where the token at `state` leads with `c`. */
static void state_step(const struct pattern *pattern, size_t state, uint32_t c, struct states *next)
{
	const struct token *token = &pattern->tokens[state];

	switch (token->kind) {
	case TOKEN_CHAR:
		if (token->c == c)
			states_add(next, pattern, state + 1);
		break;
	case TOKEN_ONE:
		if (c != '/')
			states_add(next, pattern, state + 1);
		break;
	case TOKEN_CLASS:
		if (class_has(token, c))
			states_add(next, pattern, state + 1);
		break;
	case TOKEN_STAR:
		if (c != '/')
			states_add(next, pattern, state);
		break;
	case TOKEN_DIRS:
		states_add(next, pattern, state);
		if (c == '/')
			states_add(next, pattern, state + 1);
		break;
	case TOKEN_REST:
		states_add(next, pattern, state);
		break;
	case TOKEN_ENTER:
		break;
	}
}

/** All states after one more character; false where there are none. */
static bool states_step(const struct pattern *pattern, const struct states *now, uint32_t c,
			struct states *next)
{
	size_t used = pattern->token_count / 64 + 1;
	uint64_t any = 0;

	memset(next, 0, used * sizeof(next->words[0]));
	for (size_t w = 0; w < used; w++) {
		for (uint64_t left = now->words[w]; left; left &= left - 1) {
			size_t state = w * 64 + (size_t)__builtin_ctzll(left);

			if (state < pattern->token_count)
				state_step(pattern, state, c, next);
		}
	}
	for (size_t w = 0; w < used; w++)
		any |= next->words[w];
	return any;
}

/**
 * Run over the path.  True where the pattern matches it or one of its parents; with `below`, where
 * it may match something in that directory.
 */
static bool tokens_match(const struct pattern *pattern, const char *path, bool below)
{
	struct states sets[2], *now = &sets[0], *next = &sets[1];
	size_t left = strlen(path), at = 0;

	memset(now, 0, (pattern->token_count / 64 + 1) * sizeof(now->words[0]));
	states_add(now, pattern, 0);
	while (left) {
		struct states *other = now;
		uint32_t c;
		size_t width = rune_read(path + at, left, &c);

		if (!below && c == '/' && states_have(now, pattern->token_count))
			return true;
		if (!states_step(pattern, now, c, next))
			return false;
		now = next;
		next = other;
		at += width;
		left -= width;
	}
	return below ? states_step(pattern, now, '/', next)
		     : states_have(now, pattern->token_count);
}

/** Whether a path of this length ends as the pattern wants; "/name" is also "name" alone. */
static bool suffix_fits(const struct pattern *pattern, const char *path, size_t length)
{
	if (length >= pattern->length &&
	    memcmp(path + length - pattern->length, pattern->text, pattern->length) == 0)
		return true;
	return pattern->text[0] == '/' && length == pattern->length - 1 &&
	       memcmp(path, pattern->text + 1, length) == 0;
}

static bool pattern_matches(const struct pattern *pattern, const char *path)
{
	switch (pattern->kind) {
	case PATTERN_EXACT:
		return starts_with(path, pattern->text) &&
		       (!path[pattern->length] || path[pattern->length] == '/');
	case PATTERN_PREFIX:
		return strncmp(path, pattern->text, pattern->length) == 0;
	case PATTERN_SUFFIX:
		for (size_t length = 0; path[length]; length++) {
			if (path[length] == '/' && suffix_fits(pattern, path, length))
				return true;
		}
		return suffix_fits(pattern, path, strlen(path));
	case PATTERN_TOKENS:
		break;
	}
	return tokens_match(pattern, path, false);
}

bool ignore_excludes(const struct ignore *ignore, const char *path)
{
	bool excluded = false;

	for (size_t i = 0; ignore && i < ignore->count; i++) {
		const struct pattern *pattern = &ignore->patterns[i];

		if (pattern->includes == excluded && pattern_matches(pattern, path))
			excluded = !excluded;
	}
	return excluded;
}

/** Whether the pattern may match something in the directory. */
static bool pattern_reaches(const struct pattern *pattern, const char *directory)
{
	size_t length = strlen(directory), common;

	switch (pattern->kind) {
	case PATTERN_EXACT:
		return pattern->length > length && pattern->text[length] == '/' &&
		       memcmp(pattern->text, directory, length) == 0;
	case PATTERN_PREFIX:
		common = pattern->length < length ? pattern->length : length;
		return memcmp(pattern->text, directory, common) == 0 &&
		       (pattern->length <= length || pattern->text[length] == '/');
	case PATTERN_SUFFIX:
		return true;
	case PATTERN_TOKENS:
		break;
	}
	return tokens_match(pattern, directory, true);
}

bool ignore_may_reinclude_below(const struct ignore *ignore, const char *path)
{
	for (size_t i = 0; ignore && i < ignore->count; i++) {
		if (ignore->patterns[i].includes && pattern_reaches(&ignore->patterns[i], path))
			return true;
	}
	return false;
}

void ignore_clean_path(const char *path, struct buf *out)
{
	path_clean(path, out);
}
