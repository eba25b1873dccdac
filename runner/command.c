/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The command line: option tables in, filled structs and help pages out.
 */
#include "runner/command.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
const struct option globals_options[] = {
	{ "root",     0,   OPTION_TEXT, offsetof(struct globals, root),     "DIR",
	  "directory of images, layers and cache (MPEMU_ROOT)" },
	{ "progress", 0,   OPTION_TEXT, offsetof(struct globals, progress),
	  "auto|tty|plain|json|quiet", "how to tell what is going on (default: auto)" },
	{ "quiet",    'q', OPTION_FLAG, offsetof(struct globals, quiet),    NULL,
	  "print results and errors only" },
	{ "verbose",  0,   OPTION_FLAG, offsetof(struct globals, verbose),  NULL,
	  "keep what steps write on the screen (tty)" },
};
/* clang-format on */
const size_t globals_option_count = countof(globals_options);

/** Where the value of an option that was met goes. */
struct target {
	const struct option *option;
	void *base;
};

struct parser {
	const struct command *command;
	void *options;
	struct globals *globals;
};

static struct target option_find(const struct parser *parser, const char *name, size_t length,
				 char letter)
{
	const struct {
		const struct option *list;
		size_t count;
		void *base;
	} tables[] = {
		{ parser->command->options, parser->command->option_count, parser->options },
		{ globals_options, globals_option_count, parser->globals },
	};

	for (size_t t = 0; t < countof(tables); t++) {
		for (size_t i = 0; i < tables[t].count; i++) {
			const struct option *option = &tables[t].list[i];

			if (letter ? option->letter == letter
				   : strncmp(option->name, name, length) == 0 &&
					     !option->name[length])
				return (struct target){ option, tables[t].base };
		}
	}
	return (struct target){};
}

/** Whether `text`, "--name" or "-n", is it. */
static bool is_refused(const struct refused *refused, const char *text)
{
	size_t length = strcspn(refused->name, "*");

	if (starts_with(text, "--"))
		return strncmp(text + 2, refused->name, length) == 0 &&
		       (refused->name[length] || !text[2 + length]);
	return refused->letter && text[1] == refused->letter;
}

static int unknown_option(const struct parser *parser, const char *text, struct error *err)
{
	const struct command *command = parser->command;
	const struct refused *refused = command->refused;
	const char *names[128], *near;
	char hint[HINT_MAX];
	size_t count = 0;

	for (; refused && refused->name; refused++) {
		if (is_refused(refused, text))
			return fail(err, FAULT_USAGE, "%s is not supported: %s", text,
				    refused->why);
	}
	for (size_t i = 0; i < command->option_count && count < countof(names); i++)
		names[count++] = command->options[i].name;
	for (size_t i = 0; i < globals_option_count && count < countof(names); i++)
		names[count++] = globals_options[i].name;
	near = nearest(text + strspn(text, "-"), names, count);
	return fail(err, FAULT_USAGE, "unknown option '%s'%s", text,
		    near ? hint_text("--", near, hint) : "; --help lists them");
}

static result flag_set(const struct target *target, const char *value, struct error *err)
{
	bool *flag = (bool *)((char *)target->base + target->option->offset);

	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*flag = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*flag = false;
	else
		return fail(err, FAULT_USAGE, "option --%s: '%s' is neither true nor false",
			    target->option->name, value);
	return OK;
}

static void value_set(const struct target *target, const char *value)
{
	void *field = (char *)target->base + target->option->offset;

	if (target->option->kind == OPTION_LIST)
		strings_add(field, value);
	else
		*(const char **)field = value;
}

/** "--name", "--name=value", "--name value"; `*at` moves past what was used. */
static result long_option(const struct parser *parser, char **argv, int argc, int *at,
			  struct error *err)
{
	const char *text = argv[*at], *name = text + 2;
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	struct target target = option_find(parser, name, length, 0);
	owned(str) char *word = xstrndup(text, length + 2);

	if (!target.option && !equals && starts_with(name, "no-")) {
		target = option_find(parser, name + 3, length - 3, 0);
		if (target.option && target.option->kind == OPTION_FLAG)
			return flag_set(&target, "false", err);
		target.option = NULL;
	}
	if (!target.option)
		return unknown_option(parser, word, err);
	if (target.option->kind == OPTION_FLAG)
		return flag_set(&target, equals ? equals + 1 : NULL, err);
	if (!equals && *at + 1 >= argc)
		return fail(err, FAULT_USAGE, "option --%s wants a value: %s", target.option->name,
			    target.option->value);
	value_set(&target, equals ? equals + 1 : argv[++*at]);
	return OK;
}

