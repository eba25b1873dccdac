/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "runner/mounts.h"
#include "tests/tap.h"

#include <stdio.h>

static const char *const variables[] = { "NAME=value", "PLATFORM=linux/arm64", "COMMA=a,b", NULL };

/* clang-format off */
static const struct {
	const char *text;
	const char *want; /* what describe() prints, or the error */
} cases[] = {
	{ "target=/x",                     "bind t=/x ro" },
	{ "type=bind,src=a,dst=/x,rw",     "bind s=a t=/x" },
	{ "source=/a,destination=/x,readwrite=true", "bind s=/a t=/x" },
	{ "target=/x,readwrite=0",         "bind t=/x ro" },
	{ "TYPE=Bind,Target=/x,from=build", "bind f=build t=/x ro" },
	{ "type=cache,target=/c",          "cache t=/c" },
	{ "type=cache,target=/c,id=$NAME-${PLATFORM},sharing=locked,uid=7,gid=8,mode=0700",
	  "cache t=/c i=value-linux/arm64 sharing=2 uid=7 gid=8 mode=700" },
	{ "type=cache,target=/c,ro",       "cache t=/c ro" },
	{ "type=cache,target=/c,sharing=PRIVATE", "cache t=/c sharing=1" },
	{ "type=tmpfs,target=/t,size=10m", "tmpfs t=/t size=10485760" },
	{ "type=secret,id=x",              "secret i=x ro" },
	{ "type=secret,id=x,env=TOKEN,required", "secret i=x env=TOKEN ro required" },
	{ "env=,type=cache,env=X,target=/x", "cache t=/x env=X" },
	{ "type=secret,target=/s,required=false,mode=0440", "secret t=/s ro mode=440" },
	{ "type=cache,target=/c,mode=106750,uid=4294967295", "cache t=/c uid=4294967295 mode=750" },
	{ "type=secret,id=a,env=A=B",      "secret i=a env=A=B ro" },
	{ "type=tmpfs,target=/t,size=1.5 k", "tmpfs t=/t size=1536" },
	{ "type=ssh",                      "ssh ro" },
	{ "type=ssh,required=true,id=a",   "ssh i=a ro required" },
	{ "\"target=/a,b\"",               "bind t=/a,b ro" },
	{ "\"source=/a\"\"$NAME\"\"\",rw", "bind s=/avalue" }, /* quotes that CSV left are the lexer's */
	{ "target=/$COMMA",                "bind t=/a,b ro" },
	{ "id=../../..,type=cache,target=/x", "cache t=/x i=../../.." },
	/* refused */
	{ "",                              "invalid field '' must be a key=value pair" },
	{ "target=/x,",                    "invalid field '' must be a key=value pair" },
	{ "target",                        "invalid field 'target' must be a key=value pair" },
	{ "tagret=/x",                     "unexpected key 'tagret' in 'tagret=/x' (did you mean target?)" },
	{ "type=cahce,target=/x",          "unsupported mount type \"cahce\" (did you mean cache?)" },
	{ "type=nfs",                      "unsupported mount type \"nfs\"" },
	{ "type=cache,sharing=lockd",      "unsupported sharing value \"lockd\" (did you mean locked?)" },
	{ "target=/x,sharing=locked",      "invalid cache sharing set for bind mount" },
	{ "target=/x,required",            "unexpected key 'required' for mount type 'bind'" },
	{ "required,type=secret,id=x",     "unexpected key 'required' for mount type 'bind'" },
	{ "target=/x,size=1",              "unexpected key 'size' for mount type 'bind'" },
	{ "type=tmpfs,size=much",          "invalid value for size: much" },
	{ "target=/x,ro=maybe",            "invalid value for ro: maybe" },
	{ "target=/x,mode=755",            "mode not allowed for \"bind\" type mounts" },
	{ "type=tmpfs,target=/x,uid=1",    "uid not allowed for \"tmpfs\" type mounts" },
	{ "type=cache,target=/x,mode=9",   "invalid value 9 for mode" },
	{ "type=cache,target=/x,uid=-1",   "invalid value -1 for uid" },
	{ "type=cache,target=/x,gid=4294967296", "invalid value 4294967296 for gid" },
	{ "type=secret",                   "invalid secret mount. one of source, target required" },
	{ "type=secret,id=a,source=b",     "both source and id can't be set" },
	{ "type=secret,id=a,from=b",       "secret mount should not have a from" },
	{ "type=ssh,source=x",             "ssh does not support source" },
	{ "target=//x/../.",               "invalid mount target \"/\"" },
	{ "target=/a\"b",                  "a bare \" in a field that is not quoted" },
	{ "\"target=/a",                   "an extraneous or missing \" in a quoted field" },
};

