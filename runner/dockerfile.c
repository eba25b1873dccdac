/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Physical lines become logical ones: parser directives, comments, continuations and heredocs; and
 * the views on what was parsed.
 */
#include "runner/dockerfile.h"
#include "runner/dockerfile_internal.h"
#include "runner/unicode.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** Without its newline. */
#define LINE_MAX_BYTES 65535

struct slice {
	const char *at;
	size_t length;
};

/** Where the parser is in the file. */
struct source {
	const char *at, *end;
	unsigned line; /* the number of the line last read */
	const char *name;
	bool directives_over;
	struct words comments; /* since the last instruction */
	struct dockerfile *out;
	/* lists that grow; they move into the arena at the end */
	struct directive *directives;
	struct instruction *instructions;
	unsigned *empty_continuations;
	struct error *err;
};

static void source_drop(struct source *source)
{
	words_drop(&source->comments);
	free(source->directives);
	free(source->instructions);
	free(source->empty_continuations);
}

void *arena_copy(struct arena *arena, const void *data, size_t count, size_t size)
{
	void *copy;

	if (!count)
		return NULL;
	copy = arena_alloc(arena, count * size);
	memcpy(copy, data, count * size);
	return copy;
}

/** Say where: the name of the file and a line. */
static int fail_at(const struct source *source, unsigned line)
{
	return fail_in(source->err, "%s:%u", source->name, line);
}

/** The next line without its newline; `line->at` is NULL at the end. */
static result next_line(struct source *source, struct slice *line)
{
	size_t left = (size_t)(source->end - source->at);
	const char *newline = left ? memchr(source->at, '\n', left) : NULL;

	*line = (struct slice){};
	if (!left)
		return OK;
	source->line++;
	line->at = source->at;
	line->length = newline ? (size_t)(newline - source->at) : left;
	source->at += line->length + !!newline;
	if (line->length > LINE_MAX_BYTES) {
		fail(source->err, FAULT_INPUT,
		     "dockerfile line greater than max allowed size of %d", LINE_MAX_BYTES);
		return fail_at(source, source->line);
	}
	while (line->length && line->at[line->length - 1] == '\r')
		line->length--;
	return OK;
}

static struct slice trim_left(struct slice line)
{
	size_t blanks = space_prefix(line.at, line.length);

	return (struct slice){ line.at + blanks, line.length - blanks };
}

static bool is_comment(struct slice line)
{
	line = trim_left(line);
	return line.length && *line.at == '#';
}

static size_t go_blanks(const char *at, size_t length)
{
	size_t count = 0;

	while (count < length && strchr("\t\n\f\r ", at[count]))
		count++;
	return count;
}

/** "key = value" after the "#"; false where the line is a comment like any other. */
static bool directive_read(struct slice line, struct slice *key, struct slice *value)
{
	size_t blanks;

	line = trim_left((struct slice){ line.at + 1, line.length - 1 });
	*key = (struct slice){ line.at, 0 };
	while (key->length < line.length &&
	       (isalpha((unsigned char)line.at[key->length]) ||
		(key->length && isdigit((unsigned char)line.at[key->length]))))
		key->length++;
	if (!key->length)
		return false;
	line.at += key->length;
	line.length -= key->length;
	blanks = go_blanks(line.at, line.length);
	if (blanks == line.length || line.at[blanks] != '=')
		return false;
	line.at += blanks + 1;
	line.length -= blanks + 1;
	blanks = go_blanks(line.at, line.length);
	/* a value of nothing but blanks is its last one */
	if (blanks && blanks == line.length)
		blanks--;
	*value = (struct slice){ line.at + blanks, line.length - blanks };
	while (value->length > 1 && strchr("\t\n\f\r ", value->at[value->length - 1]))
		value->length--;
	return value->length > 0;
}

static result escape_set(struct source *source, const char *value)
{
	if (strcmp(value, "`") != 0 && strcmp(value, "\\") != 0)
		return fail(source->err, FAULT_INPUT,
			    "invalid escape token '%.100s' does not match ` or \\", value);
	source->out->escape = *value;
	return OK;
}

static result directive_add(struct source *source, struct slice key, struct slice value)
{
	static const char *const known[] = { "syntax", "escape", "check" };
	struct arena *arena = source->out->arena;
	struct directive directive = { .line = source->line };

	for (size_t i = 0; i < countof(known); i++) {
		if (key.length == strlen(known[i]) &&
		    strncasecmp(key.at, known[i], key.length) == 0)
			directive.key = known[i];
	}
	if (!directive.key) {
		source->directives_over = true;
		return OK;
	}
	for (size_t i = 0; i < source->out->directive_count; i++) {
		if (source->directives[i].key == directive.key)
			return fail(source->err, FAULT_INPUT,
				    "only one %s parser directive can be used", directive.key);
	}
	directive.value = arena_strndup(arena, value.at, value.length);
	array_grow(source->directives, source->out->directive_count);
	source->directives[source->out->directive_count++] = directive;
	return strcmp(directive.key, "escape") == 0 ? escape_set(source, directive.value) : OK;
}

