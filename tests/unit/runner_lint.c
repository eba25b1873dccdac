/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lint.h"
#include "runner/lint_print.h"

#include "base/mem.h"
#include "tests/tap.h"

#include <stdlib.h>

/* clang-format off */
static const struct {
	const char *text, *want; /* "line:Rule line:Rule" */
} cases[] = {
	{ "FROM alpine\nCMD [\"a\"]\n", "" },
	{ "FROM alpine AS Base", "1:StageNameCasing" }, { "FROM alpine as base", "1:FromAsCasing" },
	{ "from alpine AS base", "1:FromAsCasing" }, { "from alpine as base", "" },
	{ "FROM alpine\nRUN a \\\n\nb", "4:NoEmptyContinuation" },
	{ "FROM alpine\nRUN a\nrun b", "3:ConsistentInstructionCasing" },
	{ "FROM alpine\nRun a", "2:ConsistentInstructionCasing" },
	{ "arg a\nFROM alpine", "" },
	{ "FROM a AS b\nFROM c AS b", "2:DuplicateStageName" },
	{ "FROM alpine AS scratch", "1:ReservedStageName" }, { "FROM alpine AS context", "1:ReservedStageName" },
	{ "FROM alpine\nCMD a", "2:JSONArgsRecommended" }, { "FROM alpine\nENTRYPOINT a", "2:JSONArgsRecommended" },
	{ "FROM alpine\nSHELL [\"a\"]\nCMD a", "" }, { "FROM alpine\nMAINTAINER a", "2:MaintainerDeprecated" },
	{ "FROM alpine:${T}x", "1:UndefinedArgInFrom" }, { "ARG T=1\nFROM alpine:$T", "" },
	{ "FROM --platform=$BUILDPLATFORM alpine", "" }, { "FROM --platform=$BUILDPLATFROM alpine", "1:UndefinedArgInFrom" },
	{ "FROM alpine\nWORKDIR a", "2:WorkdirRelativePath" }, { "FROM alpine\nWORKDIR /a\nWORKDIR b", "" },
	{ "FROM alpine\nCOPY $foo .", "2:UndefinedVar" }, { "FROM alpine\nARG foo\nCOPY $foo .", "" },
	{ "FROM alpine\nENV foo=a\nCOPY $foo ${foo}x$PATH .", "" }, { "FROM alpine\nRUN echo $foo", "" },
	{ "FROM alpine AS a\nARG foo=x\nFROM a\nCOPY $foo .", "" }, { "FROM alpine\nCOPY ${foo:-x} .", "2:UndefinedVar" },
	{ "FROM alpine\nRUN --mount=target=/$foo a", "2:UndefinedVar" },
	{ "FROM alpine\nCMD [\"a\"]\nCMD [\"b\"]", "2:MultipleInstructionsDisallowed" },
	{ "FROM alpine\nCMD [\"a\"]\nFROM alpine\nCMD [\"b\"]", "" },
	{ "FROM alpine\nENV a b", "2:LegacyKeyValueFormat" }, { "FROM alpine\nLABEL a b", "2:LegacyKeyValueFormat" },
	{ "FROM --platform=$TARGETPLATFORM alpine", "1:RedundantTargetPlatform" },
	{ "FROM alpine\nARG API_KEY", "2:SecretsUsedInArgOrEnv" }, { "FROM alpine\nENV PUBLIC_KEY=a MONKEY=c", "" },
	{ "FROM alpine\nENV KEY_FILE=a", "2:SecretsUsedInArgOrEnv" },
	{ "FROM alpine\nENV a_PassWord=b", "2:SecretsUsedInArgOrEnv" },
	{ "ARG TAG\nFROM alpine:${TAG}", "2:InvalidDefaultArgInFrom" }, { "ARG BASE\nFROM $BASE", "2:InvalidDefaultArgInFrom" },
	{ "FROM --platform=linux/amd64 alpine", "1:FromPlatformFlagConstDisallowed" },
	{ "FROM --platform=linux/amd64 alpine AS amd64", "" },
	{ "FROM alpine\nEXPOSE 80/TcP", "2:ExposeProtoCasing" }, { "FROM alpine\nEXPOSE 80:80", "2:ExposeInvalidFormat" },
	{ "# check=skip=MaintainerDeprecated\nFROM alpine\nMAINTAINER a", "" }, { "# check=skip=all\nFROM alpine as a\nCMD a", "" },
	{ "FROM alpine\nCOPY ignored/x .", "" },
	{ "# check=experimental=CopyIgnoredFile\nFROM alpine\nCOPY ignored/x kept .", "3:CopyIgnoredFile" },
	{ "# check=skip=all;experimental=all\nFROM alpine\nMAINTAINER a\n# b\nARG a", "5:InvalidDefinitionDescription" },
	{ "# check=skip=InvalidDefinitionDescription;experimental=InvalidDefinitionDescription\n# b\nARG a\nFROM alpine",
	  "3:InvalidDefinitionDescription" },
	{ "# check=experimental=all\nFROM alpine\nADD /ignored ./ignored/ . /", "" },
	{ "# check=skip=UndefinedVar and more\nFROM alpine\nCOPY $foo .", "" },
	{ "FROM alpine\n# check=skip=UndefinedVar\nCOPY $foo .\nCOPY $foo .", "4:UndefinedVar" },
	{ "FROM alpine\n# Check = skip=all\n# why\nCOPY $foo .\n# check=skip=a;b\nCOPY $foo .", "6:UndefinedVar" },
	{ "# why\n# check=skip=StageNameCasing,FromPlatformFlagConstDisallowed,UndefinedArgInFrom\nFROM --platform=linux/arm64 a$b AS B", "" },
	{ "# check=skip=DuplicateStageName\n\nFROM a AS b\n# check=skip=DuplicateStageName\nFROM a AS b", "" },
	{ "FROM a AS b\n# check=skip=DuplicateStageName\nFROM a AS b", "3:DuplicateStageName" },
	{ "FROM alpine\nEXPOSE $foo", "" }, { "FROM alpine\nARG a=1 b=$a c=$d", "2:UndefinedVar" },
	{ "FROM alpine\nARG a=$b b", "2:UndefinedVar" }, { "FROM alpine\nARG b a=$b", "" },
	{ "FROM alpine\nCOPY <<a <<'b' /\n$foo '$bar'\na\n$baz\nb", "2:UndefinedVar 2:UndefinedVar" },
	{ "FROM alpine\nENV a=$BUILDKIT_SBOM_SCAN_STAGE", "" }, { "FROM alpine\nUSER $1", "2:UndefinedVar" },
	{ "FROM --platform=${TARGETPLATFORM:-x} alpine", "1:RedundantTargetPlatform" },
	{ "FROM --platform=$TARGETPLATFORM$x alpine", "1:UndefinedArgInFrom" }, { "ARG x\nFROM --platform=$TARGETPLATFORM$x alpine", "" },
	{ "FROM --platform=$TARGETOS/$TARGETARCH alpine", "" }, { "FROM --platform='linux'/arm64 alpine AS an-arm64", "" },
	{ "FROM --platform=lin\"ux/arm64\" alpine", "1:FromPlatformFlagConstDisallowed" },
	{ "FROM alpine\nENV p=80/TCP\nEXPOSE $p 1-2/udp ::80", "3:ExposeProtoCasing" },
	{ "FROM alpine\nEXPOSE 80:x/TCP", "" }, { "FROM alpine\nEXPOSE 0.0.0.0:80:80/Udp", "2:ExposeProtoCasing 2:ExposeInvalidFormat" },
	{ "FROM a AS B\nENV x=1\nFROM b\nCOPY $x .\nFROM B\nCOPY $x .", "1:StageNameCasing 5:InvalidDefaultArgInFrom 6:UndefinedVar" },
	{ "# check=experimental=InvalidDefinitionDescription\n\n# other things\nFROM alpine AS base\n# a is a\nARG a\n# b\n#\nARG c\n# d\n\nARG e",
	  "4:InvalidDefinitionDescription 12:InvalidDefinitionDescription" },
};
/* clang-format on */

