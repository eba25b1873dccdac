/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/expand.h"

#include "base/mem.h"
#include "tests/tap.h"

#include <stdlib.h>

/* clang-format off */
static const char *const environment[] = {
	"PWD=/home", "SHELL=bash", "KOREAN=한국어", "NULL=", "FOO=xxyy", "BAR=x", "STAR=a***yy*",
	"NEEDLE=/tmp", "PATHS=/tmp/tmp/bar.txt", "SPACED=a b  c", "LINES=one\ntwo\none",
	"ODD=()[]{}^$.*?|\\x", "VERSION=v1.2.3", "STARS=xx**", "MARKS=???y", "ESCAPED=\\*/",
	"GLOBBED=/foo*/*/*.txt", "DOUBLE=first", "DOUBLE=last", "BARE", "나라=Korea",
	NULL,
};

/** A NULL result is an error. */
static const struct {
	const char *word, *want;
} words[] = {
	{ "hello", "hello" }, { "he'll'o", "hello" }, { "he'llo", NULL }, { "he\\'llo", "he'llo" },
	{ "he\\\\'llo", NULL }, { "abc\\tdef", "abctdef" }, { "\"abc\\tdef\"", "abc\\tdef" },
	{ "\"abc\\\\tdef\"", "abc\\tdef" }, { "'abc\\tdef'", "abc\\tdef" }, { "hello\\", "hello" },
	{ "hello\\\\", "hello\\" }, { "\"hello", NULL }, { "\"hello\\\"", NULL },
	{ "\"hel'lo\"", "hel'lo" }, { "'hello", NULL }, { "'hello\\'", "hello\\" },
	{ "'hello\\there'", "hello\\there" }, { "'hello\\\\there'", "hello\\\\there" },
	{ "\"''\"", "''" }, { "$.", "$." }, { "$", "$" }, { "he$1x", "hex" }, { "he$.x", "he$.x" },
	{ "he$pwd.", "he." }, { "he$PWD", "he/home" }, { "he\\$PWD", "he$PWD" },
	{ "\"he\\$PWD\"", "he$PWD" }, { "'he\\$PWD'", "he\\$PWD" }, { "${PWD}", "/home" },
	{ "\"${PWD}\"", "/home" }, { "he${}llo", NULL }, { "he${hi}", "he" }, { "he${hi}xx", "hexx" },
	{ "he${.}", NULL }, { "he${XXX:-000}xx", "he000xx" }, { "he${PWD:-000}xx", "he/homexx" },
	{ "he${XXX:-$PWD}xx", "he/homexx" }, { "he${XXX:-${PWD:-yyy}}xx", "he/homexx" },
	{ "he${XXX:-${YYY:-yyy}}xx", "heyyyxx" }, { "he${XXX:YYY}", NULL },
	{ "he${XXX:+${PWD}}xx", "hexx" }, { "he${PWD:+${XXX}}xx", "hexx" },
	{ "he${PWD:+${SHELL}}xx", "hebashxx" }, { "he${XXX:+000}xx", "hexx" },
	{ "he${PWD:+000}xx", "he000xx" }, { "'he${XX}'", "he${XX}" }, { "\"he'$PWD'\"", "he'/home'" },
	{ "'\"hello\"'", "\"hello\"" }, { "he${PWD", NULL }, { "he${PWD:=000}xx", NULL },
	{ "he${PWD:+${PWD}:}xx", "he/home:xx" }, { "he${XXX:-\\$PWD:}xx", "he$PWD:xx" },
	{ "he${XXX:-\\${PWD}z}xx", "he${PWDz}xx" }, { "안녕하세요", "안녕하세요" },
	{ "안'녕'하세요", "안녕하세요" }, { "안'녕하세요", NULL }, { "안녕\\'하세요", "안녕'하세요" },
	{ "안녕$KOREAN", "안녕한국어" }, { "안녕${KOREAN}요", "안녕한국어요" }, { "$나라.", "Korea." },
	{ "$KOREAN요", "" }, { "$@x", "x" }, { "$$x", "x" }, { "$?$#$*$!$-$0", "" }, { "$123ab", "ab" },
	{ "${}", NULL }, { "${:-x}", NULL }, { "${{x}", NULL }, { "${aaa}}", "}" }, { "${v=x}", NULL },
	{ "${@}", "" }, { "${@:-x}", "x" }, { "\\${}", "${}" }, { "\\${PWD}a", "${PWD}a" },
	{ "${NULL-x}", "" }, { "${NULL:-x}", "x" }, { "${NULL+x}", "x" }, { "${NULL:+x}", "" },
	{ "${none-x}", "x" }, { "${none+x}", "" }, { "${NULL?x}", "" }, { "${NULL:?x}", NULL },
	{ "${none?}", NULL }, { "${PWD?x}", "/home" }, { "${BARE-x}", "" }, { "$DOUBLE", "last" },
	{ "${XXX:-'a}b'}", "a}b" }, { "${XXX:-\"a}b\"}", "a}b" }, { "\"${XXX:-\"a b\"}\"", "a b" },
	{ "${XXX:-'}", NULL }, { "<<EOF", "<<EOF" }, { "<< EOF", "<< EOF" }, { "a<b", "a<b" },
	{ "${XXX:-a\\}b}", "a}b" }, { "  a  b ", "  a  b " }, { "${PWD:#x}", NULL }, { "${PWD:%x}", NULL },
	{ "${PWD^}", NULL }, { "${PWD:", NULL }, { "${PWD:-", NULL }, { "${#PWD}", NULL },
	/* patterns */
	{ "${FOO#x}", "xyy" }, { "${FOO##x}", "xyy" }, { "${FOO#*}", "xxyy" }, { "${FOO##*}", "" },
	{ "${FOO#*x}", "xyy" }, { "${FOO##*x}", "yy" }, { "${FOO#*x*y}", "y" }, { "${FOO##}", "xxyy" },
	{ "${FOO#}", "xxyy" }, { "${FOO#$BAR}", "xyy" }, { "${FOO#$none}", "xxyy" }, { "${FOO%}", "xxyy" },
	{ "${FOO%y}", "xxy" }, { "${FOO%%y*}", "xx" }, { "${FOO%y*}", "xxy" }, { "${FOO%x}", "xxyy" },
	{ "${FOO%%*}", "" }, { "${STARS%%\\**}", "xx" }, { "${STAR%%\\**\\*}", "a" },
	{ "${MARKS#?\\?}", "?y" }, { "${ODD#()[]{\\}^$.\\*\\?|\\\\}", "x" }, { "${FOO#\\x}", NULL },
	{ "${VERSION#v}", "1.2.3" }, { "${VERSION%.*}", "v1.2" }, { "${VERSION%%.*}", "v1" },
	{ "${VERSION##*.}", "3" }, { "${none#x}", "" }, { "${KOREAN#?}", "국어" },
	{ "${KOREAN%?}", "한국" }, { "${LINES##*}", "\ntwo\none" }, { "${LINES%%*}", "one\ntwo\n" },
	{ "${FOO/x/z}", "zxyy" }, { "${FOO//x/z}", "zzyy" }, { "${FOO/x*y/z}", "z" }, { "${FOO/x/}", "xyy" },
	{ "${FOO//[x]/z}", "xxyy" }, { "${FOO//ww}", NULL }, { "${FOO//}", NULL }, { "${FOO///}", "xxyy" },
	{ "${none///}", "" }, { "${FOO/$none/ww}", "wwxxyy" }, { "${FOO///-}", "-x-x-y-y-" },
	{ "${FOO//?/ab}", "abababab" }, { "${FOO//\\?/ab}", "xxyy" }, { "${PATHS//\\//\\/}", "\\/tmp\\/tmp\\/bar.txt" },
	{ "${PATHS/$NEEDLE/} - ${PATHS//$NEEDLE/}", "/tmp/bar.txt - /bar.txt" },
	{ "${GLOBBED/$ESCAPED/.} - ${GLOBBED//$ESCAPED/.}", "/foo.*/*.txt - /foo..*.txt" },
	{ "${FOO//x/'$0$0'}", "xxxxyy" }, { "${FOO//x/'$$'}", "$$yy" }, { "${FOO//x/'${1}.'}", "..yy" },
	{ "${FOO/x/'$0'}", "$0xyy" }, { "${FOO//x/'$'}", "$$yy" }, { "${LINES//*/-}", "-\n-\n-" },
	{ "${FOO//*z/-}", "xxyy" }, { "${FOO//y*/}", "xx" }, { "${FOO:/x/y}", NULL },
};

