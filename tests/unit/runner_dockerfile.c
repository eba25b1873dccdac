/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/dockerfile.h"
#include "runner/dockerfile_print.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

/** Names and arguments of a file, `|` between words and a newline after each instruction. */
static void dump(const struct instruction *instruction, struct buf *out)
{
	buf_add_str(out, instruction->name);
	for (size_t i = 0; i < instruction->flag_count; i++)
		buf_printf(out, " [--%s%s%s]", instruction->flags[i].name,
			   instruction->flags[i].value ? "=" : "",
			   instruction->flags[i].value ? instruction->flags[i].value : "");
	for (size_t i = 0; i < instruction->arg_count; i++)
		buf_printf(out, "|%s", instruction->args[i]);
	if (instruction->json)
		buf_add_str(out, " json");
	if (instruction->trigger) {
		buf_add_char(out, ' ');
		dump(instruction->trigger, out);
	}
}

/* clang-format off */
static const struct {
	const char *text, *want; /* without a want: that error */
} cases[] = {
	/* words */
	{ "FROM a", "from|a" }, { "from\ta \v as\fb", "from|a|as|b" }, { "FROM a\r\n", "from|a" },
	{ "  RUN  echo  a ", "run|echo  a" }, { "RUN", "run" }, { "CMD []", "cmd json" },
	{ "CMD [ \"a\" , \"b c\" ]", "cmd|a|b c json" }, { "CMD\t[\t\"a\"\t]\t", "cmd|a json" },
	{ "RUN [\"a\",'b']", "run|[\"a\",'b']" }, { "RUN [\"a\"] # c", "run|[\"a\"] # c" },
	{ "RUN [\"c:\\x\"]", "run|[\"c:\\x\"]" }, { "RUN [\"\\u00e9\\ud83d\\ude00\\ud800x\"]", "run|é😀\ufffdx json" },
	{ "RUN [ \"a\", ]", "run|[ \"a\", ]" }, { "RUN [\"a\" \"b\"]", "run|[\"a\" \"b\"]" },
	{ "RUN [\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"]", "run|\" \\ / \b \f \n \r \t json" },
	{ "RUN [1e999]", "run|[1e999]" }, { "RUN [{\"a\":1]", "run|[{\"a\":1]" }, { "RUN [01]", "run|[01]" },
	{ "COPY a b c", "copy|a|b|c" }, { "COPY [\"a b\", \"c\"]", "copy|a b|c json" },
	{ "COPY \"a b\" c", "copy|\"a|b\"|c" }, { "ADD a\\ b c", "add|a\\|b|c" },
	{ "VOLUME /a /b", "volume|/a|/b" }, { "VOLUME [\"/a\"]", "volume|/a json" },
	{ "WORKDIR /a b", "workdir|/a b" }, { "USER \"a b\"", "user|\"a b\"" }, { "EXPOSE 80 443/udp", "expose|80|443/udp" },
	{ "ARG a", "arg|a" }, { "ARG a=b c='d e' f", "arg|a=b|c='d e'|f" }, { "ARG a=b\\ c\\", "arg|a=b\\ c" },
	{ "ENV a b c", "env|a|b c|" }, { "ENV a=b c=d", "env|a|b|=|c|d|=" }, { "ENV a \"b  c\" ", "env|a|\"b  c\"|" },
	{ "ENV a=\"b c\" d=e\\ f g='h i'", "env|a|\"b c\"|=|d|e\\ f|=|g|'h i'|=" }, { "ENV a='b\\' c=d", "env|a|'b\\'|=|c|d|=" },
	{ "ENV a=\"b", "env|a|\"b|=" }, { "ENV a=b=c", "env|a|b=c|=" }, { "LABEL \"a b\"=c", "label|\"a b\"|c|=" },
	{ "ENV name value = value1", "env|name|value = value1|" }, { "ENV a=\"\\\"x\"", "env|a|\"\\\"x\"|=" },
	{ "STOPSIGNAL 9", "stopsignal|9" }, { "MAINTAINER a <b@c>", "maintainer|a <b@c>" },
	{ "SHELL [\"sh\", \"-c\"]", "shell|sh|-c json" }, { "ENTRYPOINT a  b", "entrypoint|a  b" },
	{ "HEALTHCHECK NONE", "healthcheck|NONE" }, { "HEALTHCHECK CMD a b", "healthcheck|CMD|a b" },
	{ "HEALTHCHECK --interval=5s --retries=3 CMD [\"a\"]", "healthcheck [--interval=5s] [--retries=3]|CMD|a json" },
	{ "ARG --x a=b", "arg [--x]|a=b" }, { "STOPSIGNAL --x=y 9", "stopsignal [--x=y]|9" },
	{ "HEALTHCHECK --retries=x none", "healthcheck [--retries=x]|none" },
	{ "HEALTHCHECK   CMD   a  b", "healthcheck|CMD|a  b" },
	{ "ONBUILD RUN a b", "onbuild run|a b" }, { "ONBUILD COPY --from=x a b", "onbuild copy [--from=x]|a|b" },
	{ "ONBUILD env a=b", "onbuild env|a|b|=" },
	/* what is no UTF-8 */
	{ "ENV a=\xff\"\xc3\"b", "env|a|\ufffd\"\ufffd\"b|=" }, { "CMD a\xff", "cmd|a\xff" },
	/* flags */
	{ "# escape=`\nCOPY --chown=a\\b` c d e", "copy [--chown=a\\b c]|d|e" },
	{ "COPY --chown=a --link b c", "copy [--chown=a] [--link]|b|c" }, { "COPY -- --a b", "copy|--a|b" },
	{ "COPY --link -- a b", "copy [--link]|a|b" }, { "COPY --from='a b' c d", "copy [--from=a b]|c|d" },
	{ "COPY --from=a\\ b c d", "copy [--from=a b]|c|d" }, { "COPY -a b", "copy|-a|b" },
	{ "RUN --mount=type=cache,target=/x --mount=type=tmpfs,target=/y a", "run [--mount=type=cache,target=/x] [--mount=type=tmpfs,target=/y]|a" },
	{ "CMD -- [\"a\"]", "cmd|a json" }, { "RUN --network=none [\"a\"]", "run [--network=none]|a json" },
	{ "FROM --platform=$BUILDPLATFORM a AS b", "from [--platform=$BUILDPLATFORM]|a|AS|b" },
	/* lines */
	{ "RUN a \\\n b", "run|a  b" }, { "RUN a\\\nb", "run|ab" }, { "RUN a \\  \t\n b", "run|a  b" },
	{ "RUN a \\\\\nUSER b", "run|a \\\\\nuser|b" }, { "RUN a \\\n\n b", "run|a  b" },
	{ "RUN a \\\n# c\n  # d\n b", "run|a  b" }, { "RUN a \\\n", "run|a" }, { "RUN a \\\n#b\\\nc", "run|a c" },
	{ "# a\n\n  # b\nRUN c # d", "run|c # d" }, { "\\\nRUN a", "run|a" }, { "RUN a \\\n \\\n b", "run|a   b" },
	{ "\xef\xbb\xbfRUN a", "run|a" }, { "RUN a \\\r\n b\r\n", "run|a  b" }, { "  \\\n RUN a", "run|a" },
	{ "\u00a0RUN a\u00a0", "run|a" },
	/* directives */
	{ "# escape=`\nRUN a `\n b\\\n", "run|a  b\\" }, { "  # EScape = ` \nRUN a `\nb", "run|a b" },
	{ "# syntax=a\n# escape=`\nRUN a `\nb", "run|a b" }, { "# c\n# escape=`\nRUN a `\nUSER b", "run|a `\nuser|b" },
	{ "\n# escape=`\nRUN a `\nUSER b", "run|a `\nuser|b" }, { "# x=y\n# escape=`\nRUN a `\nUSER b", "run|a `\nuser|b" },
	{ "#escape=\\\nRUN a", "run|a" }, { "RUN a\n# escape=`\nRUN b `\nUSER c", "run|a\nrun|b `\nuser|c" },
	{ "#!/bin/x\n# escape=`\nRUN b `\nUSER c", "run|b `\nuser|c" }, { "# escape=`\nENV a=b`\n c=d\\", "env|a|b|=|c|d\\|=" },
	/* heredocs */
	{ "RUN <<EOF\na\nEOF", "run|<<EOF <EOF:a\n>" }, { "RUN 3<<E\nE\n", "run|3<<E <E:>" },
	{ "RUN <<-E\n\t\ta\n\tE\nUSER b", "run|<<-E <E:\t\ta\n>\nuser|b" }, { "RUN <<E cat\n# a \\\n\nE", "run|<<E cat <E:# a \\\n\n>" },
	{ "COPY <<A <<B /c\nB\nA\nA\nB", "copy|<<A|<<B|/c <A:B\n> <B:A\n>" }, { "RUN <<'E'\n$a\nE", "run|<<'E' <'E':$a\n>" },
	{ "RUN <<e'o'\\'f\nx\neo'f", "run|<<e'o'\\'f <'eo'f':x\n>" }, { "RUN <<eo\\'f\nx\neo'f", "run|<<eo\\'f <eo'f:x\n>" },
	{ "RUN <<'one two'\nx\none two", "run|<<'one two' <'one two':x\n>" }, { "RUN <<$E\n$E", "run|<<$E <$E:>" },
	{ "RUN <<  E  > x\nE", "run|<<  E  > x <E:>" }, { "RUN << -E\n-E", "run|<< -E <-E:>" }, { "RUN <<- E", "run|<<- E" },
	{ "RUN \"<<E\"", "run|\"<<E\"" }, { "RUN [\"<<E\"]", "run|<<E json" }, { "USER <<E", "user|<<E" },
	{ "RUN a<<E", "run|a<<E" }, { "RUN <<<E", "run|<<<E" }, { "RUN echo 'a <<E", "run|echo 'a <<E" },
	{ "ONBUILD RUN <<E\na\nE", "onbuild run|<<E <E:a\n>" }, { "RUN <<E \\\n b\nx\nE", "run|<<E  b <E:x\n>" },
	{ "RUN <<E\r\na\r\nE\r\n", "run|<<E <E:a\r\n>" }, { "# escape=`\nRUN <<E\na `\nE", "run|<<E <E:a `\n>" },
	{ "ADD <<E --x /d\nE", "add|<<E|--x|/d <E:>" }, { "RUN cat <<E; cat <<F\nE\nF\n", NULL },
};

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "F: file with no instructions" }, { "# a\n \n", "F: file with no instructions" },
	{ "FROM a\n\nFORM b", "F:3: unknown instruction: FORM (did you mean FROM?)" },
	{ "FRMO a", "F:1: unknown instruction: FRMO (did you mean FROM?)" }, { "WHATEVER", "F:1: unknown instruction: WHATEVER" },
	{ "\\\n\n", "F:1: unknown instruction: " },
	{ "COPY a", "F:1: COPY requires at least two arguments, but only one was provided. Destination could not be determined" },
	{ "ADD", "F:1: ADD requires at least two arguments, but only one was provided. Destination could not be determined" },
	{ "COPY --form=a b c", "F:1: unknown flag: --form (did you mean from?)" }, { "RUN --x a", "F:1: unknown flag: --x" },
	{ "COPY --link --link a b", "F:1: duplicate flag specified: --link" }, { "COPY --from a b", "F:1: missing a value on flag: --from" },
	{ "COPY --link= a b", "F:1: missing a value on flag: --link" }, { "COPY --link=x a b", "F:1: expecting boolean value for flag --link, not: x" },
	{ "COPY a <<E\nE", "F:1: COPY cannot accept a heredoc as a destination" },
	{ "CMD [\"a\", 1]", "F:1: when using JSON array syntax, arrays must be comprised of strings only" },
	{ "RUN [\"a\", [\"b\"]]", "F:1: when using JSON array syntax, arrays must be comprised of strings only" },
	{ "COPY [null, \"a\"]", "F:1: when using JSON array syntax, arrays must be comprised of strings only" },
	{ "RUN [\"a\\u0000\"]", "F:1: an argument has a NUL character" },
	{ "ENV a", "F:1: ENV must have two arguments" }, { "LABEL a", "F:1: LABEL must have two arguments" },
	{ "ENV", "F:1: ENV requires at least one argument" }, { "ENV =b", "F:1: ENV names can not be blank" },
	{ "ENV a=b c", "F:1: Syntax error - can't find = in \"c\". Must be of the form: name=value" },
	{ "ARG", "F:1: ARG requires at least one argument" }, { "ARG =x", "F:1: ARG names can not be blank" },
	{ "FROM", "F:1: FROM requires either one or three arguments" }, { "FROM a b", "F:1: FROM requires either one or three arguments" },
	{ "FROM a AS 1b", "F:1: invalid name for build stage: \"1b\", name can't start with a number or contain symbols" },
	{ "FROM a IS b", "F:1: FROM requires either one or three arguments" },
	{ "ONBUILD", "F:1: ONBUILD requires at least one argument" }, { "ONBUILD FROM a", "F:1: FROM isn't allowed as an ONBUILD trigger" },
	{ "ONBUILD onbuild RUN a", "F:1: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
	{ "USER", "F:1: USER requires exactly one argument" }, { "WORKDIR", "F:1: WORKDIR requires exactly one argument" },
	{ "VOLUME", "F:1: VOLUME requires at least one argument" }, { "VOLUME [\" \"]", "F:1: VOLUME specified can not be an empty string" },
	{ "SHELL sh -c", "F:1: SHELL requires the arguments to be in JSON form" }, { "SHELL []", "F:1: SHELL requires at least one argument" },
	{ "RUN --network=hots a", "F:1: RUN --network=hots: want default, none or host (did you mean host?)" }, { "RUN --security= a", "F:1: RUN --security=: want sandbox or insecure" },
	{ "HEALTHCHECK", "F:1: HEALTHCHECK requires at least one argument" }, { "HEALTHCHECK NONE x", "F:1: HEALTHCHECK NONE takes no arguments" },
	{ "HEALTHCHECK CMD", "F:1: Missing command after HEALTHCHECK CMD" }, { "HEALTHCHECK Tcp 7", "F:1: Unknown type \"TCP\" in HEALTHCHECK (try CMD)" },
	{ "HEALTHCHECK --interval=1us CMD a", "F:1: Interval \"interval\" cannot be less than 1ms" },
	{ "HEALTHCHECK --retries=-1 CMD a", "F:1: --retries cannot be negative (-1)" },
	{ "HEALTHCHECK --timeout=5 CMD a", "F:1: invalid duration \"5\": want a number with a unit, such as 1m30s" },
	{ "RUN <<E\na", "F:1: unterminated heredoc: no line 'E' follows" },
	{ "# escape=x\nRUN a", "F:1: invalid escape token 'x' does not match ` or \\" },
	{ "# escape=`\n# escape=`\nRUN a", "F:2: only one escape parser directive can be used" },
	{ "# syntax=a\n# Syntax=a\nRUN a", "F:2: only one syntax parser directive can be used" },
};
/* clang-format on */

