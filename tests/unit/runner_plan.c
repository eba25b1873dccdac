/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plan.h"

#include "base/mem.h"
#include "tests/tap.h"

#include <stdlib.h>

/** One line a step: its name, and the ids it needs. */
static void describe(const struct plan *plan, struct buf *out)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = plan->steps[i];

		buf_printf(out, "%zu %s", step->id, step->name);
		if (step->previous)
			buf_printf(out, " <%zu", step->previous->id);
		if (step->source)
			buf_printf(out, " +%zu", step->source->id);
		for (size_t j = 0; step->mounts && j < step->instruction->flag_count; j++) {
			if (step->mounts[j])
				buf_printf(out, " @%zu", step->mounts[j]->id);
		}
		if (step->sibling)
			buf_printf(out, " ~%zu", step->sibling->id);
		buf_add_char(out, '\n');
	}
}

static bool wants_siblings;

/** The plan as text, or the error. */
static char *plan_text(const char *text, const char *platforms, const char *target)
{
	struct platform list[PLATFORMS_MAX];
	struct strings none = {};
	struct dockerfile *dockerfile = NULL;
	struct plan_request request = { .platforms = list, .build_args = &none, .target = target };
	owned(plan) struct plan *plan = NULL;
	struct error err = {};
	struct buf out = {};

	if (platforms_parse(platforms, list, &request.platform_count, &err) ||
	    dockerfile_parse(text, strlen(text), "Dockerfile", &dockerfile, &err)) {
		buf_add_str(&out, err.text);
		return buf_take(&out);
	}
	request.dockerfile = dockerfile;
	request.assist = wants_siblings;
	if (plan_compile(&request, &plan, &err))
		buf_add_str(&out, err.text);
	else
		describe(plan, &out);
	dockerfile_drop(&dockerfile);
	return buf_take(&out);
}