static const struct {
	const char *word;
	const char *want[5];
} splits[] = {
	{ "hello", { "hello" } }, { "hello hi there", { "hello", "hi", "there" } },
	{ "hello\\ there hi", { "hello there", "hi" } }, { "he\"llo hi\" there", { "hello hi", "there" } },
	{ "hello' 'there  hi", { "hello there", "hi" } }, { "$SPACED", { "a", "b", "c" } },
	{ "\"$SPACED\"", { "a b  c" } }, { "x$SPACED'y z'", { "xa", "b", "cy z" } }, { "", { NULL } },
	{ "'' \"\" a", { "a" } }, { "${none:-a b}", { "a", "b" } }, { "${none:-'a b'}", { "a", "b" } },
	{ " \t a\u00a0b\u3000c ", { "a", "b", "c" } }, { "<< EOF x", { "<< EOF", "x" } },
	{ "<<- EOF", { "<<-", "EOF" } }, { "a$NULL b", { "a", "b" } }, { "\\ ", { " " } },
};
/* clang-format on */

static struct strings env_make(void)
{
	struct strings env = {};

	strings_add_all(&env, (char *const *)environment);
	return env;
}

TEST(expand_agrees_with_the_reference)
{
	owned(strings) struct strings env = env_make();

	for (size_t i = 0; i < countof(words); i++) {
		owned(str) char *got = NULL;
		struct error err = {};
		bool failed = expand_word(words[i].word, '\\', &env, 0, &got, &err);

		tap_check(failed == !words[i].want, __FILE__, __LINE__, "%s: %s", words[i].word,
			  failed ? err.text : got);
		if (!failed && words[i].want)
			tap_check(strcmp(got, words[i].want) == 0, __FILE__, __LINE__,
				  "%s is \"%s\", want \"%s\"", words[i].word, got, words[i].want);
	}
}