static void dump_heredocs(const struct instruction *instruction, struct buf *out)
{
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		const struct heredoc *heredoc = &instruction->heredocs[i];
		const char *quote = heredoc->expand ? "" : "'";

		buf_printf(out, " <%s%s%s:%s>", quote, heredoc->name, quote, heredoc->content);
	}
}

TEST(dockerfile_is_read_as_the_reference_reads_it)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(dockerfile) struct dockerfile *file = NULL;
		owned(buf) struct buf got = {};
		struct error err = {};

		if (!cases[i].want) {
			CHECK(dockerfile_read(cases[i].text, strlen(cases[i].text), "F", &file,
					      &err));
			continue;
		}
		if (!tap_check(!dockerfile_read(cases[i].text, strlen(cases[i].text), "F", &file,
						&err),
			       __FILE__, __LINE__, "%s: %s", cases[i].text, err.text))
			continue;
		for (size_t n = 0; n < file->instruction_count; n++) {
			if (n)
				buf_add_char(&got, '\n');
			dump(&file->instructions[n], &got);
			dump_heredocs(&file->instructions[n], &got);
		}
		CHECK_STR(buf_text(&got), cases[i].want);
	}
}

TEST(dockerfile_errors_say_where_and_what)
{
	for (size_t i = 0; i < countof(refused); i++) {
		owned(dockerfile) struct dockerfile *file = NULL;
		struct error err = {};

		tap_check(dockerfile_parse(refused[i].text, strlen(refused[i].text), "F", &file,
					   &err),
			  __FILE__, __LINE__, "%s", refused[i].text);
		CHECK(err.fault == FAULT_INPUT);
		CHECK_STR(err.text, refused[i].error);
	}
}