/* clang-format off */
static const struct {
	const char *text, *platforms, *target, *want;
} cases[] = {
	{ "FROM a\nRUN x\n", "arm64,s390x", NULL,
	  "0 [linux/arm64 1/2] FROM a\n"
	  "1 [linux/arm64 2/2] RUN x <0\n"
	  "2 [linux/s390x 1/2] FROM a\n"
	  "3 [linux/s390x 2/2] RUN x <2\n" },
	{ "FROM a AS one\nFROM b AS unused\nFROM c\nCOPY --from=one /x /y\n", "arm64", NULL,
	  "0 [linux/arm64 one 1/1] FROM a AS one\n"
	  "1 [linux/arm64 1/2] FROM c\n"
	  "2 [linux/arm64 2/2] COPY --from=one /x /y <1 +0\n" },
	{ "FROM a AS one\nENV A=1\nFROM one AS two\nRUN y\n", "arm64", NULL,
	  "0 [linux/arm64 one 1/1] FROM a AS one\n"
	  "1 [linux/arm64 one 1/1] ENV A=1 <0\n"
	  "2 [linux/arm64 two 1/2] FROM one AS two <1\n"
	  "3 [linux/arm64 two 2/2] RUN y <2\n" },
	{ "FROM a AS one\nFROM b\n", "arm64", "ONE",
	  "0 [linux/arm64 one 1/1] FROM a AS one\n" },
	{ "FROM a\nCOPY --from=busybox /x /y\n", "arm64", NULL,
	  "0 [linux/arm64 1/2] FROM a\n"
	  "1 [linux/arm64] FROM busybox\n"
	  "2 [linux/arm64 2/2] COPY --from=busybox /x /y <0 +1\n" },
	{ "FROM a AS one\nFROM b\nRUN --mount=target=/c --mount=from=one,target=/x "
	  "--mount=from=busybox,target=/y --mount=type=cache,from=0,target=/z ls\n", "arm64", NULL,
	  "0 [linux/arm64 one 1/1] FROM a AS one\n"
	  "1 [linux/arm64 1/2] FROM b\n"
	  "2 [linux/arm64] FROM busybox\n"
	  "3 [linux/arm64 2/2] RUN --mount=target=/c --mount=from=one,target=/x "
	  "--mount=from=busybox,target=/y --mount=type=cache,from=0,target=/z ls <1 @0 @2 @0\n" },
	{ "FROM a AS one\nRUN --mount=from=two,target=/x ls\nFROM b AS two\n", "arm64", "one",
	  "Dockerfile:2: cannot mount from stage \"two\", it needs to be defined before current stage \"one\"" },
	{ "FROM a\nRUN --mount=from=$X,target=/x ls\n", "arm64", NULL,
	  "Dockerfile:2: RUN --mount=from=$X,target=/x: 'from' doesn't support variable expansion, "
	  "define alias stage instead" },
	{ "FROM a\nRUN <<EOF\n  one\ntwo\nEOF\nRUN <<EOF\none\nEOF\nRUN cat <<EOF\none\nEOF\n", "arm64",
	  NULL,
	  "0 [linux/arm64 1/4] FROM a\n"
	  "1 [linux/arm64 2/4] RUN <<EOF (one...) <0\n"
	  "2 [linux/arm64 3/4] RUN <<EOF (one) <1\n"
	  "3 [linux/arm64 4/4] RUN cat <<EOF <2\n" },
	{ "ARG BASE=b$TARGETARCH\nFROM ${BASE}:1\n", "arm64", NULL,
	  "0 [linux/arm64 1/1] FROM ${BASE}:1\n" },
	{ "FROM a\n", "arm64", "two",
	  "target stage \"two\" could not be found in Dockerfile" },
	{ "FROM a AS tow\n", "arm64", "two",
	  "target stage \"two\" could not be found in Dockerfile (did you mean tow?)" },
	{ "FROM a AS one\nCOPY --from=late /x /y\nFROM b AS late\n", "arm64", "one",
	  "Dockerfile:2: cannot copy from stage \"late\", it needs to be defined before current stage \"one\"" },
	{ "FROM a AS x\nONBUILD RUN y\nFROM b AS z\nFROM x\nONBUILD COPY --from=z / /\nFROM 2\n", "arm64", "2",
	  "target stage \"2\" could not be found in Dockerfile (did you mean x?)" },
	{ "FROM a AS x\nONBUILD RUN y\nFROM b AS z\nFROM x AS w\nONBUILD COPY --from=z / /\nFROM w\n", "arm64", "w",
	  "0 [linux/arm64 x 1/1] FROM a AS x\n"
	  "1 [linux/arm64 x 1/1] ONBUILD RUN y <0\n"
	  "2 [linux/arm64 w 1/2] FROM x AS w <1\n"
	  "3 [linux/arm64 w 2/2] ONBUILD RUN y <2\n"
	  "4 [linux/arm64 w 2/2] ONBUILD COPY --from=z / / <3\n" },
	{ "FROM a AS x\nONBUILD COPY --from=z /f /\nFROM b AS z\nFROM x\n", "arm64", NULL,
	  "0 [linux/arm64 x 1/1] FROM a AS x\n"
	  "1 [linux/arm64 x 1/1] ONBUILD COPY --from=z /f / <0\n"
	  "2 [linux/arm64 z 1/1] FROM b AS z\n"
	  "3 [linux/arm64 1/2] FROM x <1\n"
	  "4 [linux/arm64 2/2] ONBUILD COPY --from=z /f / <3 +2\n" },
	{ "FROM $NOTHING\n", "arm64", NULL,
	  "Dockerfile:1: base name ($NOTHING) should not be blank" },
	/* also in stages that nobody needs */
	{ "FROM a\nFROM $X\nFROM b\n", "arm64", NULL, "Dockerfile:2: base name ($X) should not be blank" },
	{ "FROM a\nCOPY --from=$X / /\nFROM b\n", "arm64", NULL,
	  "Dockerfile:2: variable expansion is not supported for --from, define a new stage with FROM "
	  "using ARG from global scope as a workaround" },
	{ "FROM a\nFROM b\nCOPY --from=2 / /\n", "arm64", NULL, "Dockerfile:3: invalid stage index 2" },
	{ "FROM a\nCOPY --from=-1 / /\n", "arm64", NULL, "Dockerfile:2: invalid stage index -1" },
	{ "FROM a\nCOPY --from=0 / /\n", "arm64", NULL,
	  "Dockerfile:2: circular dependency detected on stage: stage-0" },
	{ "FROM a AS b\nFROM a AS x\nRUN --mount=from=z,target=/z y\nFROM x AS y\nFROM b AS z\nCOPY --from=y / /\n",
	  "arm64", NULL, "Dockerfile:3: circular dependency detected on stage: b" },
	{ "FROM --platform=$BULIDPLATFORM a\nFROM b\n", "arm64", NULL,
	  "Dockerfile:1: empty platform value from expression $BULIDPLATFORM (did you mean BUILDPLATFORM?)" },
	{ "ARG MY_ARCH=arm64\nFROM --platform=linux/$MYARCH a\n", "arm64", NULL,
	  "Dockerfile:2: failed to parse platform linux/$MYARCH: platform 'linux/': want "
	  "os/arch[/variant], such as linux/arm64 (did you mean MY_ARCH?)" },
	{ "FROM a AS Build\nFROM Build\n", "arm64", NULL,
	  "Dockerfile:2: failed to parse stage name \"Build\": reference 'Build': the repository must be lower case" },
	{ "FROM a AS Build\nFROM build\nCOPY --from=bUILD / /\n", "arm64", NULL,
	  "0 [linux/arm64 Build 1/1] FROM a AS Build\n"
	  "1 [linux/arm64 1/2] FROM build <0\n"
	  "2 [linux/arm64 2/2] COPY --from=bUILD / / <1 +0\n" },
	{ "# escape=`\nFROM a AS x\nONBUILD USER `\n a\nFROM x\n", "arm64", NULL,
	  "0 [linux/arm64 x 1/1] FROM a AS x\n"
	  "1 [linux/arm64 x 1/1] ONBUILD USER  a <0\n"
	  "2 [linux/arm64 1/1] FROM x <1\n"
	  "3 [linux/arm64 1/1] ONBUILD USER  a <2\n" },
	{ "FROM a AS x\nONBUILD USER\nFROM x\n", "arm64", NULL,
	  "Dockerfile:3: ONBUILD:1: USER requires exactly one argument" },
	{ "ARG A=1\n", "arm64", NULL,
	  "Dockerfile: dockerfile contains no stages to build: there is no FROM" },
};
/* clang-format on */