TEST(expand_splits_at_blanks_of_values_but_not_of_quotes)
{
	owned(strings) struct strings env = env_make();

	for (size_t i = 0; i < countof(splits); i++) {
		owned(strings) struct strings got = {};
		struct error err = {};
		size_t want = 0;

		CHECK(!expand_words(splits[i].word, '\\', &env, 0, &got, &err));
		while (want < countof(splits[i].want) && splits[i].want[want])
			want++;
		tap_check(got.count == want, __FILE__, __LINE__, "%s: %zu words, want %zu",
			  splits[i].word, got.count, want);
		for (size_t w = 0; w < want && w < got.count; w++)
			CHECK_STR(got.items[w], splits[i].want[w]);
	}
}

TEST(expand_obeys_its_flags)
{
	static const struct {
		const char *word, *want;
		unsigned flags;
		char escape;
	} cases[] = {
		{ "'$BAR' \"$BAR\" \\$BAR", "'x' \"x\" $BAR", EXPAND_RAW_QUOTES, '\\' },
		{ "it's $BAR", "it's x", EXPAND_RAW_QUOTES, '\\' },
		{ "a\\nb", "anb", EXPAND_RAW_QUOTES, '\\' },
		{ "'a'\"b\"", "'a'\"b\"", EXPAND_KEEP_QUOTES, '\\' },
		{ "a\\b\"c\\\"d\"", "a\\bc\\\"d", EXPAND_RAW_ESCAPES, '\\' },
		{ "$BAR$no${no}${no:-x}${no/a/b}", "x$no${no}${no:-x}${no/a/b}", EXPAND_KEEP_UNSET,
		  '\\' },
		{ "a`$BAR\\$BAR", "a$BAR\\x", 0, '`' },
		{ "\"`\"\\\"", "\"\\", 0, '`' },
	};
	owned(strings) struct strings env = env_make();

	for (size_t i = 0; i < countof(cases); i++) {
		owned(str) char *got = NULL;
		struct error err = {};

		CHECK(!expand_word(cases[i].word, cases[i].escape, &env, cases[i].flags, &got,
				   &err));
		CHECK_STR(got ? got : err.text, cases[i].want);
	}
}

