/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plan.h"
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
		buf_add_char(out, '\n');
	}
}

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
	{ "FROM a\nRUN --mount=from=two,target=/x ls\nFROM b AS two\n", "arm64", "0",
	  "Dockerfile:2: RUN --mount: from=two: the stage needs to be defined before current stage" },
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
	{ "FROM a\nCOPY --from=late /x /y\nFROM b AS late\n", "arm64", "0",
	  "Dockerfile:2: COPY --from=late: the stage needs to be defined before current stage" },
	{ "FROM a AS x\nONBUILD RUN y\nFROM b AS z\nFROM x\nONBUILD COPY --from=z / /\nFROM 2\n", "arm64", "2",
	  "0 [linux/arm64 x 1/1] FROM a AS x\n"
	  "1 [linux/arm64 x 1/1] ONBUILD RUN y <0\n"
	  "2 [linux/arm64 1/2] FROM x <1\n"
	  "3 [linux/arm64 2/2] ONBUILD RUN y <2\n"
	  "4 [linux/arm64 2/2] ONBUILD COPY --from=z / / <3\n" },
	{ "FROM a AS x\nONBUILD COPY --from=z /f /\nFROM b AS z\nFROM x\n", "arm64", NULL,
	  "0 [linux/arm64 x 1/1] FROM a AS x\n"
	  "1 [linux/arm64 x 1/1] ONBUILD COPY --from=z /f / <0\n"
	  "2 [linux/arm64 z 1/1] FROM b AS z\n"
	  "3 [linux/arm64 1/2] FROM x <1\n"
	  "4 [linux/arm64 2/2] ONBUILD COPY --from=z /f / <3 +2\n" },
	{ "FROM $NOTHING\n", "arm64", NULL,
	  "Dockerfile:1: base name ($NOTHING) should not be blank" },
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
