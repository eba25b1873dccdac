/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Twins: which programs have one, and what comes with them.
 */
#include "tests/unit/runner_roots.h"

/* ---- ways to spoil the roots ---- */

static void nothing(struct bed *bed)
{
	(void)bed;
}

static void native_is_rebuilt(struct bed *bed)
{
	put_status(bed->native, "sed", "4.9-1+b2", "amd64");
}

static void native_is_newer(struct bed *bed)
{
	put_status(bed->native, "sed", "4.9-2", "amd64");
}

static void native_has_none(struct bed *bed)
{
	put_status(bed->native, "grep", "4.9-1", "amd64");
}

static void foreign_is_altered(struct bed *bed)
{
	const struct program other = program_make(183, "another");

	put_program(bed->foreign, "usr/bin/sed", &other);
}

static void foreign_is_forged(struct bed *bed)
{
	const struct program other = program_make(183, "another");

	put_program(bed->foreign, "usr/bin/sed", &other);
	put_sums(bed->foreign, "sed", "usr/bin/sed", &other);
}

static void native_is_altered(struct bed *bed)
{
	const struct program other = program_make(62, "another");

	put_program(bed->native, "usr/bin/sed", &other);
}

static void foreign_is_set_user_id(struct bed *bed)
{
	CHECK(fchmodat(bed->foreign, "usr/bin/sed", 04755, 0) == 0);
}

static void foreign_is_set_group_id(struct bed *bed)
{
	CHECK(fchmodat(bed->foreign, "usr/bin/sed", 02755, 0) == 0);
}

static void foreign_may_not_run(struct bed *bed)
{
	CHECK(fchmodat(bed->foreign, "usr/bin/sed", 0644, 0) == 0);
}

static void foreign_is_for_another_machine(struct bed *bed)
{
	const struct program other = program_make(243, "sed");

	put_program(bed->foreign, "usr/bin/sed", &other);
	put_sums(bed->foreign, "sed", "usr/bin/sed", &other);
	put_sums(bed->peer, "sed", "usr/bin/sed", &other);
}

static void foreign_is_a_script(struct bed *bed)
{
	put(bed->foreign, "usr/bin/sed", "#!/bin/sh\n", 10, 0755);
}

static void foreign_is_a_fifo(struct bed *bed)
{
	unlinkat(bed->foreign, "usr/bin/sed", 0);
	CHECK(mkfifoat(bed->foreign, "usr/bin/sed", 0755) == 0);
}