TEST(expand_says_what_is_wrong)
{
	static const struct {
		const char *word, *text;
	} cases[] = {
		{ "${V:?message here$BAR}",
		  "failed to process \"${V:?message here$BAR}\": V: message herex" },
		{ "${V?}", "failed to process \"${V?}\": V: is not allowed to be unset" },
		{ "${NULL:?}",
		  "failed to process \"${NULL:?}\": NULL: is not allowed to be empty" },
		{ "${}", "failed to process \"${}\": syntax error: bad substitution" },
		{ "${a", "failed to process \"${a\": syntax error: missing '}'" },
		{ "${a//b", "failed to process \"${a//b\": syntax error: missing '/' in ${}" },
		{ "${a=b}",
		  "failed to process \"${a=b}\": unsupported modifier (=) in substitution" },
		{ "${a:#b}",
		  "failed to process \"${a:#b}\": unsupported modifier (:#) in substitution" },
		{ "'a", "failed to process \"'a\": unexpected end of statement while looking for "
			"matching single-quote" },
	};
	owned(strings) struct strings env = env_make();

	for (size_t i = 0; i < countof(cases); i++) {
		owned(str) char *got = NULL;
		struct error err = {};

		CHECK(expand_word(cases[i].word, '\\', &env, 0, &got, &err));
		CHECK(err.fault == FAULT_INPUT);
		CHECK_STR(err.text, cases[i].text);
	}
}

TEST(expand_has_limits)
{
	owned(buf) struct buf deep = {}, wide = {}, large = {};
	owned(strings) struct strings env = {};
	owned(str) char *got = NULL, *allowed = NULL, *none = NULL;
	struct error err = {};

	for (int i = 0; i < EXPAND_DEPTH_MAX + 1; i++)
		buf_add_str(&deep, "${a:-");
	for (int i = 0; i < EXPAND_DEPTH_MAX + 1; i++)
		buf_add_str(&deep, "}");
	CHECK(expand_word(buf_text(&deep), '\\', NULL, 0, &got, &err));
	CHECK(strstr(err.text, "more than 200 variables in each other"));
	allowed = xstrndup(buf_text(&deep) + 5, deep.length - 6);
	CHECK(!expand_word(allowed, '\\', NULL, 0, &none, &err));

	buf_add_str(&large, "L=");
	for (int i = 0; i < 1 << 16; i++)
		buf_add_char(&large, 'l');
	strings_add(&env, buf_text(&large));
	for (int i = 0; i < 17; i++)
		buf_add_str(&wide, "$L");
	CHECK(expand_word(buf_text(&wide), '\\', &env, 0, &got, &err));
	CHECK(strstr(err.text, "more than 1048576 bytes"));
	CHECK(expand_word("${L//l/$L}", '\\', &env, 0, &got, &err));
	CHECK(expand_word("${L//l*l*l*l*l*lx/y}", '\\', &env, 0, &got, &err) == OK);
}

TEST(expand_tells_what_is_set_and_what_is_not)
{
	owned(strings) struct strings env = env_make();
	owned(expand_names) struct expand_names names = {};
	owned(str) char *out = NULL;
	struct error err;

	CHECK(!expand_named("$a ${b:-$c} $PWD $a 'no $d' ${e/$f/}", '\\', &env, 0, &names, &out,
			    &err));
	CHECK(names.unset.count == 5);
	CHECK(strings_have(&names.unset, "a") && strings_have(&names.unset, "b") &&
	      strings_have(&names.unset, "c") && strings_have(&names.unset, "e") &&
	      strings_have(&names.unset, "f"));
	CHECK(names.set.count == 1 && strings_have(&names.set, "PWD"));
	CHECK(expand_named("$g $PWD ${", '\\', &env, 0, &names, NULL, &err));
	CHECK(names.unset.count == 6 && names.set.count == 1);
}
