/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tables know is written as five shell functions that print words; a few lines for each
 * shell ask them.  fish has a language of its own for that.
 */
#include "runner/complete.h"

#include "base/mem.h"
#include "binfmt/binfmt.h"

#include <string.h>

/* ---- what a value may be ---- */

static void platform_words(struct buf *out)
{
	size_t count;
	const struct emulator *all = emulators(&count);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < countof(all[i].platforms) && all[i].platforms[j]; j++)
			buf_printf(out, "%s%s", out->length ? " " : "", all[i].platforms[j]);
	}
}

/** The words that an option's value may be, as its placeholder tells; @files and @dirs. */
static void value_words(const struct option *option, struct buf *out)
{
	const char *value = option->value;

	if (strcmp(option->name, "platform") == 0)
		platform_words(out);
	else if (strchr(value, '|'))
		for (; *value; value++)
			buf_add_char(out, *value == '|' ? ' ' : *value);
	else if (strcmp(value, "DIR") == 0)
		buf_add_str(out, "@dirs");
	else if (strstr(value, "FILE"))
		buf_add_str(out, "@files");
}

/* ---- walking the tables ---- */

struct walk {
	struct buf *out;
	void (*visit)(const struct walk *walk, const char *path, const struct command *command);
	void (*option)(const struct walk *walk, const char *path, const struct option *option);
};

/** Options of all commands, the global ones first, at the path "*". */
static void walk_options(const struct walk *walk, const char *path, const struct option *options,
			 size_t count)
{
	for (size_t i = 0; walk->option && i < count; i++)
		walk->option(walk, path, &options[i]);
}

static void walk_command(const struct walk *walk, const char *path, const struct command *command)
{
	if (walk->visit)
		walk->visit(walk, path, command);
	walk_options(walk, path, command->options, command->option_count);
	for (size_t i = 0; command->subcommands && command->subcommands[i]; i++) {
		const struct command *sub = command->subcommands[i];
		owned(str) char *longer = xasprintf("%s %s", path, sub->name);

		walk_command(walk, longer, sub);
	}
}

static void walk_all(const struct command *top, struct walk walk)
{
	walk_options(&walk, "*", globals_options, globals_option_count);
	walk_command(&walk, top->name, top);
}

/* ---- bash and zsh ---- */

/** A pattern of `case`: quoted, but for the star of the global options. */
static void add_pattern(const struct walk *walk, const char *path, const char *dashes,
			const char *name)
{
	buf_printf(walk->out, strcmp(path, "*") == 0 ? "\t%s:%s%s" : "\t'%s:%s%s'", path, dashes,
		   name);
}

static void option_takes_value(const struct walk *walk, const char *path,
			       const struct option *option)
{
	if (option->kind == OPTION_FLAG)
		return;
	add_pattern(walk, path, "--", option->name);
	if (option->letter) {
		buf_add_str(walk->out, ") return 0 ;;\n");
		add_pattern(walk, path, "-", (char[]){ option->letter, 0 });
	}
	buf_add_str(walk->out, ") return 0 ;;\n");
}

static void option_values(const struct walk *walk, const char *path, const struct option *option)
{
	owned(buf) struct buf words = {};

	if (option->kind == OPTION_FLAG)
		return;
	value_words(option, &words);
	if (!words.length)
		return;
	add_pattern(walk, path, "--", option->name);
	buf_printf(walk->out, ") echo '%s' ;;\n", buf_text(&words));
	if (option->letter) {
		add_pattern(walk, path, "-", (char[]){ option->letter, 0 });
		buf_printf(walk->out, ") echo '%s' ;;\n", buf_text(&words));
	}
}

static void command_entered(const struct walk *walk, const char *path,
			    const struct command *command)
{
	(void)command;
	if (strchr(path, ' '))
		buf_printf(walk->out, "\t'%s') return 0 ;;\n", path);
}