static const struct {
	const char *text, *want;
} froms[] = {
	{ "target=/x",                   "-" },
	{ "from=build,target=/x",        "build" },
	{ "FROM=a,from=b",               "b" },
	{ "type=tmpfs,from=x,target=/y", "-" },
	{ "from=,target=/x",             "-" },
	{ "from=a$,target=/$X",          "a$" },
	{ "from=$X", "'from' doesn't support variable expansion, define alias stage instead" },
};

/** What is wrong whatever the variables are; "": nothing that is known. */
static const struct {
	const char *text, *want;
} early[] = {
	{ "target=/x,type=cache,id=$NAME", "" },
	{ "type=$TYPE,target=/x,required,size=1", "" },
	{ "type=$TYPE,target=/x,form=y", "unexpected key 'form' in 'form=y' (did you mean from?)" },
	{ "target=$X,ro=maybe",           "invalid value for ro: maybe" },
	{ "target=$X,ro=$Y,mode=9",       "invalid value 9 for mode" },
	{ "target=$X,size=1",             "unexpected key 'size' for mount type 'bind'" },
	{ "target=$X,mode=755",           "" }, /* not before all is known */
	{ "target=/x,mode=755",           "mode not allowed for \"bind\" type mounts" },
	{ "type=secret",                  "invalid secret mount. one of source, target required" },
	{ "type=secret,id=$X",            "" },
	{ "target=/$X",                   "" },
	{ "target=/,rw",                  "invalid mount target \"/\"" },
	{ "target=/$X\"",                 "a bare \" in a field that is not quoted" },
};
/* clang-format on */

static void describe_text(struct buf *out, const char *name, const char *text)
{
	if (text)
		buf_printf(out, " %s=%s", name, text);
}

static void describe(const struct mount *mount, struct buf *out)
{
	buf_add_str(out, mount_kind_name(mount->kind));
	describe_text(out, "f", mount->from);
	describe_text(out, "s", mount->source);
	describe_text(out, "t", mount->target);
	describe_text(out, "i", mount->id);
	describe_text(out, "env", mount->env);
	buf_add_str(out, mount->read_only ? " ro" : "");
	buf_add_str(out, mount->required ? " required" : "");
	if (mount->sharing)
		buf_printf(out, " sharing=%d", (int)mount->sharing);
	if (mount->size)
		buf_printf(out, " size=%llu", (unsigned long long)mount->size);
	if (mount->has_uid)
		buf_printf(out, " uid=%u", mount->uid);
	if (mount->has_gid)
		buf_printf(out, " gid=%u", mount->gid);
	if (mount->has_mode)
		buf_printf(out, " mode=%o", mount->mode);
}

TEST(mounts_are_what_buildkit_makes_of_them)
{
	owned(strings) struct strings env = {};

	strings_add_all(&env, (char *const *)variables);
	for (size_t i = 0; i < countof(cases); i++) {
		struct mount mount = {};
		struct error err = {};
		owned(buf) struct buf got = {};

		if (mount_parse(cases[i].text, '\\', &env, &mount, &err))
			buf_add_str(&got, err.text);
		else
			describe(&mount, &got);
		tap_check(strcmp(buf_text(&got), cases[i].want) == 0, __FILE__, __LINE__,
			  "%s: got \"%s\", want \"%s\"", cases[i].text, buf_text(&got),
			  cases[i].want);
		mount_drop(&mount);
	}
}

TEST(from_of_a_mount_is_known_before_its_variables)
{
	for (size_t i = 0; i < countof(froms); i++) {
		owned(str) char *from = NULL;
		struct error err = {};
		const char *got = mount_from(froms[i].text, &from, &err) ? err.text
				  : from                                 ? from
									 : "-";

		tap_check(strcmp(got, froms[i].want) == 0, __FILE__, __LINE__, "%s: got \"%s\"",
			  froms[i].text, got);
	}
}

TEST(a_mount_is_checked_before_its_variables_are_known)
{
	for (size_t i = 0; i < countof(early); i++) {
		struct error err = {};
		const char *got = mount_precheck(early[i].text, '\\', &err) ? err.text : "";

		tap_check(strcmp(got, early[i].want) == 0, __FILE__, __LINE__, "%s: got \"%s\"",
			  early[i].text, got);
	}
}