TEST(dockerfile_lines_have_a_limit)
{
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(buf) struct buf text = {};
	struct error err = {};

	buf_add_str(&text, "FROM a\nLABEL b=");
	while (text.length < 7 + 65535)
		buf_add_char(&text, 'c');
	CHECK(!dockerfile_parse(text.data, text.length, "F", &file, &err));
	dockerfile_drop(&file);
	buf_add_char(&text, '\n');
	CHECK(!dockerfile_parse(text.data, text.length, "F", &file, &err));
	text.data[text.length - 1] = 'c';
	CHECK(dockerfile_parse(text.data, text.length, "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:2: dockerfile line greater than max allowed size of 65535");
	CHECK(dockerfile_parse("RUN a\n\0b", 8, "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:2: has a NUL byte; is this a text file?");
}

TEST(dockerfile_knows_its_lines)
{
	static const char text[] = "\n\n# c\n\nFROM a\n\nRUN b \\\n\n  c\nRUN <<E\nx\n\nE\n";
	owned(dockerfile) struct dockerfile *file = NULL;
	struct error err = {};

	CHECK(!dockerfile_parse(text, strlen(text), "F", &file, &err));
	CHECK(file->instruction_count == 3);
	CHECK(file->instructions[0].first_line == 5 && file->instructions[0].last_line == 5);
	CHECK(file->instructions[1].first_line == 7 && file->instructions[1].last_line == 9);
	CHECK(file->instructions[2].first_line == 10 && file->instructions[2].last_line == 13);
	CHECK(file->empty_continuation_count == 1 && file->empty_continuations[0] == 9);
	CHECK_STR(file->instructions[1].original, "RUN b   c");
	CHECK_STR(file->instructions[1].command, "b   c");
}

TEST(instruction_views_find_flags_pairs_and_heredocs)
{
	static const char text[] =
		"RUN --mount=a --mount=b c\nCOPY --link --parents=FALSE <<-'A' b /c\n\tx\nA\n"
		"ARG d=e=f g\nENV h=i j=k\nONBUILD  RUN <<E\nl\nE\n";
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(buf) struct buf trigger = {};
	struct error err = {};
	const struct instruction *at;
	size_t flag = 0;

	CHECK(!dockerfile_parse(text, strlen(text), "F", &file, &err));
	at = file->instructions;
	CHECK_STR(instruction_flag(&at[0], "mount"), "b");
	CHECK_STR(instruction_next_flag(&at[0], "mount", &flag)->value, "a");
	CHECK_STR(instruction_next_flag(&at[0], "mount", &flag)->value, "b");
	CHECK(!instruction_next_flag(&at[0], "mount", &flag));
	CHECK(instruction_is_set(&at[1], "link") && !instruction_is_set(&at[1], "parents"));
	CHECK(!instruction_flag(&at[1], "from") && !instruction_is_set(&at[1], "from"));
	CHECK_STR(instruction_heredoc(&at[1], at[1].args[0])->text, "x\n");
	CHECK(!instruction_heredoc(&at[1], at[1].args[1]));
	CHECK(instruction_pair_count(&at[2]) == 2 && instruction_pair(&at[2], 0).name_length == 1);
	CHECK_STR(instruction_pair(&at[2], 0).value, "e=f");
	CHECK(!instruction_pair(&at[2], 1).value);
	CHECK(instruction_pair_count(&at[3]) == 2);
	CHECK_STR(instruction_pair(&at[3], 1).name, "j");
	instruction_trigger_text(&at[4], &trigger);
	CHECK_STR(buf_text(&trigger), "RUN <<E\nl\nE");
	dockerfile_drop(&file);
	CHECK(!dockerfile_parse_one(trigger.data, trigger.length, "T", &file, &err));
	dockerfile_drop(&file);
	CHECK(dockerfile_parse_one("USER a\nUSER b", 13, "T", &file, &err));
	CHECK_STR(err.text, "T: want one instruction, not 2");
}

TEST(durations_are_those_of_go)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: refused */
	} durations[] = {
		{ "0", 0 },
		{ "1s", 1000000000 },
		{ "1m30s", 90000000000 },
		{ "1.5h", 5400000000000 },
		{ "100ms", 100000000 },
		{ "0.3s", 300000000 },
		{ "1h1m1s1ms1us1ns", 3661001001001 },
		{ ".5s", 500000000 },
		{ "+1s", 1000000000 },
		{ "", -1 },
		{ "5", -1 },
		{ "s", -1 },
		{ "1x", -1 },
		{ "1 s", -1 },
		{ "9999999h", -1 },
		{ ".s", -1 },
	};

	for (size_t i = 0; i < countof(durations); i++) {
		struct error err = {};
		int64_t got = -1;
		bool failed = duration_parse(durations[i].text, &got, &err);

		tap_check(failed == (durations[i].want < 0) && got == durations[i].want, __FILE__,
			  __LINE__, "'%s' is %lld", durations[i].text, (long long)got);
	}
}