static void command_options(const struct walk *walk, const char *path,
			    const struct command *command)
{
	buf_printf(walk->out, "\t'%s') echo '--help", path);
	for (size_t i = 0; i < command->option_count; i++)
		buf_printf(walk->out, " --%s", command->options[i].name);
	for (size_t i = 0; i < globals_option_count; i++)
		buf_printf(walk->out, " --%s", globals_options[i].name);
	buf_add_str(walk->out, "' ;;\n");
}

static void command_subcommands(const struct walk *walk, const char *path,
				const struct command *command)
{
	buf_printf(walk->out, "\t'%s') echo '", path);
	for (size_t i = 0; command->subcommands && command->subcommands[i]; i++)
		buf_printf(walk->out, "%s%s", i ? " " : "", command->subcommands[i]->name);
	buf_printf(walk->out, "%s' ;;\n", command->subcommands ? "" : "@files");
}

static void add_function(const struct command *top, const char *name, const char *subject,
			 struct walk walk)
{
	buf_printf(walk.out, "_mpemu_%s() {\n\tcase \"%s\" in\n", name, subject);
	walk_all(top, walk);
	buf_printf(walk.out, "\tesac\n%s}\n", strchr(subject, '2') ? "\treturn 1\n" : "");
}

/** The functions; a path is what was typed of the command: "mpemu index create". */
static void add_functions(const struct command *top, struct buf *out)
{
	add_function(top, "takes_value", "$1:$2", (struct walk){ out, NULL, option_takes_value });
	add_function(top, "enters", "$1 $2", (struct walk){ out, command_entered, NULL });
	add_function(top, "values", "$1:$2", (struct walk){ out, NULL, option_values });
	add_function(top, "options", "$1", (struct walk){ out, command_options, NULL });
	add_function(top, "arguments", "$1", (struct walk){ out, command_subcommands, NULL });
}

static const char bash_head[] = "# bash completion for mpemu; made by: mpemu --complete bash\n";
static const char bash_tail[] =
	"_mpemu() {\n"
	"\tlocal path=mpemu word words i\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\t# bash breaks words at '='\n"
	"\tif [ \"$cur\" = = ]; then\n"
	"\t\tcur=\n"
	"\telif [ \"$prev\" = = ]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif _mpemu_takes_value \"$path\" \"$word\"; then\n"
	"\t\t\t[ \"${COMP_WORDS[i+1]}\" != = ] || i=$((i + 1))\n"
	"\t\t\ti=$((i + 1))\n"
	"\t\telif _mpemu_enters \"$path\" \"$word\"; then\n"
	"\t\t\tpath=\"$path $word\"\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif _mpemu_takes_value \"$path\" \"$prev\"; then\n"
	"\t\twords=$(_mpemu_values \"$path\" \"$prev\")\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\twords=$(_mpemu_options \"$path\")\n"
	"\telse\n"
	"\t\twords=$(_mpemu_arguments \"$path\")\n"
	"\tfi\n"
	"\tcase $words in\n"
	"\t@files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\t@dirs) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\t*)\n"
	"\t\tword=\n"
	"\t\t[[ $cur != *,* ]] || word=${cur%,*},\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -P \"$word\" -W \"$words\" -- \"${cur##*,}\")\n"
	"\t\t;;\n"
	"\tesac\n"
	"}\n"
	"complete -F _mpemu mpemu\n";

static const char zsh_head[] =
	"#compdef mpemu\n# zsh completion for mpemu; made by: mpemu --complete zsh\n";
