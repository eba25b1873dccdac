/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rows that say which programs may run natively.
 */
#include "sandbox/assist_lookup.h"
#include "tests/unit/runner_roots.h"

TEST(each_row_has_a_reason_and_lists_that_the_dispatcher_knows)
{
	const struct tool *tool;

	for (size_t i = 0; (tool = tool_at(i)); i++) {
		CHECK(tool->package && tool->reason && *tool->reason);
		for (size_t j = 0; tool->refuse && tool->refuse[j]; j++) {
			const char *star = strchr(tool->refuse[j], '*');

			tap_check(!star || (!star[1] && tool->refuse[j][0] != '~'), __FILE__,
				  __LINE__, "%s: %s", tool->package, tool->refuse[j]);
		}
		/* What is never run natively stands before what else is said of its package, but
		   for programs that are many, which say it by the names that they have not. */
		for (size_t j = 0; j < i && (tool->flags & TOOL_DENIED); j++)
			CHECK((tool_at(j)->flags & TOOL_DENIED) || tool_at(j)->names ||
			      strcmp(tool_at(j)->package, tool->package) != 0);
	}
}

static bool list_has(const char *const *list, const char *text)
{
	for (; list && *list; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

TEST(what_compilers_leave_to_the_linker_is_made_by_the_targets_own)
{
	static const char *const compilers[][2] = {
		{ "cpp-14-arm-linux-gnueabihf", "/usr/libexec/gcc/arm-linux-gnueabihf/14/cc1" },
		{ "g++-14-arm-linux-gnueabihf", "/usr/libexec/gcc/arm-linux-gnueabihf/14/cc1plus" },
	};
	const struct tool *linker =
		tool_find("binutils-s390x-linux-gnu", "/usr/bin/s390x-linux-gnu-ld.bfd");
	const struct tool *lto = tool_find("gcc-14-arm-linux-gnueabihf",
					   "/usr/libexec/gcc/arm-linux-gnueabihf/14/lto1");

	for (size_t i = 0; i < countof(compilers); i++) {
		const struct tool *tool = tool_find(compilers[i][0], compilers[i][1]);

		if (!CHECK(tool))
			continue;
		CHECK(list_has(tool->refuse_width, "-flto*"));
		CHECK(list_has(tool->refuse_endian, "-flto*"));
	}
	CHECK(linker && list_has(linker->refuse_endian, "-plugin*"));
	CHECK(linker && !(linker->flags & TOOL_ANY_WIDTH));
	CHECK(lto && !(lto->flags & (TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN)));
}

/** Whether a program that is many at once runs natively by that name. */
static bool has_name(const struct tool *tool, const char *name)
{
	bool found = false;

	CHECK(tool && tool->names);
	for (size_t i = 0; tool->names[i]; i++)
		found = found || assist_match(tool->names[i], name);
	return found;
}

TEST(tools_of_32_bits_have_twins_where_their_numbers_and_times_have_64)
{
	static const struct {
		const char *text, *reason; /* of the miss, or NULL */
	} programs[] = {
		{ "__stat64_time64", NULL },
		{ "stat64", "its times have 32 bits" },
		{ "clock_gettime", "its times have 32 bits" },
	};
	static const char *const narrow[] = { "base64", "basenc", "dd", "expand", "unexpand",
					      "fold",   "shuf",   "od", "printf", "mknod" };
	static const char *const wide[] = { "basename", "cat", "cp", "test", "sort", "date" };

	for (size_t i = 0; i < countof(programs); i++) {
		struct program program = program_make(40, "");
		owned(twin_set) struct twin_set *set = NULL;
		struct bed bed;

		program.bytes[4] = 1; /* ELFCLASS32 */
		snprintf(program.bytes + 65, 60, "%s", programs[i].text);
		bed_make(&bed);
		put_status(bed.foreign, "sed", "4.9-1", "armhf");
		put_sums(bed.foreign, "sed", "usr/bin/sed", &program);
		put_program(bed.foreign, "usr/bin/sed", &program);
		set = find_for(&bed, &(struct platform){ "linux", "arm", "v7" }, TOOL_SAFE, false);
		CHECK(set->count == (programs[i].reason ? 0 : 1));
		if (programs[i].reason && CHECK(set->miss_count == 1))
			CHECK_STR(set->misses[0].reason, programs[i].reason);
		bed_drop(&bed);
	}
	for (size_t i = 0; i < countof(narrow); i++) {
		owned(str) char *path = xasprintf("/usr/bin/%s", narrow[i]);

		tap_check(!(tool_find("coreutils", path)->flags & TOOL_ANY_WIDTH), __FILE__,
			  __LINE__, "%s", path);
	}
	for (size_t i = 0; i < countof(wide); i++) {
		owned(str) char *path = xasprintf("/usr/bin/%s", wide[i]);

		tap_check(tool_find("coreutils", path)->flags & TOOL_ANY_WIDTH, __FILE__, __LINE__,
			  "%s", path);
	}
}

TEST(what_tells_the_machine_is_never_run_natively)
{
	static const char *const paths[][2] = {
		{ "coreutils", "/usr/bin/uname" },       { "coreutils", "/bin/uname" },
		{ "coreutils", "/usr/bin/arch" },        { "libc-bin", "/usr/bin/getconf" },
		{ "libc-bin", "/usr/sbin/ldconfig" },    { "libc-bin", "/usr/bin/localedef" },
		{ "coreutils-single", "/usr/bin/arch" }, { "coreutils", "/usr/bin/seq" },
		{ "coreutils", "/usr/bin/who" },
	};
	static const char *const programs[][2] = { { "busybox", "/bin/busybox" },
						   { "coreutils", "/bin/coreutils" },
						   { "coreutils-single", "/usr/bin/coreutils" } };
	static const char *const names[] = { "uname",  "arch", "nproc", "busybox", "coreutils",
					     "awk",    "bc",   "seq",   "numfmt",  "df",
					     "chroot", "ps",   "su",    "" };

	for (size_t i = 0; i < countof(paths); i++) {
		const struct tool *tool = tool_find(paths[i][0], paths[i][1]);

		CHECK(tool && (tool->flags & TOOL_DENIED));
	}
	CHECK(!(tool_find("coreutils", "/usr/bin/cat")->flags & TOOL_DENIED));
	for (size_t i = 0; i < countof(programs); i++)
		for (size_t j = 0; j < countof(names); j++)
			CHECK(!has_name(tool_find(programs[i][0], programs[i][1]), names[j]));
	CHECK(has_name(tool_find("busybox", "/bin/busybox"), "sh"));
	CHECK(has_name(tool_find("coreutils-single", "/usr/bin/coreutils"), "cat"));
	CHECK(!tool_find("util-linux", "/usr/bin/lscpu"));
	CHECK(!tool_find("util-linux", "/usr/bin/setarch"));
	CHECK(!tool_find("unknown", "/usr/bin/cat"));
	CHECK(tool_package_known("gawk", TOOL_FULL) && !tool_package_known("gawk", TOOL_SAFE));
}
