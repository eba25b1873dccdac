/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One logical line: its name, its flags, and its arguments, which each kind of instruction cuts in
 * its own way (kinds[]).
 */
#include "runner/dockerfile_internal.h"
#include "runner/unicode.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** What BuildKit parts words by; other blanks only matter at the ends of a line. */
#define BLANKS "\t\v\f\r "

/** A line on its way into an instruction. */
struct line {
	struct arena *arena;
	char escape;
	enum instruction_kind kind;
	const char *rest; /* after the flags, trimmed; in the arena */
	const char *end;  /* of it */
	struct words flags, args;
	bool json;
	struct instruction *trigger;
};

static void line_drop(struct line *line)
{
	words_drop(&line->flags);
	words_drop(&line->args);
}

void words_keep(struct words *words, const char *text)
{
	array_grow(words->items, words->count);
	words->items[words->count++] = text;
}

void words_add(struct words *words, const char *text, size_t length)
{
	words_keep(words, arena_strndup(words->arena, text, length));
}

void words_drop(struct words *words)
{
	free(words->items);
	*words = (struct words){};
}

static void add_slice(struct words *words, const char *start, const char *end)
{
	words_add(words, start, (size_t)(end - start));
}

/** Over the blanks at `at`, which are never many. */
static const char *skip_space(const struct line *line, const char *at)
{
	return at + space_prefix(at, (size_t)(line->end - at));
}

/** One character; what is no UTF-8 becomes U+FFFD, as in the reference. */
static size_t rune_copy(const char *at, struct buf *out, uint32_t *c)
{
	size_t width = rune_read(at, strnlen(at, 4), c);
	char bytes[4];

	if (*c == RUNE_INVALID)
		buf_add(out, bytes, rune_write(*c, bytes));
	else
		buf_add(out, at, width);
	return width;
}

/** Copy a word with its quotes and escapes, which keep blanks in it; where it ends. */
static const char *quoted_word_read(const struct line *line, const char *at, struct buf *out)
{
	char quote = '\0';

	buf_clear(out);
	while (*at) {
		uint32_t c;

		if (*at == line->escape && quote != '\'') {
			if (!at[1])
				return at + 1; /* escapes nothing, means nothing */
			buf_add_char(out, *at++);
		} else if (quote && *at == quote) {
			quote = '\0';
		} else if (!quote && (*at == '\'' || *at == '"')) {
			quote = *at;
		} else if (!quote && rune_read(at, strnlen(at, 4), &c) && rune_is_space(c)) {
			break;
		}
		at += rune_copy(at, out, &c);
	}
	return at;
}

static void read_quoted_words(struct line *line)
{
	owned(buf) struct buf word = {};

	for (const char *at = line->rest;;) {
		at = skip_space(line, at);
		if (!*at)
			return;
		at = quoted_word_read(line, at, &word);
		if (word.length)
			words_add(&line->args, buf_text(&word), word.length);
	}
}

static result args_line(struct line *line, struct error *err)
{
	(void)err;
	if (*line->rest)
		words_keep(&line->args, line->rest);
	return OK;
}

static result args_words(struct line *line, struct error *err)
{
	(void)err;
	for (const char *at = line->rest; *at;) {
		const char *end = at + strcspn(at, BLANKS);

		add_slice(&line->args, at, end);
		at = end + strspn(end, BLANKS);
	}
	return OK;
}

static result args_quoted_words(struct line *line, struct error *err)
{
	(void)err;
	read_quoted_words(line);
	return OK;
}

/** The JSON form, else what `otherwise` makes of the line. */
static result args_json_or(struct line *line, const char *text,
			   result (*otherwise)(struct line *line, struct error *err),
			   struct error *err)
{
	switch (json_words_read(text, &line->args)) {
	case JSON_WORDS_MIXED:
		return fail(err, FAULT_INPUT,
			    "when using JSON array syntax, arrays must be comprised of strings "
			    "only");
	case JSON_WORDS_OK:
		line->json = true;
		return OK;
	case JSON_WORDS_NONE:
		break;
	}
	return otherwise(line, err);
}

static result args_command(struct line *line, struct error *err)
{
	return args_json_or(line, line->rest, args_line, err);
}

static result args_json_or_words(struct line *line, struct error *err)
{
	return args_json_or(line, line->rest, args_words, err);
}