static void foreign_leads_out(struct bed *bed)
{
	const struct program program = program_make(183, "sed");
	owned(fd) int outside = open(bed->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	put_program(outside, "sed", &program);
	unlinkat(bed->foreign, "usr/bin/sed", 0);
	CHECK(symlinkat("../../../sed", bed->foreign, "usr/bin/sed") == 0);
}

static void foreign_is_diverted(struct bed *bed)
{
	put_text(bed->foreign, "var/lib/dpkg/diversions", "/usr/bin/sed\n/usr/bin/sed.real\nx\n");
	put_text(bed->peer, "var/lib/dpkg/diversions", "/usr/bin/sed\n/usr/bin/sed.real\nx\n");
}

static void status_is_a_fifo(struct bed *bed)
{
	unlinkat(bed->foreign, "var/lib/dpkg/status", 0);
	CHECK(mkfifoat(bed->foreign, "var/lib/dpkg/status", 0644) == 0);
}

static void status_is_huge(struct bed *bed)
{
	owned(fd) int fd = openat(bed->foreign, "var/lib/dpkg/status", O_WRONLY | O_CLOEXEC);

	CHECK(ftruncate(fd, (off_t)PACKAGE_DATABASE_MAX + 1) == 0);
}

static void foreign_is_upgraded(struct bed *bed)
{
	put_status(bed->foreign, "sed", "4.9-2", "arm64");
	put_status(bed->native, "sed", "4.9-2", "amd64");
}

static const char merged[] = "where /bin is a link";

static void bin_is_a_link(struct bed *bed)
{
	const struct program foreign = program_make(183, "sed"), native = program_make(62, "sed");

	CHECK(symlinkat("usr/bin", bed->foreign, "bin") == 0);
	CHECK(symlinkat("usr/bin", bed->native, "bin") == 0);
	put_sums(bed->foreign, "sed", "bin/sed", &foreign);
	put_sums(bed->peer, "sed", "bin/sed", &foreign);
	put_sums(bed->native, "sed", "bin/sed", &native);
}

static const struct {
	const char *name;
	void (*spoil)(struct bed *bed);
	const char *reason; /* NULL: there is a twin; "": there is not even a reason */
} cases[] = {
	{ "as it is", nothing, NULL },
	{ merged, bin_is_a_link, NULL },
	{ "a rebuild", native_is_rebuilt, NULL },
	{ "another version", native_is_newer, "the native root has sed 4.9-2" },
	{ "no package", native_has_none, "no native root has its package" },
	{ "altered", foreign_is_altered, "it is not as its package has it" },
	{ "forged", foreign_is_forged, "it is not as its package has it" },
	{ "native altered", native_is_altered, "the native root's one was altered" },
	{ "set-user-ID", foreign_is_set_user_id, "it is set-user-ID or set-group-ID" },
	{ "set-group-ID", foreign_is_set_group_id, "it is set-user-ID or set-group-ID" },
	{ "no permission", foreign_may_not_run, "it is not executable" },
	{ "another machine", foreign_is_for_another_machine, "it is for another machine" },
	{ "a script", foreign_is_a_script, "" },
	{ "a FIFO", foreign_is_a_fifo, "" },
	{ "out of the root", foreign_leads_out, "" },
	{ "diverted", foreign_is_diverted, "it is diverted" },
	{ "database a FIFO", status_is_a_fifo, "" },
	{ "database too large", status_is_huge, "the package database is too large" },
	{ "newer than its peer", foreign_is_upgraded, "" },
};

TEST(a_twin_is_the_same_package_and_file_on_both_sides)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(twin_set) struct twin_set *set = NULL;
		const char *reason = "";
		struct bed bed;

		bed_make(&bed);
		cases[i].spoil(&bed);
		set = find(&bed, TOOL_SAFE, true);
		if (set->miss_count)
			reason = set->misses[0].reason;
		tap_check(set->count == (cases[i].reason ? 0 : 1) &&
				  strcmp(reason, cases[i].reason ? cases[i].reason : "") == 0,
			  __FILE__, __LINE__, "%s: %zu twins, \"%s\"", cases[i].name, set->count,
			  reason);
		if (set->count) {
			CHECK_STR(set->twins[0].path, "/usr/bin/sed");
			CHECK_STR(set->twins[0].native, "/usr/bin/sed");
			CHECK_STR(set->twins[0].package, "sed 4.9-1");
		}
		bed_drop(&bed);
	}
}

TEST(a_root_is_the_copies_and_the_layers_below_them)
{
	owned(twin_set) struct twin_set *set = NULL, *again = NULL;
	char link[64] = {};
	struct stat stat;
	struct bed bed;
	int copies;

	bed_make(&bed);
	set = find(&bed, TOOL_SAFE, true);
	CHECK(set->root_count == 1 && set->roots[0].lowers.count == 2);
	CHECK_STR(set->roots[0].lowers.items[1], "/native");
	CHECK_STR(set->roots[0].loader, "/proc/tty/driver/0/ld");
	copies = open(set->roots[0].lowers.items[0], O_RDONLY | O_DIRECTORY);
	CHECK(copies >= 0);
	CHECK(fstatat(copies, "usr/bin/sed", &stat, 0) == 0 && (stat.st_mode & 0777) == 0755);
	CHECK(readlinkat(copies, "L", link, sizeof(link) - 1) > 0);
	CHECK_STR(link, "usr/lib/x86_64-linux-gnu");
	again = find(&bed, TOOL_SAFE, true);
	CHECK_STR(again->roots[0].lowers.items[0], set->roots[0].lowers.items[0]);
	close(copies);
	bed_drop(&bed);
}

TEST(a_step_that_forges_the_database_fools_only_itself)
{
	owned(twin_set) struct twin_set *trusting = NULL, *wary = NULL;
	struct bed bed;

	/* Without a peer the root's own word counts, as for an image that was pulled. */
	bed_make(&bed);
	foreign_is_forged(&bed);
	trusting = find(&bed, TOOL_SAFE, false);
	wary = find(&bed, TOOL_SAFE, true);
	CHECK(trusting->count == 1);
	CHECK(wary->count == 0);
	bed_drop(&bed);
}

/** A package for all machines, of a script; the bed's sed is no longer known. */
static void script_make(int root, const char *script)
{
	owned(buf) struct buf text = {};

	put_status(root, "debconf", "1.5", "all");
	sum_add(&text, "usr/bin/debconf-show", script, strlen(script));
	put_list(root, "debconf", &text);
	put(root, "usr/bin/debconf-show", script, strlen(script), 0755);
}