/** "-abc", "-fFILE", "-f FILE". */
static result short_options(const struct parser *parser, char **argv, int argc, int *at,
			    struct error *err)
{
	const char *text = argv[*at];

	for (const char *letter = text + 1; *letter; letter++) {
		struct target target = option_find(parser, NULL, 0, *letter);
		const char word[] = { '-', *letter, '\0' };

		if (!target.option)
			return unknown_option(parser, word, err);
		if (target.option->kind == OPTION_FLAG) {
			if (flag_set(&target, NULL, err))
				return FAILED;
			continue;
		}
		if (letter[1]) {
			value_set(&target, letter + 1 + (letter[1] == '='));
			return OK;
		}
		if (*at + 1 >= argc)
			return fail(err, FAULT_USAGE, "option -%c wants a value: %s", *letter,
				    target.option->value);
		value_set(&target, argv[++*at]);
	}
	return OK;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static result count_check(const struct command *command, int count, struct error *err)
{
	if (command->subcommands)
		return OK;
	if (count < command->arguments_min)
		return fail(err, FAULT_USAGE, "an argument is missing: want %s",
			    command->arguments);
	if (command->arguments_max >= 0 && count > command->arguments_max)
		return fail(err, FAULT_USAGE, "too many arguments: want %s", command->arguments);
	return OK;
}

result options_parse(const struct command *command, void *options, struct globals *globals,
		     int *argc, char **argv, bool *help, struct error *err)
{
	const struct parser parser = { command, options, globals };
	bool literal = false;
	int kept = 0;

	for (int i = 0; i < *argc; i++) {
		const char *word = argv[i];

		if (literal || word[0] != '-' || !word[1]) {
			argv[kept++] = argv[i];
			literal |= command->stops_at_argument || command->subcommands;
		} else if (strcmp(word, "--") == 0) {
			literal = true;
		} else if (is_help(word) &&
			   !(word[1] == 'h' && option_find(&parser, NULL, 0, 'h').option)) {
			*help = true;
			return OK;
		} else if (word[1] == '-') {
			if (long_option(&parser, argv, *argc, &i, err))
				return FAILED;
		} else if (short_options(&parser, argv, *argc, &i, err)) {
			return FAILED;
		}
	}
	/* There is room: what was dropped stood here, or main()'s own NULL. */
	if (kept < *argc)
		argv[kept] = NULL;
	*argc = kept;
	return count_check(command, kept, err);
}

void options_drop(const struct command *command, void *options)
{
	for (size_t i = 0; i < command->option_count; i++) {
		if (command->options[i].kind == OPTION_LIST)
			strings_drop(
				(struct strings *)((char *)options + command->options[i].offset));
	}
}

static void help_option(const struct option *option, struct buf *out)
{
	owned(buf) struct buf left = {};

	if (option->letter)
		buf_printf(&left, "-%c, ", option->letter);
	else
		buf_add_str(&left, "    ");
	buf_printf(&left, "--%s", option->name);
	if (option->value)
		buf_printf(&left, " %s", option->value);
	if (left.length > 30)
		buf_printf(out, "  %s\n%34s%s\n", buf_text(&left), "", option->help);
	else
		buf_printf(out, "  %-32s%s\n", buf_text(&left), option->help);
}

static bool has_letter(const struct command *command, char letter)
{
	for (size_t i = 0; i < command->option_count; i++) {
		if (command->options[i].letter == letter)
			return true;
	}
	return false;
}

void command_help(const char *path, const struct command *command, struct buf *out)
{
	buf_printf(out, "Usage: %s %s\n\n%s.\n", path, command->arguments, command->summary);
	if (command->text)
		buf_printf(out, "\n%s\n", command->text);
	if (command->subcommands) {
		buf_add_str(out, "\nCommands:\n");
		for (const struct command *const *sub = command->subcommands; *sub; sub++)
			buf_printf(out, "  %-12s%s\n", (*sub)->name, (*sub)->summary);
	}
	if (command->option_count) {
		buf_add_str(out, "\nOptions:\n");
		for (size_t i = 0; i < command->option_count; i++)
			help_option(&command->options[i], out);
	}
	buf_add_str(out, "\nGlobal options:\n");
	for (size_t i = 0; i < globals_option_count; i++)
		help_option(&globals_options[i], out);
	buf_printf(out, "  %s--help                      print this\n",
		   has_letter(command, 'h') ? "    " : "-h, ");
	if (command->example)
		buf_printf(out, "\nExample:\n  %s\n", command->example);
}
