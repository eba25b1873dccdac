/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lexer that runs over the word once, by recursive descent; ${name-word} nests.
 *
 * All bytes are copied as they are; characters are only told apart where names and blanks may lie
 * beyond ASCII.
 */
#include "runner/expand.h"
#include "runner/pattern.h"
#include "runner/unicode.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** Names that expand_named() tells at most. */
#define NAMES_MAX 1000

#define NOT_SET "is not allowed to be unset"
#define EMPTY   "is not allowed to be empty"

/** The word that is being split off, and where finished ones go. */
struct words {
	struct buf word;
	struct strings *out;
};

struct lexer {
	const char *at, *end;
	char escape;
	bool raw_escapes; /* as flags say, but inside a pattern always */
	unsigned flags;
	unsigned depth;
	bool limited; /* err tells about a limit, which nobody may overwrite */
	const struct strings *env;
	struct expand_names *names; /* or NULL */
	struct words *words;        /* or NULL: only the whole is wanted */
	struct error *err;
};

/** What stands between the braces. */
struct reference {
	const char *name;
	size_t name_length;
	const char *value; /* NULL where it is not set */
	const char *mark;  /* ":-" */
	size_t mark_length;
};

static result lex_until(struct lexer *lexer, char stop, struct buf *out);

static bool at_end(const struct lexer *lexer)
{
	return lexer->at >= lexer->end;
}

static size_t peek(const struct lexer *lexer, uint32_t *c)
{
	return rune_read(lexer->at, (size_t)(lexer->end - lexer->at), c);
}

static int syntax(struct lexer *lexer, const char *what)
{
	return fail(lexer->err, FAULT_INPUT, "%s", what);
}

static void words_end(struct words *words)
{
	if (words->word.length)
		strings_add(words->out, buf_text(&words->word));
	buf_clear(&words->word);
}

/** Add text to the word, whole or cut at its blanks. */
static void words_add(struct words *words, const char *text, size_t length, bool whole)
{
	for (size_t at = 0, width; at < length; at += width) {
		uint32_t c;

		width = whole ? length : rune_read(text + at, length - at, &c);
		if (!whole && rune_is_space(c))
			words_end(words);
		else
			buf_add(&words->word, text + at, width);
	}
}

/** Add to the result, and to the words; `whole` text has no blanks that part words. */
static result emit(struct lexer *lexer, struct buf *out, const char *text, size_t length,
		   bool whole)
{
	if (length > EXPAND_SIZE_MAX || out->length + length > EXPAND_SIZE_MAX) {
		lexer->limited = true;
		return fail(lexer->err, FAULT_INPUT, "the result has more than %u bytes",
			    EXPAND_SIZE_MAX);
	}
	buf_add(out, text, length);
	if (lexer->words)
		words_add(lexer->words, text, length, whole);
	return OK;
}

/** Take note of a name, once; in a list of NAMES_MAX at most. */
static void name_note(struct strings *list, const char *name, size_t length)
{
	owned(str) char *copy = NULL;

	if (!length || list->count >= NAMES_MAX)
		return;
	copy = xstrndup(name, length);
	if (!strings_have(list, copy))
		strings_add(list, copy);
}

/** The value of a variable; a NAME without "=" in the list is empty. */
static const char *value_of(struct lexer *lexer, const char *name, size_t length)
{
	for (size_t i = lexer->env ? lexer->env->count : 0; i-- > 0;) {
		const char *entry = lexer->env->items[i];

		if (strncmp(entry, name, length) != 0 || (entry[length] && entry[length] != '='))
			continue;
		if (lexer->names)
			name_note(&lexer->names->set, name, length);
		return entry[length] ? entry + length + 1 : entry + length;
	}
	if (lexer->names)
		name_note(&lexer->names->unset, name, length);
	return NULL;
}

/** Step over a name: digits, one special parameter, or letters, digits and underscores. */
static size_t name_skip(struct lexer *lexer)
{
	const char *start = lexer->at;
	bool number = false;
	uint32_t c;

	while (!at_end(lexer)) {
		size_t width = peek(lexer, &c);

		if (lexer->at == start && c < 0x80 && strchr("@*#?-$!", (int)c)) {
			lexer->at++;
			break;
		}
		if (lexer->at == start)
			number = rune_is_digit(c);
		if (number ? !rune_is_digit(c)
			   : !rune_is_letter(c) && !rune_is_digit(c) && c != '_')
			break;
		lexer->at += width;
	}
	return (size_t)(lexer->at - start);
}

