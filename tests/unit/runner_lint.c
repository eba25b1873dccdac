/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lint.h"

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
	{ "FROM alpine\nARG API_KEY", "2:SecretsUsedInArgOrEnv" }, { "FROM alpine\nENV PUBLIC_KEY=a KEY_FILE=b MONKEY=c", "" },
	{ "FROM alpine\nENV a_PassWord=b", "2:SecretsUsedInArgOrEnv" },
	{ "ARG TAG\nFROM alpine:${TAG}", "2:InvalidDefaultArgInFrom" }, { "ARG BASE\nFROM $BASE", "2:InvalidDefaultArgInFrom" },
	{ "FROM --platform=linux/amd64 alpine", "1:FromPlatformFlagConstDisallowed" },
	{ "FROM --platform=linux/amd64 alpine AS amd64", "" },
	{ "FROM alpine\nEXPOSE 80/TcP", "2:ExposeProtoCasing" }, { "FROM alpine\nEXPOSE 80:80", "2:ExposeInvalidFormat" },
	{ "# check=skip=MaintainerDeprecated\nFROM alpine\nMAINTAINER a", "" }, { "# check=skip=all\nFROM alpine as a\nCMD a", "" },
	{ "FROM alpine\nCOPY ignored/x .", "" },
	{ "# check=experimental=all\nFROM alpine\nCOPY ignored/x kept .", "3:CopyIgnoredFile" },
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

TEST(lint_suggests_names_and_reads_check)
{
	static const char text[] =
		"# check=error=true;skip=JSONArgsRecommended\nFROM alpine\nCOPY $PAHT .\nCMD a\n";
	static const char bad[] = "# check=nonsense\nFROM alpine\n";
	const struct lint_options options = {};
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(lint) struct lint *lint = NULL;
	struct error err = {};

	CHECK(!dockerfile_parse(text, strlen(text), "F", &file, &err));
	CHECK(!lint_run(file, &options, &lint, &err));
	CHECK(lint->is_error && lint->count == 1);
	CHECK_STR(lint->warnings[0].text,
		  "Usage of undefined variable '$PAHT' (did you mean $PATH?)");
	dockerfile_drop(&file);
	lint_drop(&lint);
	CHECK(!dockerfile_parse(bad, strlen(bad), "F", &file, &err));
	CHECK(lint_run(file, &options, &lint, &err) == FAILED);
	CHECK_STR(err.text, "F:1: invalid check option \"nonsense\"");
}
