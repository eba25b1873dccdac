/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/outline.h"

#include "base/mem.h"
#include "tests/tap.h"

static void list_text(const char *name, const struct outline_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct outline_entry *entry = &list->items[i];

		buf_printf(out, "%s %u %s=%s%s%s%s\n", name, entry->at->first_line, entry->name,
			   entry->value, entry->required ? " required" : "",
			   *entry->description ? ": " : "", entry->description);
	}
}

/** The image of each FROM sets IMAGE. */
static void look(void *closure, const struct step *from, struct strings *env)
{
	(void)closure;
	strings_printf(env, "IMAGE=%s", from->image);
}

static char *outline_text(const char *text, const char *target, const char *build_arg)
{
	struct platform platform = platform_host();
	owned(strings) struct strings args = {};
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(outline) struct outline outline = {};
	owned(plan) struct plan *plan = NULL;
	struct error err = {};
	struct buf out = {};
	struct plan_request request = {
		.platforms = &platform, .platform_count = 1, .build_args = &args, .target = target
	};

	if (build_arg)
		strings_add(&args, build_arg);
	if (dockerfile_parse(text, strlen(text), "F", &file, &err))
		return xstrdup(err.text);
	request.dockerfile = file;
	if (plan_compile(&request, &plan, &err) ||
	    outline_make(plan, file, &args, look, NULL, &outline, &err))
		return xstrdup(err.text);
	list_text("arg", &outline.args, &out);
	list_text("secret", &outline.secrets, &out);
	list_text("ssh", &outline.agents, &out);
	return buf_take(&out);
}

/* clang-format off */
static const struct {
	const char *text, *target, *build_arg, *want;
} cases[] = {
	{ "ARG a=box\nARG b=box2\nARG c=abc${b}\n# s is a suffix\nARG s=\"usy${a}\"\nFROM b${s} AS first\n"
	  "# nothing of it\nARG FOO=123\n# BAR is a number\nARG BAR=456\nFROM alpine${c} AS second\nARG BAZ\n"
	  "FROM scratch AS third\nARG ABC=a\nFROM third AS target\nCOPY --from=first /etc/passwd /\nFROM second\n",
	  "target", "BAR=678",
	  "arg 1 a=box\narg 5 s=usybox: is a suffix\narg 8 FOO=123\narg 10 BAR=678: is a number\narg 14 ABC=a\n" },
	{ "FROM busybox AS first\nRUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true\n"
	  "FROM alpine AS second\nRUN --mount=type=secret,id=unused --mount=type=ssh,id=ssh2 true\n"
	  "FROM scratch AS third\nARG BAR\nRUN --mount=type=secret,id=second${BAR} true\nFROM third AS target\n"
	  "COPY --from=first /foo /\nRUN --mount=type=ssh,id=ssh3,required true\nFROM second\n",
	  "target", "BAR=678",
	  "arg 6 BAR=678\nsecret 2 passwd= required\nsecret 7 second678=\nssh 2 default=\nssh 10 ssh3= required\n" },
	/* what a global argument gives is told of there, the nearest of equal names counts */
	{ "ARG a=1\nARG b=$a\nARG unused=$b\nFROM x AS x\nARG b\nARG n=far\nARG TARGETARCH\nFROM x\nARG n=near\n", NULL, NULL,
	  "arg 1 a=1\narg 2 b=1\narg 9 n=near\n" },
	/* with a build argument the default and what it is made of do not matter */
	{ "ARG a=1\nARG b=$a\nFROM x\nARG b\n", NULL, "b=2", "arg 4 b=2\n" },
	{ "FROM x\nENV e=$IMAGE f=$e\nARG v=$e-$f\nRUN --mount=type=secret,source=$v true\n"
	  "RUN --mount=type=secret,id=$v,required true\n", NULL, NULL, "arg 3 v=x-\nsecret 4 x-=\n" },
	{ "FROM x\nARG v=${w:?missing}\n", NULL, NULL,
	  "F:2: failed to process \"${w:?missing}\": w: missing" },
	{ "FROM x\nRUN --mount=from=y,target=/x true\n", NULL, NULL, "" },
};
/* clang-format on */

TEST(outline_tells_what_the_target_takes)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(str) char *got =
			outline_text(cases[i].text, cases[i].target, cases[i].build_arg);

		CHECK_STR(got, cases[i].want);
	}
}