/** Neither long lines nor many of them cost more than they have bytes; too many are refused. */
TEST(dockerfile_of_many_words_and_lines_is_read_at_once)
{
	owned(buf) struct buf words = {}, lines = {};
	owned(dockerfile) struct dockerfile *file = NULL;
	struct error err = {};

	buf_add_str(&words, "FROM a\nVOLUME \\\n");
	while (words.length < DOCKERFILE_SIZE_MAX - 100)
		buf_add_str(&words, "a=b \\\n");
	buf_add_str(&words, "c=d");
	CHECK(!dockerfile_parse(buf_text(&words), words.length, "F", &file, &err));
	CHECK(file->instruction_count == 2 && file->instructions[1].arg_count > 2000000);
	dockerfile_drop(&file);
	for (unsigned i = 0; i <= DOCKERFILE_INSTRUCTIONS_MAX; i++)
		buf_add_str(&lines, "RUN a\n");
	CHECK(dockerfile_parse(buf_text(&lines), lines.length, "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:100001: more than 100000 instructions");
	buf_clear(&lines);
	buf_add_str(&lines, "FROM a\nLABEL");
	for (unsigned i = 0; i <= DOCKERFILE_PAIRS_MAX; i++)
		buf_add_str(&lines, "\\\n a=b");
	CHECK(dockerfile_parse(buf_text(&lines), lines.length, "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:2: more than 20000 names are set by ENV, LABEL and ARG");
	buf_clear(&lines);
	for (unsigned i = 0; i < DOCKERFILE_STAGES_MAX; i++)
		buf_add_str(&lines, "FROM a\n");
	CHECK(!dockerfile_parse(buf_text(&lines), lines.length, "F", &file, &err));
	dockerfile_drop(&file);
	buf_add_str(&lines, "FROM a\n");
	CHECK(dockerfile_parse(buf_text(&lines), lines.length, "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:5001: more than 5000 stages");
	buf_clear(&lines);
	for (unsigned i = 0; i < 1000; i++)
		buf_add_str(&lines, "FROM a\nENV a=b c=d\n");
	CHECK(!dockerfile_parse(buf_text(&lines), lines.length, "F", &file, &err));
	dockerfile_drop(&file);
	buf_add_str(&lines, "FROM a\n");
	CHECK(dockerfile_parse(buf_text(&lines), lines.length, "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:2001: 2000 names that ENV, LABEL and ARG set are too many for 1001 "
			    "stages");
}

/** tests/golden/NAME.Dockerfile and NAME.json; UPDATE=1 in the environment writes the latter. */
TEST(dockerfile_json_is_as_recorded)
{
	DIR *directory = opendir("tests/golden");
	struct dirent *entry;

	if (!directory)
		tap_skip("not run from the source tree");
	while ((entry = readdir(directory))) {
		owned(dockerfile) struct dockerfile *file = NULL;
		owned(buf) struct buf text = {}, want = {};
		owned(str) char *path = xasprintf("tests/golden/%s", entry->d_name), *got = NULL;
		struct error err = {};
		size_t length;
		FILE *print;

		if (!ends_with(path, ".Dockerfile"))
			continue;
		CHECK(!read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &text, &err));
		strcpy(path + strlen(path) - strlen(".Dockerfile"), ".json");
		if (!tap_check(!dockerfile_parse(text.data, text.length, "F", &file, &err),
			       __FILE__, __LINE__, "%s: %s", entry->d_name, err.text))
			continue;
		print = open_memstream(&got, &length);
		dockerfile_print(file, print);
		fclose(print);
		if (getenv("UPDATE"))
			CHECK(!file_replace(AT_FDCWD, path, got, strlen(got), 0644, &err));
		CHECK(!read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &want, &err));
		tap_check(strcmp(buf_text(&want), got) == 0, __FILE__, __LINE__, "%s differs",
			  path);
	}
	closedir(directory);
}

/** tests/refused/dockerfile/NAME.Dockerfile and NAME.err, the exact line. */
TEST(refused_dockerfiles_fail_with_the_recorded_line)
{
	DIR *directory = opendir("tests/refused/dockerfile");
	struct dirent *entry;

	if (!directory)
		tap_skip("not run from the source tree");
	while ((entry = readdir(directory))) {
		owned(dockerfile) struct dockerfile *file = NULL;
		owned(buf) struct buf text = {}, want = {};
		owned(str) char *path = xasprintf("tests/refused/dockerfile/%s", entry->d_name);
		struct error err = {};

		if (!ends_with(path, ".Dockerfile"))
			continue;
		CHECK(!read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &text, &err));
		strcpy(path + strlen(path) - strlen(".Dockerfile"), ".err");
		CHECK(dockerfile_parse(buf_text(&text), text.length, "Dockerfile", &file, &err) ==
		      FAILED);
		CHECK(!read_file(AT_FDCWD, path, 4096, &want, &(struct error){}));
		if (want.length && want.data[want.length - 1] == '\n')
			want.data[--want.length] = '\0';
		CHECK_STR(err.text, buf_text(&want));
	}
	closedir(directory);
}