static result lex_single_quoted(struct lexer *lexer, struct buf *out)
{
	const char *start = lexer->at + 1;
	const char *close = memchr(start, '\'', (size_t)(lexer->end - start));
	bool keep = lexer->flags & EXPAND_KEEP_QUOTES;

	if (!close) {
		lexer->at = lexer->end;
		return syntax(lexer, "unexpected end of statement while looking for matching "
				     "single-quote");
	}
	lexer->at = close + 1;
	return emit(lexer, out, start - keep, (size_t)(close - start) + 2 * keep, true);
}

static result lex_dollar(struct lexer *lexer, struct buf *out);

/** In double quotes the escape character escapes a quote, a dollar and itself. */
static result lex_double_quoted_escape(struct lexer *lexer, struct buf *out)
{
	char next = lexer->at + 1 < lexer->end ? lexer->at[1] : '\0';

	lexer->at++;
	if (lexer->raw_escapes && emit(lexer, out, &lexer->escape, 1, true))
		return FAILED;
	if (!next)
		return OK;
	if (next != '"' && next != '$' && next != lexer->escape)
		return emit(lexer, out, &lexer->escape, 1, true);
	lexer->at++;
	return emit(lexer, out, &next, 1, true);
}

static result lex_double_quoted(struct lexer *lexer, struct buf *out)
{
	struct words *words = lexer->words;
	owned(buf) struct buf inner = {};
	bool keep = lexer->flags & EXPAND_KEEP_QUOTES;

	/* blanks from a variable do not part a quoted word, so it is added in one piece */
	lexer->words = NULL;
	for (lexer->at++; !at_end(lexer) && *lexer->at != '"';) {
		if (*lexer->at == '$') {
			if (lex_dollar(lexer, &inner))
				return FAILED;
		} else if (*lexer->at == lexer->escape) {
			if (lex_double_quoted_escape(lexer, &inner))
				return FAILED;
		} else if (emit(lexer, &inner, lexer->at++, 1, true)) {
			return FAILED;
		}
	}
	if (at_end(lexer))
		return syntax(lexer, "unexpected end of statement while looking for matching "
				     "double-quote");
	lexer->at++;
	lexer->words = words;
	if (keep && emit(lexer, out, "\"", 1, true))
		return FAILED;
	if (emit(lexer, out, buf_text(&inner), inner.length, true))
		return FAILED;
	return keep ? emit(lexer, out, "\"", 1, true) : OK;
}

/** Lex what an operator is followed by up to `stop`, apart from the words outside. */
static result lex_operand(struct lexer *lexer, char stop, bool raw_escapes, const char *missing,
			  struct buf *out)
{
	struct words *words = lexer->words;
	bool outer = lexer->raw_escapes;

	if (++lexer->depth > EXPAND_DEPTH_MAX) {
		lexer->limited = true;
		return fail(lexer->err, FAULT_INPUT, "more than %d variables in each other",
			    EXPAND_DEPTH_MAX);
	}
	lexer->words = NULL;
	lexer->raw_escapes = raw_escapes;
	if (lex_until(lexer, stop, out))
		return at_end(lexer) && !lexer->limited ? syntax(lexer, missing) : FAILED;
	lexer->depth--;
	lexer->raw_escapes = outer;
	lexer->words = words;
	return OK;
}

/** A variable that is not set, as it was written but for its operand, which was lexed. */
static result emit_unset(struct lexer *lexer, struct buf *out, const struct reference *reference,
			 const char *operand)
{
	owned(buf) struct buf text = {};

	buf_add_str(&text, "${");
	buf_add(&text, reference->name, reference->name_length);
	buf_add(&text, reference->mark, reference->mark_length);
	buf_printf(&text, "%s}", operand);
	return emit(lexer, out, buf_text(&text), text.length, false);
}

static int unsupported(struct lexer *lexer, const struct reference *reference)
{
	return fail(lexer->err, FAULT_INPUT, "unsupported modifier (%.*s) in substitution",
		    (int)reference->mark_length, reference->mark);
}