static const char zsh_tail[] =
	"_mpemu() {\n"
	"\tlocal command=mpemu word found i\n"
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tword=${words[i]}\n"
	"\t\tif _mpemu_takes_value \"$command\" \"$word\"; then\n"
	"\t\t\t((i += 1))\n"
	"\t\telif _mpemu_enters \"$command\" \"$word\"; then\n"
	"\t\t\tcommand=\"$command $word\"\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tword=${words[CURRENT-1]}\n"
	"\tif _mpemu_takes_value \"$command\" \"$word\"; then\n"
	"\t\tfound=$(_mpemu_values \"$command\" \"$word\")\n"
	"\telif [[ ${words[CURRENT]} == -* ]]; then\n"
	"\t\tfound=$(_mpemu_options \"$command\")\n"
	"\telse\n"
	"\t\tfound=$(_mpemu_arguments \"$command\")\n"
	"\tfi\n"
	"\tcase $found in\n"
	"\t@files) _files ;;\n"
	"\t@dirs) _files -/ ;;\n"
	"\t*)\n"
	"\t\tcompset -P '*,'\n"
	"\t\tcompadd -- ${=found}\n"
	"\t\t;;\n"
	"\tesac\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _mpemu ]; then _mpemu \"$@\"; else compdef _mpemu mpemu; fi\n";

static void bash_script(const struct command *top, struct buf *out)
{
	buf_add_str(out, bash_head);
	add_functions(top, out);
	buf_add_str(out, bash_tail);
}

static void zsh_script(const struct command *top, struct buf *out)
{
	buf_add_str(out, zsh_head);
	add_functions(top, out);
	buf_add_str(out, zsh_tail);
}

/* ---- fish ---- */

static void add_fish_text(struct buf *out, const char *text)
{
	buf_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
	buf_add_char(out, '\'');
}

/** The condition under which a line counts: all words of the path were typed. */
static void add_fish_condition(struct buf *out, const char *path, const struct command *command)
{
	owned(strings) struct strings words = {};

	strings_split(&words, path, ' ');
	buf_add_str(out, "complete -c mpemu");
	for (size_t i = 1; i < words.count; i++)
		buf_printf(out, " -n '__fish_seen_subcommand_from %s'", words.items[i]);
	if (!command)
		return;
	buf_add_str(out, " -n 'not __fish_seen_subcommand_from");
	for (size_t i = 0; command->subcommands[i]; i++)
		buf_printf(out, " %s", command->subcommands[i]->name);
	buf_add_str(out, "' -f");
}

static void fish_command(const struct walk *walk, const char *path, const struct command *command)
{
	for (size_t i = 0; command->subcommands && command->subcommands[i]; i++) {
		add_fish_condition(walk->out, path, command);
		buf_printf(walk->out, " -a %s -d ", command->subcommands[i]->name);
		add_fish_text(walk->out, command->subcommands[i]->summary);
		buf_add_char(walk->out, '\n');
	}
}

static void fish_option(const struct walk *walk, const char *path, const struct option *option)
{
	owned(buf) struct buf words = {};

	add_fish_condition(walk->out, path, NULL);
	buf_printf(walk->out, " -l %s", option->name);
	if (option->letter)
		buf_printf(walk->out, " -s %c", option->letter);
	if (option->kind != OPTION_FLAG) {
		value_words(option, &words);
		if (words.length && *words.data != '@')
			buf_printf(walk->out, " -x -a '%s'", words.data);
		else
			buf_add_str(walk->out, words.length ? " -r -F" : " -x");
	}
	buf_add_str(walk->out, " -d ");
	add_fish_text(walk->out, option->help);
	buf_add_char(walk->out, '\n');
}

static void fish_script(const struct command *top, struct buf *out)
{
	buf_add_str(out, "# fish completion for mpemu; made by: mpemu --complete fish\n");
	walk_all(top, (struct walk){ out, fish_command, fish_option });
}

/* ---- all ---- */

result complete_script(const struct command *top, const char *shell, struct buf *out,
		       struct error *err)
{
	static const struct {
		const char *name;
		void (*write)(const struct command *top, struct buf *out);
	} shells[] = {
		{ "bash", bash_script },
		{ "zsh", zsh_script },
		{ "fish", fish_script },
	};

	for (size_t i = 0; i < countof(shells); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].write(top, out);
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "--complete %s: want bash, zsh or fish", shell);
}
