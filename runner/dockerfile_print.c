/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A parsed Dockerfile as JSON, for tools and for the golden tests.
 */
#include "runner/dockerfile_print.h"
#include "runner/dockerfile_internal.h"
#include "runner/unicode.h"

#include <string.h>

/** Bytes of a file as JSON, which knows valid UTF-8 only. */
static json_t *text_json(const char *text)
{
	owned(buf) struct buf valid = {};
	size_t left = strlen(text);

	while (left) {
		uint32_t c;
		char bytes[4];
		size_t width = rune_read(text, left, &c);

		buf_add(&valid, bytes, rune_write(c, bytes));
		text += width;
		left -= width;
	}
	return json_stringn_nocheck(buf_text(&valid), valid.length);
}

/** A string that JSON wrote: valid but for how it stands for NUL. */
static json_t *word_json(const char *word)
{
	owned(buf) struct buf text = {};

	for (;;) {
		const char *nul = strstr(word, JSON_WORDS_NUL);

		if (!nul)
			break;
		buf_add(&text, word, (size_t)(nul - word));
		buf_add_char(&text, '\0');
		word = nul + strlen(JSON_WORDS_NUL);
	}
	buf_add_str(&text, word);
	return json_stringn_nocheck(buf_text(&text), text.length);
}

static json_t *instruction_json(const struct instruction *instruction);

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

static json_t *args_json(const struct instruction *instruction)
{
	json_t *list = json_array();

	for (size_t i = 0; i < instruction->arg_count; i++) {
		const char *arg = instruction->args[i];

		json_array_append_new(list, instruction->json ? word_json(arg) : text_json(arg));
	}
	if (instruction->trigger)
		json_array_append_new(list, instruction_json(instruction->trigger));
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

static json_t *instruction_json(const struct instruction *instruction)
{
	json_t *object = json_object(), *lines = json_array();

	json_array_append_new(lines, json_integer(instruction->first_line));
	json_array_append_new(lines, json_integer(instruction->last_line));
	json_object_set_new(object, "name", text_json(instruction->name));
	json_object_set_new(object, "flags", flags_json(instruction));
	json_object_set_new(object, "args", args_json(instruction));
	json_object_set_new(object, "json", json_boolean(instruction->json));
	json_object_set_new(object, "heredocs", heredocs_json(instruction));
	json_object_set_new(object, "lines", lines);
	json_object_set_new(object, "original", text_json(instruction->original));
	return object;
}

json_t *dockerfile_json(const struct dockerfile *dockerfile)
{
	const char escape[] = { dockerfile->escape, '\0' };
	json_t *object = json_object(), *directives = json_object(), *list = json_array();

	for (size_t i = 0; i < dockerfile->directive_count; i++)
		json_object_set_new(directives, dockerfile->directives[i].key,
				    text_json(dockerfile->directives[i].value));
	for (size_t i = 0; i < dockerfile->instruction_count; i++)
		json_array_append_new(list, instruction_json(&dockerfile->instructions[i]));
	json_object_set_new(object, "escape", json_string(escape));
	json_object_set_new(object, "directives", directives);
	json_object_set_new(object, "instructions", list);
	return object;
}