/** `name rest of line`, the form that only knows one pair. */
static result args_legacy_pair(struct line *line, struct error *err)
{
	const char *end = line->rest + strcspn(line->rest, BLANKS);

	line->args.count = 0;
	if (!*end)
		return fail(err, FAULT_INPUT, "%s must have two arguments",
			    line->kind == INSTRUCTION_ENV ? "ENV" : "LABEL");
	add_slice(&line->args, line->rest, end);
	words_keep(&line->args, end + strspn(end, BLANKS));
	words_keep(&line->args, "");
	return OK;
}

static result args_pairs(struct line *line, struct error *err)
{
	owned(words) struct words words = {};

	read_quoted_words(line);
	if (line->args.count == 0)
		return OK;
	if (!strchr(line->args.items[0], '='))
		return args_legacy_pair(line, err);
	words = line->args;
	line->args = (struct words){ .arena = line->arena };
	for (size_t i = 0; i < words.count; i++) {
		const char *word = words.items[i], *equals = strchr(word, '=');
		owned(buf) struct buf shown = {};

		if (!equals) {
			text_escape(&shown, word, strnlen(word, 200));
			return fail(err, FAULT_INPUT,
				    "Syntax error - can't find = in \"%s\". Must be of the form: "
				    "name=value",
				    buf_text(&shown));
		}
		add_slice(&line->args, word, equals);
		words_keep(&line->args, equals + 1);
		words_keep(&line->args, "=");
	}
	return OK;
}

/** A byte that is a blank by itself, as the reference sees HEALTHCHECK. */
static bool is_blank_byte(char c)
{
	return (c >= '\t' && c <= '\r') || c == ' ' || c == '\x85' || c == '\xa0';
}

/** "NONE", or "CMD" and a command. */
static result args_health(struct line *line, struct error *err)
{
	const char *end = line->rest, *command;

	while (*end && !is_blank_byte(*end))
		end++;
	if (end == line->rest)
		return OK;
	for (command = end; is_blank_byte(*command);)
		command++;
	add_slice(&line->args, line->rest, end);
	line->rest = command;
	return args_json_or(line, command, args_line, err);
}