TEST(lint_finds_what_the_rules_name_and_no_more)
{
	static const char patterns[] = "ignored\n";
	owned(ignore) struct ignore *ignore = NULL;
	struct error err = {};

	CHECK(!ignore_parse(patterns, strlen(patterns), "x", &ignore, &err));
	for (size_t i = 0; i < countof(cases); i++) {
		const struct lint_options options = { .ignore = ignore };
		owned(dockerfile) struct dockerfile *file = NULL;
		owned(lint) struct lint *lint = NULL;
		owned(buf) struct buf got = {};

		if (!tap_check(!dockerfile_parse(cases[i].text, strlen(cases[i].text), "F", &file,
						 &err) &&
				       !lint_run(file, &options, &lint, &err),
			       __FILE__, __LINE__, "%s: %s", cases[i].text, err.text))
			continue;
		for (size_t w = 0; w < lint->count; w++)
			buf_printf(&got, "%s%u:%s", w ? " " : "", lint->warnings[w].first_line,
				   lint_rules[lint->warnings[w].rule].name);
		tap_check(strcmp(buf_text(&got), cases[i].want) == 0, __FILE__, __LINE__,
			  "%s: \"%s\", want \"%s\"", cases[i].text, buf_text(&got), cases[i].want);
	}
}

TEST(lint_begins_on_a_file_that_breaks_off)
{
	static const char text[] = "FROM a as B\nMAINTAINER x\nCMD $y \\\n\n z\nBOGUS\nfrom c\n";
	static const struct {
		enum lint_extent extent;
		const char *want;
	} extents[] = {
		{ LINT_READ,
		  "StageNameCasing FromAsCasing MaintainerDeprecated NoEmptyContinuation" },
		{ LINT_ALL, "StageNameCasing FromAsCasing MaintainerDeprecated "
			    "JSONArgsRecommended NoEmptyContinuation" },
	};
	owned(dockerfile) struct dockerfile *file = NULL;
	struct error err = {};

	CHECK(dockerfile_parse_begin(text, strlen(text), "F", &file, &err) == FAILED);
	CHECK_STR(err.text, "F:6: unknown instruction: BOGUS");
	if (!CHECK(file && file->wrong && file->wrong->first_line == 6))
		return;
	for (size_t i = 0; i < countof(extents); i++) {
		const struct lint_options options = { .extent = extents[i].extent };
		owned(lint) struct lint *lint = NULL;
		owned(buf) struct buf got = {};

		CHECK(!lint_run(file, &options, &lint, &err));
		for (size_t w = 0; lint && w < lint->count; w++)
			buf_printf(&got, "%s%s", w ? " " : "",
				   lint_rules[lint->warnings[w].rule].name);
		CHECK_STR(buf_text(&got), extents[i].want);
	}
}