/** Lines at the top of the file may tell the parser something, until one does not. */
static result directive_try(struct source *source, struct slice line)
{
	struct slice key, value;

	if (source->directives_over)
		return OK;
	if (!line.length || *line.at != '#' || !directive_read(line, &key, &value)) {
		source->directives_over = true;
		return OK;
	}
	if (directive_add(source, key, value))
		return fail_at(source, source->line);
	return OK;
}

/**
 * Add a line to the instruction.  True where it ends there; it goes on after an escape character
 * with nothing but blanks behind it and none such before it.
 */
static bool line_add(const struct source *source, struct slice line, struct buf *out)
{
	size_t length = line.length;
	char escape = source->out->escape;

	while (length && (line.at[length - 1] == ' ' || line.at[length - 1] == '\t'))
		length--;
	if (!length || line.at[length - 1] != escape ||
	    (length > 1 && line.at[length - 2] == escape)) {
		buf_add(out, line.at, line.length);
		return true;
	}
	buf_add(out, line.at, length - 1);
	return false;
}

/** The lines that an instruction goes on with. */
static result continuation_read(struct source *source, struct buf *out)
{
	bool empty = false, ends = false;

	while (!ends) {
		struct slice line;

		if (next_line(source, &line))
			return FAILED;
		if (!line.at)
			break;
		if (is_comment(line))
			continue;
		if (!trim_left(line).length)
			empty = true;
		else
			ends = line_add(source, line, out);
	}
	if (empty) {
		array_grow(source->empty_continuations, source->out->empty_continuation_count);
		source->empty_continuations[source->out->empty_continuation_count++] = source->line;
	}
	return OK;
}

/** Without the tabs that lines start with. */
static const char *content_chomp(struct arena *arena, const char *content)
{
	char *text = arena_strdup(arena, content), *to = text;
	bool at_start = true;

	for (const char *from = content; *from; from++) {
		if (at_start && *from == '\t')
			continue;
		at_start = *from == '\n';
		*to++ = *from;
	}
	*to = '\0';
	return text;
}

static bool is_terminator(const struct heredoc *heredoc, struct slice line)
{
	while (heredoc->chomp && line.length && *line.at == '\t') {
		line.at++;
		line.length--;
	}
	return line.length == strlen(heredoc->name) &&
	       memcmp(line.at, heredoc->name, line.length) == 0;
}

static result heredoc_read(struct source *source, struct heredoc *heredoc)
{
	struct arena *arena = source->out->arena;
	const char *start = source->at;
	struct slice line;

	do {
		if (next_line(source, &line))
			return FAILED;
		if (!line.at)
			return fail(source->err, FAULT_INPUT,
				    "unterminated heredoc: no line '%.100s' follows",
				    heredoc->name);
	} while (!is_terminator(heredoc, line));
	heredoc->content = arena_strndup(arena, start, (size_t)(line.at - start));
	heredoc->text = heredoc->chomp ? content_chomp(arena, heredoc->content) : heredoc->content;
	return OK;
}

static bool takes_heredocs(const struct instruction *instruction)
{
	if (instruction->trigger)
		instruction = instruction->trigger;
	return !instruction->json &&
	       (instruction->kind == INSTRUCTION_ADD || instruction->kind == INSTRUCTION_COPY ||
		instruction->kind == INSTRUCTION_RUN);
}