TEST(scripts_that_are_their_packages_own_need_no_counterpart)
{
	static const struct {
		const char *foreign, *peer;
		size_t count;
	} scripts[] = {
		{ "#!/usr/bin/perl\n", "#!/usr/bin/perl\n", 1 },
		{ "#!/usr/bin/perl\n#forged", "#!/usr/bin/perl\n", 0 },
		{ "no script", "no script", 0 },
		{ "", "", 0 },
	};

	for (size_t i = 0; i < countof(scripts); i++) {
		owned(twin_set) struct twin_set *set = NULL;
		struct bed bed;

		bed_make(&bed);
		script_make(bed.foreign, scripts[i].foreign);
		script_make(bed.peer, scripts[i].peer);
		set = find(&bed, TOOL_SAFE, true);
		tap_check(set->script_count == scripts[i].count, __FILE__, __LINE__,
			  "script %zu: %zu found", i, set->script_count);
		if (set->script_count)
			CHECK_STR(set->scripts[0].path, "/usr/bin/debconf-show");
		bed_drop(&bed);
	}
}

TEST(what_python_compiles_with_is_a_script_that_need_not_look_like_one)
{
	static const char path[] = "usr/lib/python3.13/py_compile.py", text[] = "import sys\n";
	owned(twin_set) struct twin_set *set = NULL;
	owned(buf) struct buf sums = {};
	struct bed bed;

	bed_make(&bed);
	put_status(bed.foreign, "libpython3.13-minimal", "3.13", "arm64");
	sum_add(&sums, path, text, strlen(text));
	put_list(bed.foreign, "libpython3.13-minimal", &sums);
	put(bed.foreign, path, text, strlen(text), 0644);
	set = find(&bed, TOOL_SAFE, false);
	if (CHECK(set->script_count == 1))
		CHECK_STR(set->scripts[0].path, "/usr/lib/python3.13/py_compile.py");
	bed_drop(&bed);
}

/** An interpreter, and modules of it as the package has them. */
static void perl_make(int root, const char *arch, const char *triple, uint16_t machine,
		      const char *const *modules, size_t count)
{
	const struct program program = program_make(machine, "perl");
	owned(buf) struct buf text = {};

	put_status(root, "perl-base", "5.40", arch);
	put_program(root, "usr/bin/perl", &program);
	sum_add(&text, "usr/bin/perl", program.bytes, sizeof(program.bytes));
	for (size_t i = 0; i < count; i++) {
		owned(str) char *path = xasprintf("usr/lib/%s/perl-base/%s", triple, modules[i]);

		put_program(root, path, &program);
		sum_add(&text, path, program.bytes, sizeof(program.bytes));
	}
	put_list(root, "perl-base", &text);
}

TEST(an_interpreter_has_the_same_modules_on_both_sides)
{
	static const char *const modules[] = { "auto/IO/IO.so", "auto/re/re.so" };
	static const char other[] = "usr/lib/aarch64-linux-gnu/perl5/5.40/auto/x.so";
	static const char equal[] = "it asks for the machine"; /* there is no C library */
	static const struct {
		size_t foreign, native;
		bool with_other;
		const char *reason;
	} sides[] = {
		{ 2, 2, false, equal },
		{ 0, 0, false, equal },
		{ 2, 1, false, "the native root does not have the same modules" },
		{ 1, 2, false, "a library that it needs is another one" },
		{ 2, 2, true, "the native root does not have the same modules" },
	};

	for (size_t i = 0; i < countof(sides); i++) {
		const struct program program = program_make(183, "module");
		owned(twin_set) struct twin_set *set = NULL;
		struct bed bed;

		bed_make(&bed);
		perl_make(bed.foreign, "arm64", "aarch64-linux-gnu", 183, modules,
			  sides[i].foreign);
		perl_make(bed.native, "amd64", "x86_64-linux-gnu", 62, modules, sides[i].native);
		if (sides[i].with_other)
			put_program(bed.foreign, other, &program);
		set = find(&bed, TOOL_SAFE, false);
		if (CHECK(set->miss_count == 1))
			CHECK_STR(set->misses[0].reason, sides[i].reason);
		bed_drop(&bed);
	}
}