/** The instruction that an ONBUILD holds; none holds another ONBUILD, so this goes one deep. */
static result args_nested(struct line *line, struct error *err)
{
	if (!*line->rest)
		return OK;
	if (strncasecmp(line->rest, "onbuild", 7) == 0 &&
	    (!line->rest[7] || strchr(BLANKS, line->rest[7])))
		return fail(err, FAULT_INPUT,
			    "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	line->trigger = arena_new_in(line->arena, struct instruction);
	return instruction_read(line->arena, line->escape, line->rest, line->trigger, NULL, err);
}

static result args_none(struct line *line, struct error *err)
{
	(void)line, (void)err;
	return OK;
}

static const struct {
	const char *name;
	result (*read)(struct line *line, struct error *err);
} kinds[INSTRUCTION_COUNT + 1] = {
	[INSTRUCTION_ADD] = { "add", args_json_or_words },
	[INSTRUCTION_ARG] = { "arg", args_quoted_words },
	[INSTRUCTION_CMD] = { "cmd", args_command },
	[INSTRUCTION_COPY] = { "copy", args_json_or_words },
	[INSTRUCTION_ENTRYPOINT] = { "entrypoint", args_command },
	[INSTRUCTION_ENV] = { "env", args_pairs },
	[INSTRUCTION_EXPOSE] = { "expose", args_words },
	[INSTRUCTION_FROM] = { "from", args_words },
	[INSTRUCTION_HEALTHCHECK] = { "healthcheck", args_health },
	[INSTRUCTION_LABEL] = { "label", args_pairs },
	[INSTRUCTION_MAINTAINER] = { "maintainer", args_line },
	[INSTRUCTION_ONBUILD] = { "onbuild", args_nested },
	[INSTRUCTION_RUN] = { "run", args_command },
	[INSTRUCTION_SHELL] = { "shell", args_command },
	[INSTRUCTION_STOPSIGNAL] = { "stopsignal", args_line },
	[INSTRUCTION_USER] = { "user", args_line },
	[INSTRUCTION_VOLUME] = { "volume", args_json_or_words },
	[INSTRUCTION_WORKDIR] = { "workdir", args_line },
	[INSTRUCTION_UNKNOWN] = { "?", args_none },
};

const char *instruction_name(enum instruction_kind kind)
{
	return kinds[kind <= INSTRUCTION_UNKNOWN ? kind : INSTRUCTION_UNKNOWN].name;
}

enum instruction_kind instruction_kind_of(const char *name)
{
	enum instruction_kind kind = 0;

	while (kind < INSTRUCTION_UNKNOWN && strcasecmp(name, kinds[kind].name) != 0)
		kind++;
	return kind;
}

/** Copy a flag without its quotes and escapes; where it ends. */
static const char *flag_read(const struct line *line, const char *at, struct buf *out)
{
	char quote = '\0';

	buf_clear(out);
	while (*at) {
		uint32_t c;
		size_t width = rune_read(at, strnlen(at, 4), &c);

		if (!quote && rune_is_space(c))
			break;
		if (quote && *at == quote) {
			quote = '\0';
		} else if (!quote && (*at == '\'' || *at == '"')) {
			quote = *at;
		} else if (*at != line->escape) {
			buf_add(out, at, width);
		} else if (at[1]) {
			at++;
			width = rune_read(at, strnlen(at, 4), &c);
			buf_add(out, at, width);
		}
		at += width;
	}
	return at;
}

/** Words in front that start with "--", up to one that is nothing else. */
static void read_flags(struct line *line)
{
	owned(buf) struct buf flag = {};

	for (;;) {
		line->rest = skip_space(line, line->rest);
		if (!starts_with(line->rest, "--"))
			return;
		line->rest = flag_read(line, line->rest, &flag);
		if (strcmp(buf_text(&flag), "--") == 0)
			break;
		words_add(&line->flags, buf_text(&flag), flag.length);
	}
	line->rest = skip_space(line, line->rest);
}

static const struct flag *flags_copy(struct arena *arena, const struct words *words)
{
	struct flag *flags;

	if (!words->count)
		return NULL;
	flags = arena_alloc(arena, words->count * sizeof(*flags));

	for (size_t i = 0; i < words->count; i++) {
		char *name = arena_strdup(arena, words->items[i] + 2);
		char *equals = strchr(name, '=');

		if (equals)
			*equals = '\0';
		flags[i] = (struct flag){ name, equals ? equals + 1 : NULL };
	}
	return flags;
}

static const char **args_copy(struct arena *arena, const struct words *words)
{
	const char **args = arena_alloc(arena, (words->count + 1) * sizeof(*args));

	if (words->count)
		memcpy(args, words->items, words->count * sizeof(*args));
	return args;
}

/** The name; where its arguments start, of a line without blanks at its ends. */
static const char *name_read(struct arena *arena, const char *text, struct instruction *out)
{
	size_t length = strcspn(text, BLANKS);
	char *name;

	out->keyword = arena_strndup(arena, text, length);
	out->kind = instruction_kind_of(out->keyword);
	out->name = kinds[out->kind].name;
	if (out->kind < INSTRUCTION_UNKNOWN)
		return text + length;
	name = arena_strndup(arena, text, length);
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	out->name = name;
	return text + length;
}

result instruction_read(struct arena *arena, char escape, const char *text, struct instruction *out,
			struct instruction **trigger, struct error *err)
{
	const char *original = arena_strdup(arena, text), *trimmed = original;
	size_t length = strlen(original), start = space_prefix(original, length);
	struct instruction read = { .original = original };
	owned(line) struct line line = {
		.arena = arena, .escape = escape, .flags.arena = arena, .args.arena = arena
	};

	trimmed += start;
	length = space_trimmed(trimmed, length - start);
	if (trimmed[length])
		trimmed = arena_strndup(arena, trimmed, length);
	line.end = trimmed + length;
	line.rest = name_read(arena, trimmed, &read);
	line.kind = read.kind;
	read_flags(&line);
	read.command = line.rest;
	if (kinds[read.kind].read(&line, err))
		return FAILED;
	read.flags = flags_copy(arena, &line.flags);
	read.flag_count = line.flags.count;
	read.args = args_copy(arena, &line.args);
	read.arg_count = line.args.count;
	read.json = line.json;
	read.trigger = line.trigger;
	if (trigger)
		*trigger = line.trigger;
	*out = read;
	return OK;
}