TEST(plan_has_the_steps_that_the_target_needs)
{
	for (size_t i = 0; i < countof(cases); i++) {
		char *got = plan_text(cases[i].text, cases[i].platforms, cases[i].target);

		CHECK_STR(got, cases[i].want);
		free(got);
	}
}

/** The platforms of the steps of a build for arm64, those of FROM only. */
static void check_platforms(const char *text, const char *target, const char *want)
{
	struct platform platform;
	struct strings none = {};
	struct error err = {};
	owned(dockerfile) struct dockerfile *dockerfile = NULL;
	owned(plan) struct plan *plan = NULL;
	owned(buf) struct buf got = {};
	struct plan_request request = {
		.platforms = &platform, .platform_count = 1, .target = target, .build_args = &none
	};

	if (!CHECK(!platform_parse("linux/arm64", &platform, &err)) ||
	    !CHECK(!dockerfile_parse(text, strlen(text), "F", &dockerfile, &err)))
		return;
	request.dockerfile = dockerfile;
	if (!tap_check(!plan_compile(&request, &plan, &err), __FILE__, __LINE__, "%s", err.text))
		return;
	for (size_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i]->kind != STEP_INSTRUCTION)
			buf_printf(&got, "%s ", plan->steps[i]->platform->arch);
	}
	buf_printf(&got, "%s", env_get(plan->steps[0]->globals, "TARGETSTAGE"));
	CHECK_STR(buf_text(&got), want);
}

TEST(plan_knows_what_each_stage_is_for)
{
	check_platforms("FROM --platform=s390x a", NULL, "s390x default");
	check_platforms("FROM --platform=s390x scratch AS Last", NULL, "arm64 last");
	check_platforms("FROM --platform=s390x a AS x\nFROM --platform=386 x", NULL,
			"s390x s390x default");
	check_platforms("FROM a AS x\nFROM --platform=386 x AS y\nFROM z", "Y", "arm64 arm64 Y");
	check_platforms("FROM --platform= a", NULL, "arm64 default");
}