/** ${name/pattern/replacement}, ${name//pattern/replacement}. */
static result lex_replace(struct lexer *lexer, struct buf *out, struct reference *reference)
{
	static const char no_brace[] = "syntax error: missing '}'";
	static const char no_slash[] = "syntax error: missing '/' in ${}";
	owned(buf) struct buf pattern = {}, replacement = {}, text = {};
	bool all = !at_end(lexer) && *lexer->at == '/';

	lexer->at += all;
	if (lex_operand(lexer, '/', true, no_slash, &pattern) ||
	    lex_operand(lexer, '}', true, no_brace, &replacement))
		return FAILED;
	reference->value = value_of(lexer, reference->name, reference->name_length);
	if (!reference->value && lexer->flags & EXPAND_KEEP_UNSET) {
		buf_printf(&text, "%s/%s", buf_text(&pattern), buf_text(&replacement));
		return emit_unset(lexer, out, reference, buf_text(&text));
	}
	if (pattern_replace(buf_text(&pattern), reference->value ? reference->value : "",
			    buf_text(&replacement), all, &text, lexer->err))
		return FAILED;
	return emit(lexer, out, buf_text(&text), text.length, false);
}

/** ${name#pattern} and the like; a doubled operator asks for the longest match. */
static result emit_trimmed(struct lexer *lexer, struct buf *out, const struct reference *reference,
			   const char *pattern)
{
	owned(buf) struct buf text = {};
	char operator= * reference->mark;
	unsigned how = operator== '%' ? TRIM_SUFFIX : TRIM_PREFIX;

	if (*pattern == operator) {
		how |= TRIM_LONGEST;
		pattern++;
	}
	if (pattern_trim(pattern, reference->value ? reference->value : "", how, &text, lexer->err))
		return FAILED;
	return emit(lexer, out, buf_text(&text), text.length, false);
}

/** ${name-word}, ${name+word}, ${name?word}, with or without a colon. */
static result emit_chosen(struct lexer *lexer, struct buf *out, const struct reference *reference,
			  const char *word)
{
	const char *value = reference->value;
	bool has_value = value && (*value || reference->mark_length == 1);

	switch (reference->mark[reference->mark_length - 1]) {
	case '-':
		word = has_value ? value : word;
		break;
	case '+':
		word = has_value ? word : "";
		break;
	case '?':
		if (!has_value)
			return fail(lexer->err, FAULT_INPUT, "%.*s: %s",
				    (int)reference->name_length, reference->name,
				    *word   ? word
				    : value ? EMPTY
					    : NOT_SET);
		word = value;
		break;
	default:
		return unsupported(lexer, reference);
	}
	return emit(lexer, out, word, strlen(word), false);
}

/** After "${name": the operator and its operand. */
static result lex_operator(struct lexer *lexer, struct buf *out, struct reference *reference)
{
	static const char missing[] = "syntax error: missing '}'";
	owned(buf) struct buf operand = {};
	bool pattern;
	uint32_t c;

	reference->mark = lexer->at;
	if (*lexer->at == ':')
		lexer->at++;
	if (at_end(lexer))
		return syntax(lexer, missing);
	lexer->at += peek(lexer, &c);
	reference->mark_length = (size_t)(lexer->at - reference->mark);
	pattern = c == '#' || c == '%';
	if (c == '/' && reference->mark_length == 1)
		return lex_replace(lexer, out, reference);
	if (c >= 0x80 || !strchr("-+?#%", (int)c) || (pattern && reference->mark_length > 1))
		return unsupported(lexer, reference);
	if (lex_operand(lexer, '}', pattern, missing, &operand))
		return FAILED;
	reference->value = value_of(lexer, reference->name, reference->name_length);
	if (!reference->value && lexer->flags & EXPAND_KEEP_UNSET)
		return emit_unset(lexer, out, reference, buf_text(&operand));
	if (pattern)
		return emit_trimmed(lexer, out, reference, buf_text(&operand));
	return emit_chosen(lexer, out, reference, buf_text(&operand));
}

/** After "${". */
static result lex_braced(struct lexer *lexer, struct buf *out)
{
	struct reference reference = {};

	if (at_end(lexer))
		return syntax(lexer, "syntax error: missing '}'");
	if (strchr("{}:", *lexer->at))
		return syntax(lexer, "syntax error: bad substitution");
	reference.name = lexer->at;
	reference.name_length = name_skip(lexer);
	if (at_end(lexer))
		return syntax(lexer, "syntax error: missing '}'");
	if (*lexer->at != '}')
		return lex_operator(lexer, out, &reference);
	lexer->at++;
	reference.value = value_of(lexer, reference.name, reference.name_length);
	if (reference.value)
		return emit(lexer, out, reference.value, strlen(reference.value), false);
	return lexer->flags & EXPAND_KEEP_UNSET ? emit_unset(lexer, out, &reference, "") : OK;
}

