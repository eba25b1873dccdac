/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A parsed Dockerfile as JSON, for tools and for the golden tests.
 */
#include "runner/dockerfile_print.h"
#include "runner/dockerfile_internal.h"
#include "runner/unicode.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Add text as Go's encoding/json writes it: a byte that is no UTF-8 becomes U+FFFD. */
static void add_valid(struct buf *out, const char *text, size_t left)
{
	while (left) {
		uint32_t c;
		char bytes[4];
		size_t width = rune_read(text, left, &c);

		buf_add(out, bytes, rune_write(c, bytes));
		text += width;
		left -= width;
	}
}

static json_t *text_json(const char *text)
{
	owned(buf) struct buf valid = {};
	json_t *json = json_string(text);

	if (json)
		return json;
	add_valid(&valid, text, strlen(text));
	return json_stringn_nocheck(buf_text(&valid), valid.length);
}

/** A word of the exec form, which may stand for NUL; that of HEALTHCHECK's type is no JSON. */
static json_t *word_json(const char *word)
{
	owned(buf) struct buf text = {};

	for (;;) {
		const char *nul = strstr(word, JSON_WORDS_NUL);

		if (!nul)
			break;
		add_valid(&text, word, (size_t)(nul - word));
		buf_add_char(&text, '\0');
		word = nul + strlen(JSON_WORDS_NUL);
	}
	add_valid(&text, word, strlen(word));
	return json_stringn_nocheck(buf_text(&text), text.length);
}

/** Takes the value; its lines but the first are indented as much as `indentation` is long. */
static void print_value(FILE *file, json_t *value, int indentation)
{
	owned(str) char *text = json_text(value, true);
	const char *at = text, *end;

	json_decref(value);
	while (*(end = strchrnul(at, '\n'))) {
		fprintf(file, "%.*s\n%*s", (int)(end - at), at, indentation, "");
		at = end + 1;
	}
	fputs(at, file);
}

static void print_key(FILE *file, const char *key, int indentation, bool is_first)
{
	fprintf(file, "%s\n%*s\"%s\": ", is_first ? "" : ",", indentation, "", key);
}

/** "--name=value" as it was meant: without its quotes. */
static json_t *flags_json(const struct instruction *instruction)
{
	json_t *list = json_array();

	for (size_t i = 0; i < instruction->flag_count; i++) {
		const struct flag *flag = &instruction->flags[i];
		owned(str) char *text = xasprintf("--%s%s%s", flag->name, flag->value ? "=" : "",
						  flag->value ? flag->value : "");

		json_array_append_new(list, text_json(text));
	}
	return list;
}

static json_t *heredocs_json(const struct instruction *instruction)
{
	json_t *list = json_array();

	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		const struct heredoc *heredoc = &instruction->heredocs[i];
		json_t *item = json_object();

		json_object_set_new(item, "name", text_json(heredoc->name));
		json_object_set_new(item, "content", text_json(heredoc->content));
		json_object_set_new(item, "expand", json_boolean(heredoc->expand));
		json_object_set_new(item, "chomp", json_boolean(heredoc->chomp));
		json_object_set_new(item, "fd", json_integer(heredoc->fd));
		json_array_append_new(list, item);
	}
	return list;
}

static void print_instruction(FILE *file, const struct instruction *instruction, int indentation);

/** One by one: a line may have millions. */
static void print_args(FILE *file, const struct instruction *instruction, int indentation)
{
	size_t count = instruction->arg_count;

	fputc('[', file);
	for (size_t i = 0; i < count; i++) {
		const char *arg = instruction->args[i];

		fprintf(file, "%s\n%*s", i ? "," : "", indentation + 2, "");
		print_value(file, instruction->json ? word_json(arg) : text_json(arg), 0);
	}
	if (instruction->trigger) {
		fprintf(file, "%s\n%*s", count ? "," : "", indentation + 2, "");
		print_instruction(file, instruction->trigger, indentation + 2);
	}
	if (count || instruction->trigger)
		fprintf(file, "\n%*s", indentation, "");
	fputc(']', file);
}

static void print_instruction(FILE *file, const struct instruction *instruction, int indentation)
{
	const struct {
		const char *key;
		json_t *value; /* NULL: the arguments */
	} fields[] = {
		{ "name", text_json(instruction->name) },
		{ "flags", flags_json(instruction) },
		{ "args", NULL },
		{ "json", json_boolean(instruction->json) },
		{ "heredocs", heredocs_json(instruction) },
		{ "lines", json_pack("[i, i]", instruction->first_line, instruction->last_line) },
		{ "original", text_json(instruction->original) },
	};

	fputc('{', file);
	for (size_t i = 0; i < countof(fields); i++) {
		print_key(file, fields[i].key, indentation + 2, i == 0);
		if (fields[i].value)
			print_value(file, fields[i].value, indentation + 2);
		else
			print_args(file, instruction, indentation + 2);
	}
	fprintf(file, "\n%*s}", indentation, "");
}

/** Written as it comes: the whole as one JSON value would be many times as large as the file. */
void dockerfile_print(const struct dockerfile *dockerfile, FILE *file)
{
	const char escape[] = { dockerfile->escape, '\0' };
	json_t *directives = json_object();

	for (size_t i = 0; i < dockerfile->directive_count; i++)
		json_object_set_new(directives, dockerfile->directives[i].key,
				    text_json(dockerfile->directives[i].value));
	fputc('{', file);
	print_key(file, "escape", 2, true);
	print_value(file, json_string(escape), 0);
	print_key(file, "directives", 2, false);
	print_value(file, directives, 2);
	print_key(file, "instructions", 2, false);
	fputc('[', file);
	for (size_t i = 0; i < dockerfile->instruction_count; i++) {
		fputs(i ? ",\n    " : "\n    ", file);
		print_instruction(file, &dockerfile->instructions[i], 4);
	}
	fputs("\n  ]\n}\n", file);
}