/** The verdict on a file, or what is wrong with it. */
static char *verdict(const char *text, const struct lint_options *options)
{
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(lint) struct lint *lint = NULL;
	struct buf out = {};
	struct error err = {};

	if (dockerfile_parse(text, strlen(text), "F", &file, &err) ||
	    lint_run(file, options, &lint, &err))
		return xstrdup(err.text);
	for (size_t i = 0; i < lint->count; i++)
		buf_printf(&out, "%s; ", lint->warnings[i].text);
	buf_add_str(&out, lint_violations(lint, &err) ? err.text : "fine");
	return buf_take(&out);
}

TEST(lint_suggests_names_and_reads_check)
{
	static const struct {
		const char *text, *want;
	} checks[] = {
		{ "# check=error=true;skip=JSONArgsRecommended\nFROM alpine\nCOPY $PAHT .\nCMD a\n",
		  "Usage of undefined variable '$PAHT' (did you mean $PATH?); "
		  "lint violation found for rules: UndefinedVar" },
		{ "# check=error=1\nFROM alpine\n", "fine" },
		{ "# check=error=FALSE\nFROM alpine\nCMD a\n",
		  "JSON arguments recommended for CMD to prevent unintended behavior related to OS "
		  "signals; fine" },
		{ "# check=nonsense\nFROM alpine\n", "F:1: invalid check option \"nonsense\"" },
		{ "# check=skips=all\nFROM alpine\n", "F:1: invalid check option \"skips\"" },
		{ "# check=skip=all;\nFROM alpine\n", "F:1: invalid check option \"\"" },
		{ "# check=error=yes\nFROM alpine\n",
		  "F:1: failed to parse check option \"error=yes\": want true or false" },
		{ "# check=skip=a;skip=b;skip=c;error=true\nFROM alpine AS A\n",
		  "Stage name 'A' should be lowercase; fine" },
	};
	const struct lint_options options = {};

	for (size_t i = 0; i < countof(checks); i++) {
		owned(str) char *got = verdict(checks[i].text, &options);

		CHECK_STR(got, checks[i].want);
	}
}

TEST(lint_suggests_nothing_behind_many_warnings)
{
	owned(buf) struct buf text = {};
	owned(str) char *got = NULL;
	size_t hints = 0, warnings = 0;

	buf_add_str(&text, "FROM a\nENV NAME=x\n");
	for (int i = 0; i < 150; i++)
		buf_printf(&text, "LABEL l%d=$NAM%c\n", i, 'a' + i % 26);
	got = verdict(buf_text(&text), &(struct lint_options){});
	for (const char *at = got; (at = strstr(at, "undefined variable")); at++)
		warnings++;
	for (const char *at = got; (at = strstr(at, "did you mean $NAME")); at++)
		hints++;
	CHECK(warnings == 150 && hints == 100);
}

/** The first stage has an image with a variable and a shell, others are left out. */
static void look(void *closure, const struct instruction *from, struct lint_base *out)
{
	(void)closure;
	out->is_left_out = from->first_line > 2;
	out->has_shell = true;
	strings_add(&out->env, "known=1");
}

TEST(lint_knows_what_a_build_knows)
{
	static const char text[] =
		"ARG name\nFROM alpine:$name\nCOPY $known $name $PATH .\nARG a=$b\n"
		"CMD a\nFROM alpine as Other\nCOPY $c .\nMAINTAINER x\n";
	owned(strings) struct strings args = {};
	const struct lint_options options = { .look = look, .build_args = &args };
	owned(str) char *got = NULL;

	strings_add(&args, "name=1");
	strings_add(&args, "a=1");
	strings_add(&args, "BUILDKIT_DOCKERFILE_CHECK=error=true");
	got = verdict(text, &options);
	CHECK_STR(got,
		  "Default value for ARG alpine:$name results in empty or invalid base image name; "
		  "Usage of undefined variable '$name'; Stage name 'Other' should be lowercase; "
		  "'as' and 'FROM' keywords' casing do not match; "
		  "Maintainer instruction is deprecated in favor of using label; "
		  "lint violation found for rules: InvalidDefaultArgInFrom, UndefinedVar, "
		  "StageNameCasing, FromAsCasing, MaintainerDeprecated");
}