static result lex_dollar(struct lexer *lexer, struct buf *out)
{
	const char *dollar = lexer->at++, *value;
	size_t length;

	if (!at_end(lexer) && *lexer->at == '{') {
		lexer->at++;
		return lex_braced(lexer, out);
	}
	length = name_skip(lexer);
	value = length ? value_of(lexer, dollar + 1, length) : NULL;
	if (value)
		return emit(lexer, out, value, strlen(value), false);
	if (length == 0 || lexer->flags & EXPAND_KEEP_UNSET)
		return emit(lexer, out, dollar, length + 1, false);
	return OK;
}

/** "<<" keeps the blanks behind it, so that `<< EOF` is one word. */
static result lex_less_than(struct lexer *lexer, struct buf *out)
{
	const char *start = lexer->at++;

	if (!at_end(lexer) && *lexer->at == '<') {
		lexer->at++;
		while (!at_end(lexer) && strchr("\t\r ", *lexer->at))
			lexer->at++;
	}
	return emit(lexer, out, start, (size_t)(lexer->at - start), true);
}

/** Outside of quotes the escape character escapes anything; at the end it vanishes. */
static result lex_escape(struct lexer *lexer, struct buf *out)
{
	const char *start = lexer->at++;
	uint32_t c;

	if (lexer->raw_escapes && emit(lexer, out, start, 1, true))
		return FAILED;
	if (at_end(lexer))
		return OK;
	start = lexer->at;
	lexer->at += peek(lexer, &c);
	return emit(lexer, out, start, (size_t)(lexer->at - start), true);
}

/** Up to `stop`, which is stepped over, or to the end where `stop` is NUL. */
static result lex_until(struct lexer *lexer, char stop, struct buf *out)
{
	bool quotes = !(lexer->flags & EXPAND_RAW_QUOTES);

	while (!at_end(lexer)) {
		char c = *lexer->at;
		const char *start = lexer->at;
		uint32_t rune;
		result done;

		if (stop && c == stop) {
			lexer->at++;
			return OK;
		}
		if (c == '$') {
			done = lex_dollar(lexer, out);
		} else if (c == '<') {
			done = lex_less_than(lexer, out);
		} else if (c == '\'' && quotes) {
			done = lex_single_quoted(lexer, out);
		} else if (c == '"' && quotes) {
			done = lex_double_quoted(lexer, out);
		} else if (c == lexer->escape) {
			done = lex_escape(lexer, out);
		} else {
			lexer->at += peek(lexer, &rune);
			done = emit(lexer, out, start, (size_t)(lexer->at - start), false);
		}
		if (done)
			return FAILED;
	}
	if (stop)
		return fail(lexer->err, FAULT_INPUT,
			    "unexpected end of statement while looking for matching %c", stop);
	return OK;
}

static result expand(const char *word, struct lexer *lexer, struct buf *out)
{
	static const char mark[] = "\xef\xbb\xbf";
	owned(buf) struct buf shown = {};

	lexer->at = starts_with(word, mark) ? word + strlen(mark) : word;
	lexer->end = word + strlen(word);
	lexer->raw_escapes = lexer->flags & EXPAND_RAW_ESCAPES;
	if (!lex_until(lexer, '\0', out))
		return OK;
	text_escape(&shown, word, strnlen(word, 200));
	return fail_in(lexer->err, "failed to process \"%s\"", buf_text(&shown));
}

result expand_word(const char *word, char escape, const struct strings *env, unsigned flags,
		   char **out, struct error *err)
{
	owned(buf) struct buf text = {};
	struct lexer lexer = { .escape = escape, .flags = flags, .env = env, .err = err };

	if (expand(word, &lexer, &text))
		return FAILED;
	*out = buf_take(&text);
	return OK;
}

result expand_words(const char *word, char escape, const struct strings *env, unsigned flags,
		    struct strings *out, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(strings) struct strings found = {};
	struct words words = { .out = &found };
	struct lexer lexer = {
		.escape = escape, .flags = flags, .env = env, .words = &words, .err = err
	};
	result done = expand(word, &lexer, &text);

	words_end(&words);
	buf_drop(&words.word);
	if (done)
		return FAILED;
	strings_add_all(out, found.items);
	return OK;
}

void expand_names_drop(struct expand_names *names)
{
	strings_drop(&names->set);
	strings_drop(&names->unset);
}

result expand_named(const char *word, char escape, const struct strings *env, unsigned flags,
		    struct expand_names *names, char **out, struct error *err)
{
	owned(buf) struct buf text = {};
	struct lexer lexer = {
		.escape = escape, .flags = flags, .env = env, .names = names, .err = err
	};

	if (expand(word, &lexer, &text))
		return FAILED;
	if (out)
		*out = buf_take(&text);
	return OK;
}