TEST(plan_expands_from_with_global_arguments)
{
	static const char text[] = "ARG BASE=b-$TARGETARCH\nFROM ${BASE}:1\n";
	struct platform platforms[1];
	struct strings args = {};
	struct error err = {};
	struct dockerfile *dockerfile = NULL;
	owned(plan) struct plan *plan = NULL;
	struct plan_request request = { .platforms = platforms,
					.platform_count = 1,
					.build_args = &args };

	if (!CHECK(!platform_parse("arm/v6", &platforms[0], &err)) ||
	    !CHECK(!dockerfile_parse(text, strlen(text), "Dockerfile", &dockerfile, &err)))
		return;
	request.dockerfile = dockerfile;
	if (CHECK(!plan_compile(&request, &plan, &err))) {
		CHECK_STR(plan->steps[0]->image, "b-arm:1");
		CHECK_STR(env_get(plan->steps[0]->globals, "TARGETVARIANT"), "v6");
	}
	plan_drop(&plan);
	strings_add(&args, "BASE=given");
	if (CHECK(!plan_compile(&request, &plan, &err)))
		CHECK_STR(plan->steps[0]->image, "given:1");
	strings_drop(&args);
	dockerfile_drop(&dockerfile);
}

/** With assist: H stands for this machine's platform, s390x is another one. */
static const struct {
	const char *text, *platforms, *want;
} assisted[] = {
	{ "FROM a\nRUN x\nRUN y\n", "s390x,H",
	  "0 [H 1/3] FROM a\n"
	  "1 [H 2/3] RUN x <0\n"
	  "2 [H 3/3] RUN y <1\n"
	  "3 [linux/s390x 1/3] FROM a\n"
	  "4 [linux/s390x 2/3] RUN x <3 ~0\n"
	  "5 [linux/s390x 3/3] RUN y <4 ~1\n" },
	/* nothing to wait for */
	{ "FROM a\nRUN x\n", "s390x",
	  "0 [linux/s390x 1/2] FROM a\n"
	  "1 [linux/s390x 2/2] RUN x <0\n" },
	/* a stage that is always for the same platform has no sibling, nor has its own need one */
	{ "FROM --platform=linux/s390x a AS one\nRUN x\nFROM b\nCOPY --from=one / /\nRUN y\n",
	  "s390x,H",
	  "0 [H one 1/2] FROM --platform=linux/s390x a AS one\n"
	  "1 [H one 2/2] RUN x <0\n"
	  "2 [H 1/3] FROM b\n"
	  "3 [H 2/3] COPY --from=one / / <2 +1\n"
	  "4 [H 3/3] RUN y <3\n"
	  "5 [linux/s390x one 1/2] FROM --platform=linux/s390x a AS one\n"
	  "6 [linux/s390x one 2/2] RUN x <5\n"
	  "7 [linux/s390x 1/3] FROM b\n"
	  "8 [linux/s390x 2/3] COPY --from=one / / <7 +6\n"
	  "9 [linux/s390x 3/3] RUN y <8 ~3\n" },
	/* built on this machine for all: nothing is emulated */
	{ "FROM --platform=$BUILDPLATFORM a\nRUN x\n", "s390x",
	  "0 [linux/s390x 1/2] FROM --platform=$BUILDPLATFORM a\n"
	  "1 [linux/s390x 2/2] RUN x <0\n" },
};

/** The text with H for what this machine is called. */
static char *host_named(const char *text)
{
	const struct platform host = platform_host();
	char name[PLATFORM_TEXT_MAX];
	struct buf out = {};

	platform_text(&host, name);
	for (; *text; text++) {
		if (*text == 'H')
			buf_add_str(&out, name);
		else
			buf_add_char(&out, *text);
	}
	return buf_take(&out);
}

TEST(a_run_for_another_platform_has_a_sibling_on_this_machines)
{
	for (size_t i = 0; i < countof(assisted); i++) {
		owned(str) char *platforms = host_named(assisted[i].platforms);
		owned(str) char *want = host_named(assisted[i].want);
		owned(str) char *got = NULL;

		wants_siblings = true;
		got = plan_text(assisted[i].text, platforms, NULL);
		CHECK_STR(got, want);
	}
}
