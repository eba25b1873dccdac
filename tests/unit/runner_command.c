/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/command.h"
#include "tests/tap.h"

#include <stdio.h>

struct sample {
	bool flag, other;
	const char *text;
	struct strings list;
};

static const struct option options[] = {
	{ "flag", 'f', OPTION_FLAG, offsetof(struct sample, flag), NULL, "a flag" },
	{ "other", 'o', OPTION_FLAG, offsetof(struct sample, other), NULL, "another" },
	{ "text", 't', OPTION_TEXT, offsetof(struct sample, text), "TEXT", "a text" },
	{ "list", 'l', OPTION_LIST, offsetof(struct sample, list), "ITEM", "a list" },
};

static const struct command command = {
	.name = "sample",
	.arguments = "[OPTIONS] [ARG...]",
	.summary = "Try options",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct sample),
	.arguments_max = 2,
};

/* clang-format off */
static const struct {
	const char *argv[8];
	const char *want; /* what describe() prints, or the error */
} cases[] = {
	{ { "a", "-f", "b" },                 "f=1 o=0 t=- l=0 args=2 root=-" },
	{ { "-fo", "-tx" },                   "f=1 o=1 t=x l=0 args=0 root=-" },
	{ { "--text=a=b", "--list", "1", "--list=2" }, "f=0 o=0 t=a=b l=2 args=0 root=-" },
	{ { "--flag=false", "-t", "" },       "f=0 o=0 t= l=0 args=0 root=-" },
	{ { "-f", "--no-flag" },              "f=0 o=0 t=- l=0 args=0 root=-" },
	{ { "--", "-f" },                     "f=0 o=0 t=- l=0 args=1 root=-" },
	{ { "-", "--root", "/x" },            "f=0 o=0 t=- l=0 args=1 root=/x" },
	{ { "--txet", "x" },                  "unknown option '--txet' (did you mean --text?)" },
	{ { "--zzzzzzzz" },                   "unknown option '--zzzzzzzz'; --help lists them" },
	{ { "--text" },                       "option --text wants a value: TEXT" },
	{ { "-ft" },                          "option -t wants a value: TEXT" },
	{ { "--flag=maybe" },                 "option --flag: 'maybe' is neither true nor false" },
	{ { "a", "b", "c" },                  "too many arguments: want [OPTIONS] [ARG...]" },
};
/* clang-format on */

TEST(options_fill_a_struct_and_explain_what_they_refuse)
{
	for (size_t i = 0; i < countof(cases); i++) {
		struct sample sample = {};
		struct globals globals = {};
		struct error err = {};
		char *argv[8], got[2048];
		int argc = 0;
		bool help = false;

		for (; argc < 8 && cases[i].argv[argc]; argc++)
			argv[argc] = (char *)cases[i].argv[argc];
		if (options_parse(&command, &sample, &globals, &argc, argv, &help, &err))
			snprintf(got, sizeof(got), "%s", err.text);
		else
			snprintf(got, sizeof(got), "f=%d o=%d t=%s l=%zu args=%d root=%s",
				 sample.flag, sample.other, sample.text ? sample.text : "-",
				 sample.list.count, argc, globals.root ? globals.root : "-");
		CHECK_STR(got, cases[i].want);
		options_drop(&command, &sample);
	}
}

TEST(help_lists_every_option)
{
	owned(buf) struct buf out = {};

	command_help("mpemu sample", &command, &out);
	CHECK(strstr(buf_text(&out), "Usage: mpemu sample [OPTIONS] [ARG...]"));
	CHECK(strstr(buf_text(&out), "-t, --text TEXT"));
	CHECK(strstr(buf_text(&out), "--root DIR"));
}

TEST(nearest_finds_typing_errors_only)
{
	static const char *const words[] = { "build", "run", "images" };

	CHECK_STR(nearest("bild", words, 3), "build");
	CHECK_STR(nearest("image", words, 3), "images");
	CHECK(!nearest("xyzzy", words, 3));
}