/** A package with a program. */
static void tool_make(int root, const char *package, const char *arch, uint16_t machine,
		      const char *path)
{
	const struct program program = program_make(machine, "tool");

	put_status(root, package, "1.24.4-1", arch);
	put_program(root, path, &program);
	put_sums(root, package, path, &program);
}

TEST(compilers_of_other_languages_are_told_the_target)
{
	static const char compile[] = "usr/lib/go-1.24/pkg/tool/linux_%s/vet";
	owned(str) char *foreign = xasprintf(compile, "arm64"),
			*native = xasprintf(compile, "amd64");
	owned(twin_set) struct twin_set *set = NULL;
	struct bed bed;

	bed_make(&bed);
	tool_make(bed.foreign, "golang-1.24-go", "arm64", 183, foreign);
	tool_make(bed.native, "golang-1.24-go", "amd64", 62, native);
	set = find(&bed, TOOL_SAFE, false);
	if (CHECK(set->count == 1)) {
		CHECK_STR(set->twins[0].native + 1, native);
		CHECK_STR(set->twins[0].env[0], "?GOARCH=arm64");
	}
	bed_drop(&bed);
}

/** They fold what the C library computes, so that there has to be one that trips. */
TEST(compilers_that_may_compute_in_long_double_want_a_c_library_that_tells)
{
	static const char *const tools[][2] = {
		{ "clang-19", "usr/lib/llvm-19/bin/clang" },
		{ "rustc", "usr/bin/rustc" },
	};

	for (size_t i = 0; i < countof(tools); i++) {
		owned(twin_set) struct twin_set *set = NULL;
		struct bed bed;

		bed_make(&bed);
		tool_make(bed.foreign, tools[i][0], "arm64", 183, tools[i][1]);
		tool_make(bed.native, tools[i][0], "amd64", 62, tools[i][1]);
		set = find(&bed, TOOL_SAFE, false);
		if (CHECK(set->miss_count == 1))
			CHECK_STR(set->misses[0].reason,
				  host_has_fma() ? "it may compute in long double"
						 : "this CPU has no fused multiply-add");
		bed_drop(&bed);
	}
}

/** The linker of both sides, and a compiler's plugin for it. */
static void linker_make(int root, const char *arch, uint16_t machine, const char *plugin)
{
	const struct program program = program_make(machine, "ld");

	put_status(root, "binutils-aarch64-linux-gnu", "2.40-2", arch);
	put_sums(root, "binutils-aarch64-linux-gnu", "usr/bin/aarch64-linux-gnu-ld.bfd", &program);
	put_program(root, "usr/bin/aarch64-linux-gnu-ld.bfd", &program);
	put_text(root, plugin, "plugin");
}

static bool refuses(const struct twin *twin, const char *argument)
{
	for (size_t i = 0; twin->refuse && twin->refuse[i]; i++)
		if (strcmp(twin->refuse[i], argument) == 0)
			return true;
	return false;
}

TEST(a_linker_loads_the_plugin_of_its_own_side_or_is_emulated)
{
	static const char other[] = "usr/lib/gcc/aarch64-linux-gnu/11/liblto_plugin.so";
	owned(twin_set) struct twin_set *set = NULL, *without = NULL;
	struct bed bed;

	bed_make(&bed);
	linker_make(bed.foreign, "arm64", 183, "usr/lib/gcc/aarch64-linux-gnu/12/liblto_plugin.so");
	linker_make(bed.native, "amd64", 62,
		    "usr/lib/gcc-cross/aarch64-linux-gnu/12/liblto_plugin.so");
	put_text(bed.foreign, other, "plugin");
	set = find(&bed, TOOL_SAFE, false);
	CHECK(set->count == 1);
	CHECK_STR(set->twins[0].plugin_from, "/usr/lib/gcc/aarch64-linux-gnu/12/liblto_plugin.so");
	CHECK_STR(set->twins[0].plugin_to, "/proc/tty/driver/0/usr/lib/gcc-cross/"
					   "aarch64-linux-gnu/12/liblto_plugin.so");
	CHECK(refuses(&set->twins[0], "/usr/lib/gcc/aarch64-linux-gnu/11/liblto_plugin.so"));
	CHECK(!refuses(&set->twins[0], "-plugin*"));
	unlinkat(bed.native, "usr/lib/gcc-cross/aarch64-linux-gnu/12/liblto_plugin.so", 0);
	without = find(&bed, TOOL_SAFE, false);
	CHECK(without->count == 1 && refuses(&without->twins[0], "-plugin*"));
	bed_drop(&bed);
}