static result heredocs_read(struct source *source, struct instruction *instruction)
{
	struct heredoc *heredocs;
	size_t count;

	if (!takes_heredocs(instruction) || !strstr(instruction->original, "<<"))
		return OK;
	if (heredoc_words_read(source->out->arena, instruction->original, &heredocs, &count,
			       source->err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		if (heredoc_read(source, &heredocs[i]))
			return FAILED;
	}
	instruction->heredocs = heredocs;
	instruction->heredoc_count = count;
	return OK;
}

static result instruction_add(struct source *source, unsigned first, const char *line)
{
	struct dockerfile *out = source->out;
	struct instruction instruction, *trigger;

	if (out->instruction_count >= DOCKERFILE_INSTRUCTIONS_MAX) {
		fail(source->err, FAULT_INPUT, "more than %u instructions",
		     DOCKERFILE_INSTRUCTIONS_MAX);
		return fail_at(source, first);
	}
	if (instruction_read(out->arena, out->escape, line, &instruction, &trigger, source->err) ||
	    heredocs_read(source, &instruction))
		return fail_at(source, first);
	instruction.first_line = first;
	instruction.last_line = source->line;
	instruction.comment_count = source->comments.count;
	instruction.comments = arena_copy(out->arena, source->comments.items,
					  source->comments.count, sizeof(const char *));
	source->comments.count = 0;
	if (trigger) {
		trigger->first_line = first;
		trigger->last_line = source->line;
	}
	array_grow(source->instructions, out->instruction_count);
	source->instructions[out->instruction_count++] = instruction;
	return OK;
}

/** Keep the text behind the first character, which is the "#" unless the line is indented. */
static void comment_read(struct source *source, struct slice line)
{
	line = trim_left((struct slice){ line.at + 1, line.length - 1 });
	line.length = space_trimmed(line.at, line.length);
	if (line.length)
		words_add(&source->comments, line.at, line.length);
	else
		source->comments.count = 0;
}

static result lines_read(struct source *source)
{
	owned(buf) struct buf text = {};

	for (;;) {
		size_t directives = source->out->directive_count;
		struct slice raw, line;
		unsigned first;

		if (next_line(source, &raw))
			return FAILED;
		if (!raw.at)
			return OK;
		line = trim_left(raw);
		if (directive_try(source, line))
			return FAILED;
		if (line.length && *line.at == '#' && source->out->directive_count == directives)
			comment_read(source, raw);
		if (!line.length || *line.at == '#')
			continue;
		first = source->line;
		buf_clear(&text);
		if (!line_add(source, line, &text) && continuation_read(source, &text))
			return FAILED;
		if (instruction_add(source, first, buf_text(&text)))
			return FAILED;
	}
}

static result source_check(const char *text, size_t length, const char *name, struct error *err)
{
	const char *nul = length ? memchr(text, '\0', length) : NULL;
	unsigned line = 1;

	if (length > DOCKERFILE_SIZE_MAX)
		return fail(err, FAULT_INPUT, "%s: more than %u bytes", name, DOCKERFILE_SIZE_MAX);
	if (!nul)
		return OK;
	for (const char *at = text; at < nul; at++)
		line += *at == '\n';
	return fail(err, FAULT_INPUT, "%s:%u: has a NUL byte; is this a text file?", name, line);
}

result dockerfile_read(const char *text, size_t length, const char *name, struct dockerfile **out,
		       struct error *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(source) struct source source = { .at = text, .end = text + length, .err = err };

	if (source_check(text, length, name, err))
		return FAILED;
	file = xnew(struct dockerfile);
	file->arena = arena_new();
	file->name = source.name = arena_strdup(file->arena, name);
	file->escape = '\\';
	source.out = file;
	source.comments.arena = file->arena;
	if (length >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
		source.at += strlen(mark);
	if (lines_read(&source))
		return FAILED;
	if (!file->instruction_count)
		return fail(err, FAULT_INPUT, "%s: file with no instructions", name);
	file->directives = arena_copy(file->arena, source.directives, file->directive_count,
				      sizeof(*source.directives));
	file->instructions = arena_copy(file->arena, source.instructions, file->instruction_count,
					sizeof(*source.instructions));
	file->empty_continuations =
		arena_copy(file->arena, source.empty_continuations, file->empty_continuation_count,
			   sizeof(*source.empty_continuations));
	*out = take(file);
	return OK;
}

void dockerfile_drop(struct dockerfile **dockerfile)
{
	if (*dockerfile) {
		struct arena *arena = (*dockerfile)->arena;

		arena_drop(&arena);
		free(*dockerfile);
	}
	*dockerfile = NULL;
}

const struct flag *instruction_next_flag(const struct instruction *instruction, const char *name,
					 size_t *at)
{
	while (*at < instruction->flag_count) {
		const struct flag *flag = &instruction->flags[(*at)++];

		if (strcmp(flag->name, name) == 0)
			return flag;
	}
	return NULL;
}

const char *instruction_flag(const struct instruction *instruction, const char *name)
{
	const struct flag *flag, *last = NULL;
	size_t at = 0;

	while ((flag = instruction_next_flag(instruction, name, &at)))
		last = flag;
	if (!last)
		return NULL;
	return last->value ? last->value : "";
}

bool instruction_is_set(const struct instruction *instruction, const char *name)
{
	const char *value = instruction_flag(instruction, name);

	return value && strcasecmp(value, "false") != 0;
}

size_t instruction_pair_count(const struct instruction *instruction)
{
	switch (instruction->kind) {
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
		return instruction->arg_count / 3;
	case INSTRUCTION_ARG:
		return instruction->arg_count;
	default:
		return 0;
	}
}

struct pair instruction_pair(const struct instruction *instruction, size_t index)
{
	const char *word;

	if (instruction->kind != INSTRUCTION_ARG) {
		word = instruction->args[3 * index];
		return (struct pair){ word, strlen(word), instruction->args[3 * index + 1] };
	}
	word = instruction->args[index];
	return (struct pair){ word, strcspn(word, "="),
			      strchr(word, '=') ? strchr(word, '=') + 1 : NULL };
}

void instruction_trigger_text(const struct instruction *onbuild, struct buf *out)
{
	const char *text = onbuild->original;

	text += go_blanks(text, strlen(text));
	text += strlen(onbuild->keyword);
	text += go_blanks(text, strlen(text));
	buf_add_str(out, text);
	for (size_t i = 0; i < onbuild->heredoc_count; i++)
		buf_printf(out, "\n%s%s", onbuild->heredocs[i].content, onbuild->heredocs[i].name);
}
