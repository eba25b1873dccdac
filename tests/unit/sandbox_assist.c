/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of twins, how it is asked, and the emulator with the dispatcher.
 */
#include "sandbox/assist_lookup.h"
#include "sandbox/assist_plugins.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const no_native[] = { "-march=native", "-v",     "-m*=native", "~.so",
					 "!-keep",        "-keep*", "!-w",        NULL };
static const char *const target[] = { "--target=x", "-Q", NULL };
static const char *const has_target[] = { "--target*", NULL };
static const char *const settings[] = { "?GOARCH=arm64", "NAME=value", NULL };
static const char *const python_scripts[] = { "m:pip", "c:import setuptools*", "c:print(1)", NULL };

static const char *const no_last[] = { "$-o", NULL };
static const char *const at_end[] = { "+-end", "-start", NULL };
static const char *const math[] = { "-lm", "-with-m", "-lx", "-with-x", NULL };

static const char *const called[] = { "clang*", "cc", NULL };

enum { SED, CC, LD, PERL, PYTHON, SCRIPT, DRIVER, CLANG };

static const struct assist_twin twins[] = {
	[SED] = { 10, 100, { 1, 2 }, { 3, 4 }, .native = "/x/0/sed" },
	[CC] = { 11,
		 100,
		 { 1, 2 },
		 { 3, 4 },
		 .native = "/x/0/cc",
		 .refuse = no_native,
		 .insert = target,
		 .insert_unless = has_target,
		 .env = settings,
		 .library_path_ok = true },
	[LD] = { 10,
		 100,
		 { 1, 2 },
		 { 3, 5 },
		 .native = "/x/0/ld",
		 .plugin_from = "/usr/lib/gcc/",
		 .plugin_to = "/x/0/plugin.so" },
	[PERL] = { 13, 1, { 0, 0 }, { 0, 0 }, .native = "/x/0/perl", .scripts_only = true },
	[PYTHON] = { 14,
		     1,
		     { 0, 0 },
		     { 0, 0 },
		     .native = "/x/0/py",
		     .scripts = python_scripts,
		     .scripts_only = true },
	[SCRIPT] = { 16, 1, { 0, 0 }, { 0, 0 }, .native = "", .is_script = true },
	[DRIVER] = { 15,
		     1,
		     { 0, 0 },
		     { 0, 0 },
		     .native = "/x/0/gcc",
		     .place_matters = true,
		     .refuse = no_last,
		     .insert = at_end,
		     .before = math },
	[CLANG] = { 17, 1, { 0, 0 }, { 0, 0 }, .native = "/x/0/clang", .names = called },
};

static void table_make(struct buf *out)
{
	struct error err = {};

	if (!CHECK(!assist_table_write(twins, countof(twins), out, &err)) ||
	    !CHECK(assist_table_check(out->data, out->length)))
		exit(1);
}

static const struct assist_entry *find(const struct buf *table, size_t twin)
{
	const struct assist_file file = {
		.inode = twins[twin].inode,
		.size = twins[twin].size,
		.mtime = twins[twin].mtime.tv_sec * 1000000000 + twins[twin].mtime.tv_nsec,
		.ctime = twins[twin].ctime.tv_sec * 1000000000 + twins[twin].ctime.tv_nsec,
	};

	return assist_find(table->data, &file);
}

TEST(a_file_is_found_by_all_that_names_its_content)
{
	owned(buf) struct buf table = {};
	const struct assist_file file = { 10, 100, 1000000002, 3000000004 };

	table_make(&table);
	for (size_t i = 0; i < countof(twins); i++) {
		const struct assist_entry *entry = find(&table, i);

		if (CHECK(entry != NULL))
			CHECK_STR(assist_text(table.data, entry->native), twins[i].native);
	}
	for (size_t i = 0; i < 4; i++) {
		struct assist_file other = file;

		other.inode += i == 0 ? 5 : 0;
		other.size += i == 1;
		other.mtime += i == 2;
		other.ctime -= i == 3;
		CHECK(!assist_find(table.data, &other));
	}
}

TEST(a_table_of_many_finds_each_and_nothing_else)
{
	enum { MANY = 20000 };
	struct assist_twin *many = xcalloc(MANY, sizeof(*many));
	owned(buf) struct buf table = {};
	struct error err = {};

	for (size_t i = 0; i < MANY; i++)
		many[i] = (struct assist_twin){ .inode = i * 64, .size = i, .native = "/n" };
	CHECK(!assist_table_write(many, MANY, &table, &err));
	CHECK(assist_table_check(table.data, table.length));
	for (size_t i = 0; i < MANY; i++) {
		const struct assist_file here = { i * 64, i, 0, 0 }, gone = { i * 64 + 1, i, 0, 0 };

		if (!assist_find(table.data, &here) || assist_find(table.data, &gone)) {
			CHECK(!"each is found, others are not");
			break;
		}
	}
	free(many);
}

TEST(a_table_that_is_too_large_is_refused)
{
	enum { MANY = 200000 };
	struct assist_twin *many = xcalloc(MANY, sizeof(*many));
	owned(buf) struct buf table = {};
	struct error err = {};

	for (size_t i = 0; i < MANY; i++)
		many[i] = (struct assist_twin){ .inode = i, .native = "/a/path/of/a/program" };
	CHECK(assist_table_write(many, MANY, &table, &err) && err.fault == FAULT_INPUT);
	free(many);
}

/** Bytes of a good table, changed: it is refused, or read without leaving it (see the fuzzer). */
TEST(a_damaged_table_is_refused)
{
	owned(buf) struct buf table = {};
	struct assist_header *header;

	table_make(&table);
	header = (struct assist_header *)(void *)table.data;
	CHECK(!assist_table_check(table.data, table.length - 1));
	CHECK(!assist_table_check(table.data, 8));
	table.data[table.length - 1] = 'x';
	CHECK(!assist_table_check(table.data, table.length));
	table.data[table.length - 1] = '\0';
	header->bucket_count++;
	CHECK(!assist_table_check(table.data, table.length));
	header->bucket_count--;
	header->entry_count = UINT32_MAX;
	CHECK(!assist_table_check(table.data, table.length));
}

static const struct {
	const char *pattern, *text;
	bool matches;
} patterns[] = {
	{ "-v", "-v", true },      { "-v", "-vV", false },  { "-m*", "-march=x", true },
	{ "-m*", "-m", true },     { "-m*", "-n", false },  { "~.so", "libx.so", true },
	{ "~.so", ".so", true },   { "~.so", "so", false }, { "~.so", "x.so.1", false },
	{ "a*b", "a*b", true },    { "a*b", "axb", false }, { "*", "", true },
	{ "~", "anything", true },
};

TEST(patterns_are_exact_or_a_beginning_or_an_end)
{
	for (size_t i = 0; i < countof(patterns); i++)
		tap_check(assist_match(patterns[i].pattern, patterns[i].text) ==
				  patterns[i].matches,
			  __FILE__, __LINE__, "%s for %s", patterns[i].pattern, patterns[i].text);
}

static const struct {
	size_t twin;
	const char *arguments[5], *environment[3];
	enum assist_verdict verdict;
} verdicts[] = {
	{ SED, { "s/a/b/", "-v" }, { "LANG=C" }, ASSIST_NATIVE },
	{ SED, {}, {}, ASSIST_NATIVE },
	{ SED, {}, { "A=1", "LD_PRELOAD=x" }, ASSIST_ENVIRONMENT },
	{ SED, {}, { "LD_PRELOAD=" }, ASSIST_NATIVE },
	{ SED, {}, { "LD_PRELOADED=x" }, ASSIST_NATIVE },
	{ SED, {}, { "LD_LIBRARY_PATH=/lib" }, ASSIST_ENVIRONMENT },
	{ SED, {}, { "LD_TRACE_LOADED_OBJECTS=1" }, ASSIST_ENVIRONMENT },
	{ SED, {}, { "GCONV_PATH=/x" }, ASSIST_ENVIRONMENT },
	{ SED, {}, { "LD_RUN_PATH=/x" }, ASSIST_NATIVE },
	{ CC, { "-c", "x.c" }, { "LD_LIBRARY_PATH=/lib" }, ASSIST_NATIVE },
	{ CC, { "-c", "-march=native" }, {}, ASSIST_ARGUMENT },
	{ CC, { "-mtune=native" }, {}, ASSIST_NATIVE }, /* "-m*=native" is no such pattern */
	{ CC, { "-v" }, {}, ASSIST_ARGUMENT },
	{ CC, { "libx.so" }, {}, ASSIST_ARGUMENT },
	{ CC, { "-keep", "-w" }, {}, ASSIST_NATIVE },
	{ CC, { "-keep", "-keep-all" }, {}, ASSIST_ARGUMENT },
	{ CC, { "-keep", "-v" }, {}, ASSIST_ARGUMENT },
	{ CC, { "!-keep" }, {}, ASSIST_NATIVE },
	{ LD, { "-plugin", "/usr/lib/gcc/x.so" }, {}, ASSIST_NATIVE },
	{ LD, { "--plugin", "/usr/lib/gcc/x.so" }, {}, ASSIST_NATIVE },
	{ LD, { "-plugin", "/usr/lib/llvm-19/lib/LLVMgold.so" }, {}, ASSIST_ARGUMENT },
	{ LD, { "--plugin", "x.so" }, {}, ASSIST_ARGUMENT },
	{ LD, { "--plugin=/usr/lib/gcc/x.so" }, {}, ASSIST_ARGUMENT },
	{ LD, { "-plugin-opt=x", "-plugin" }, {}, ASSIST_NATIVE },
	{ SED, { "-plugin", "x.so" }, {}, ASSIST_NATIVE },
	{ PERL, { "/usr/bin/aclocal", "-e" }, {}, ASSIST_NATIVE },
	{ PERL, { "-w", "x" }, {}, ASSIST_NATIVE },
	{ PERL, { "-w", "--", "/usr/bin/aclocal" }, {}, ASSIST_NATIVE },
	{ PERL, { "x" }, { "PERL5LIB=/x" }, ASSIST_ENVIRONMENT },
	{ PERL, { "x" }, { "PERL5OPT=-Mx" }, ASSIST_ENVIRONMENT },
	{ PERL, { "x" }, { "PERL5LIB=", "PERL_UNICODE=1" }, ASSIST_NATIVE },
	{ PERL, { "x" }, { "LD_PRELOAD=x" }, ASSIST_ENVIRONMENT },
	{ PERL, { "--" }, {}, ASSIST_SCRIPT },
	{ PERL, { "--version", "x" }, {}, ASSIST_SCRIPT },
	{ PERL, { "-e", "/usr/bin/aclocal" }, {}, ASSIST_SCRIPT },
	{ PERL, { "-we", "1" }, {}, ASSIST_SCRIPT },
	{ PERL, { "-Mx", "/usr/bin/aclocal" }, {}, ASSIST_SCRIPT },
	{ PERL, { "-I", "x" }, {}, ASSIST_SCRIPT },
	{ PERL, { "-V" }, {}, ASSIST_SCRIPT },
	{ PERL, { "-" }, {}, ASSIST_SCRIPT },
	{ PERL, {}, {}, ASSIST_SCRIPT },
	{ PYTHON, { "-m", "pip", "install" }, {}, ASSIST_NATIVE },
	{ PYTHON, { "-Esmpip" }, {}, ASSIST_NATIVE },
	{ PYTHON, { "-m", "pipx" }, {}, ASSIST_SCRIPT },
	{ PYTHON, { "-m" }, {}, ASSIST_SCRIPT },
	{ PYTHON, { "-c", "import setuptools; x" }, {}, ASSIST_NATIVE },
	{ PYTHON, { "-c", "import os" }, {}, ASSIST_SCRIPT },
	{ PYTHON, { "-cprint(1)" }, {}, ASSIST_NATIVE },
	{ PYTHON, { "-c", "print(1); x" }, {}, ASSIST_SCRIPT },
	{ PYTHON, { "-I", "/usr/bin/pip" }, {}, ASSIST_SCRIPT },
	{ PYTHON, { "m:pip" }, {}, ASSIST_NATIVE },
	{ PYTHON, { "x" }, { "PYTHONPATH=/x" }, ASSIST_ENVIRONMENT },
	{ SED, { "x" }, { "PERL5LIB=/x", "PYTHONPATH=/x" }, ASSIST_NATIVE },
	{ SCRIPT, { "x" }, {}, ASSIST_NO_TWIN },
	{ SED, {}, { "GCC_EXEC_PREFIX=/x/" }, ASSIST_ENVIRONMENT },
	{ DRIVER, { "-o", "x" }, {}, ASSIST_NATIVE },
	{ DRIVER, { "x.c", "-o" }, {}, ASSIST_ARGUMENT },
};

static const struct {
	size_t twin;
	const char *name;
	enum assist_verdict verdict;
} places[] = {
	{ SED, "/opt/sed", ASSIST_NATIVE },
	{ DRIVER, "gcc", ASSIST_NATIVE },
	{ DRIVER, "", ASSIST_NATIVE },
	{ DRIVER, "/usr/bin/gcc", ASSIST_NATIVE },
	{ DRIVER, "/bin/gcc", ASSIST_NATIVE },
	{ DRIVER, "/usr/local/bin/gcc", ASSIST_ARGUMENT },
	{ DRIVER, "/usr/bin/../x/gcc", ASSIST_ARGUMENT },
	{ DRIVER, "./gcc", ASSIST_ARGUMENT },
	{ DRIVER, NULL, ASSIST_ARGUMENT },
	{ CLANG, "clang", ASSIST_NATIVE },
	{ CLANG, "clang++-19", ASSIST_NATIVE },
	{ CLANG, "/opt/bin/cc", ASSIST_NATIVE },
	{ CLANG, "/opt/clang/ccc", ASSIST_ARGUMENT },
	{ CLANG, "aarch64-linux-gnu-clang", ASSIST_ARGUMENT },
	{ CLANG, "", ASSIST_ARGUMENT },
	{ CLANG, NULL, ASSIST_ARGUMENT },
};

TEST(arguments_and_environment_decide)
{
	owned(buf) struct buf table = {};

	table_make(&table);
	for (size_t i = 0; i < countof(verdicts); i++) {
		const char *arguments[6] = { "x" }, *script;

		memcpy(arguments + 1, verdicts[i].arguments, sizeof(verdicts[i].arguments));
		tap_check(assist_judge(table.data, find(&table, verdicts[i].twin),
				       (char *const *)(uintptr_t)arguments,
				       (char *const *)(uintptr_t)verdicts[i].environment,
				       &script) == verdicts[i].verdict,
			  __FILE__, __LINE__, "case %zu", i);
	}
}

TEST(what_a_program_is_called_may_decide)
{
	owned(buf) struct buf table = {};
	char *const none[] = { NULL };

	table_make(&table);
	for (size_t i = 0; i < countof(places); i++) {
		const char *arguments[] = { places[i].name, NULL }, *script;

		tap_check(assist_judge(table.data, find(&table, places[i].twin),
				       (char *const *)(uintptr_t)arguments, none,
				       &script) == places[i].verdict,
			  __FILE__, __LINE__, "case %zu", i);
	}
}

static const struct {
	size_t twin;
	const char *arguments[5], *script;
} scripts[] = {
	{ PERL, { "perl", "/usr/bin/aclocal", "-e" }, "/usr/bin/aclocal" },
	{ PERL, { "perl", "-w", "x", "y" }, "x" },
	{ PERL, { "perl", "-w", "--", "-x" }, "-x" },
	{ PERL, { "perl", "-e", "x" }, NULL },
	{ PYTHON, { "python", "-m", "pip", "x" }, NULL },
	{ PYTHON, { "python", "-Es", "/usr/bin/pip" }, "/usr/bin/pip" },
	{ SED, { "sed", "x" }, NULL },
};

TEST(an_interpreter_depends_on_the_script_it_is_asked_for)
{
	owned(buf) struct buf table = {};

	table_make(&table);
	for (size_t i = 0; i < countof(scripts); i++) {
		char *const environment[] = { NULL };
		const char *script = "";

		(void)assist_judge(table.data, find(&table, scripts[i].twin),
				   (char *const *)(uintptr_t)scripts[i].arguments, environment,
				   &script);
		CHECK_STR(script ? script : "none", scripts[i].script ? scripts[i].script : "none");
	}
}

static void join(char *const *list, char text[256])
{
	text[0] = '\0';
	for (; *list; list++)
		snprintf(text + strlen(text), 256 - strlen(text), "[%s]", *list);
}

static const struct {
	size_t twin;
	const char *arguments[4], *environment[4], *want_arguments, *want_environment;
} starts[] = {
	{ SED, { "sed", "p" }, { "A=1" }, "[sed][p]", "[A=1]" },
	{ CC,
	  { "cc", "x.c" },
	  { "A=1" },
	  "[cc][--target=x][-Q][x.c]",
	  "[A=1][GOARCH=arm64][NAME=value]" },
	{ CC,
	  { "cc", "--target=y" },
	  { "NAME=old", "GOARCH=", "Z=" },
	  "[cc][--target=y]",
	  "[NAME=value][GOARCH=][Z=]" },
	{ CC, { "" }, {}, "[][--target=x][-Q]", "[GOARCH=arm64][NAME=value]" },
	{ LD,
	  { "ld", "/usr/lib/gcc/a/liblto_plugin.so", "-lgcc" },
	  {},
	  "[ld][/x/0/plugin.so][-lgcc]",
	  "" },
	{ DRIVER, { "gcc" }, {}, "[gcc][-start][-end]", "" },
	{ DRIVER,
	  { "gcc", "-lx", "-lm" },
	  {},
	  "[gcc][-start][-with-x][-lx][-with-m][-lm][-end]",
	  "" },
	{ DRIVER, { "gcc", "-with-m", "-lmx" }, {}, "[gcc][-start][-with-m][-lmx][-end]", "" },
};

TEST(a_twin_gets_what_its_row_says)
{
	owned(buf) struct buf table = {};

	table_make(&table);
	for (size_t i = 0; i < countof(starts); i++) {
		const struct assist_entry *entry = find(&table, starts[i].twin);
		char *const *arguments = (char *const *)(uintptr_t)starts[i].arguments;
		char *const *environment = (char *const *)(uintptr_t)starts[i].environment;
		char *out[16], text[256];

		CHECK(assist_room(table.data, entry, arguments) <= countof(out));
		assist_arguments(table.data, entry, arguments, out);
		join(out, text);
		CHECK_STR(text, starts[i].want_arguments);
		assist_environment(table.data, entry, environment, out);
		join(out, text);
		CHECK_STR(text, starts[i].want_environment);
	}
}

/* ---- what a program would find ---- */

TEST(a_variable_is_found_by_its_whole_name)
{
	static const char *const variables[] = { "PATHS=/no", "PAT=/no", "PATH=/a:/b", "PATH=/c",
						 NULL };
	char *const *environment = (char *const *)(uintptr_t)variables;

	CHECK_STR(assist_variable(environment, "PATH"), "/a:/b");
	CHECK_STR(assist_variable(environment, "PAT"), "/no");
	CHECK(!assist_variable(environment, "PATHX") && !assist_variable(environment, "P"));
}

static const struct {
	const char *arguments[3], *folder, *user;
	bool only_dependencies;
} searches[] = {
	{ { "-L", "dependency=/x/deps" }, "/x/deps", NULL, true },
	{ { "-Ldependency=/x" }, "/x", NULL, true },
	{ { "-L", "/x" }, "/x", NULL, false },
	{ { "-L./a=b" }, "./a=b", NULL, false },
	{ { "-L", "crate=/x" }, "/x", NULL, false },
	{ { "-L", "all=/x" }, "/x", NULL, false },
	{ { "-L", "native=/x" }, NULL, NULL, false },
	{ { "-Lframework=/x" }, NULL, NULL, false },
	{ { "-L" }, NULL, NULL, false },
	{ { "-l", "x" }, NULL, NULL, false },
	{ { "--extern", "a=/x/liba.rlib" }, NULL, "/x/liba.rlib", false },
	{ { "--extern=priv:a=/x=y" }, NULL, "/x=y", false },
	{ { "--extern", "proc_macro" }, NULL, NULL, false },
	{ { "--extern=proc_macro" }, NULL, NULL, false },
	{ { "--extern" }, NULL, NULL, false },
	{ { "--externs", "a=b" }, NULL, NULL, false },
};

TEST(arguments_tell_where_plugins_may_be_and_who_may_use_them)
{
	for (size_t i = 0; i < countof(searches); i++) {
		char *const *at = (char *const *)(uintptr_t)searches[i].arguments;
		bool only_dependencies = false;
		const char *folder = plugin_folder(at, &only_dependencies);
		const char *user = plugin_user(at);

		CHECK_STR(folder ? folder : "none",
			  searches[i].folder ? searches[i].folder : "none");
		CHECK_STR(user ? user : "none", searches[i].user ? searches[i].user : "none");
		CHECK(only_dependencies == searches[i].only_dependencies);
	}
}

static const struct {
	const char *file, *bytes;
	bool others, mentioned;
} plugins[] = {
	{ "libm-0123456789abcdef.so", "x-0123456789abcdefy", false, true },
	{ "libm-0123456789abcdef.so", "-0123456789abcdef", false, true },
	{ "libm-0123456789abcdef.so", "0123456789abcdef", false, false },
	{ "libm-0123456789abcdef.so", "-0123456789abcde", false, false },
	{ "libm-0123456789abcdef.so", "--0123456789abcdee-0123456789abcdef", false, true },
	{ "-0123456789abcdef.so", "-0123456789abcdef", false, true },
	{ "libm-0123456789abcdef.rlib", "-0123456789abcdef", false, false },
	{ "libm-0123456789ABCDEF.so", "-0123456789ABCDEF", true, false },
	{ "libm0123456789abcdef.so", "-0123456789abcdef", true, false },
	{ "m-0.so", "-0", true, false },
	{ ".so", "", true, false },
	{ "libm.so.1", "", false, false },
};

TEST(a_plugin_is_known_by_the_suffix_of_its_name)
{
	static struct plugins many;

	for (size_t i = 0; i < countof(plugins); i++) {
		struct plugins one = {};
		bool mentioned;

		plugins_add(&one, plugins[i].file);
		mentioned = plugins_mentioned(&one, plugins[i].bytes, strlen(plugins[i].bytes));
		tap_check(one.others == plugins[i].others && mentioned == plugins[i].mentioned,
			  __FILE__, __LINE__, "%s in %s", plugins[i].file, plugins[i].bytes);
	}
	for (size_t i = 0; i <= PLUGINS_MAX; i++) {
		owned(str) char *name = xasprintf("libx-%016zx.so", i);

		CHECK(!many.others);
		plugins_add(&many, name);
	}
	CHECK(many.others && many.count == PLUGINS_MAX);
}

/* ---- the engine ---- */

/** Run a program of ours as if by hand; what it says, and its status. */
static int said(const char *path, struct buf *out)
{
	owned(str) char *command = xasprintf("%s --version 2>&1", path);
	FILE *pipe = popen(command, "r");
	char text[4096];
	size_t got = pipe ? fread(text, 1, sizeof(text), pipe) : 0;

	buf_add(out, text, got);
	return pipe ? pclose(pipe) : -1;
}

TEST(an_emulator_with_the_dispatcher_is_still_that_emulator)
{
	static const char emulator[] = "/usr/bin/qemu-aarch64-static";
	char path[] = "/tmp/mpemu-engine-XXXXXX";
	owned(buf) struct buf plain = {}, engine = {};
	int from = open(emulator, O_RDONLY | O_CLOEXEC), into;
	struct error err = {};

	if (from < 0)
		tap_skip("qemu-user-static is not installed");
	into = mkostemp(path, O_CLOEXEC);
	tap_check(!assist_engine_write(from, into, &err), __FILE__, __LINE__, "%s", err.text);
	CHECK(fchmod(into, 0755) == 0);
	close(from);
	close(into);
	CHECK(said(emulator, &plain) == 0);
	CHECK(said(path, &engine) == 0);
	CHECK_STR(buf_text(&engine), buf_text(&plain));
	unlink(path);
}

TEST(what_is_no_static_program_of_this_machine_gets_no_dispatcher)
{
	int into = memfd_create("engine", MFD_CLOEXEC), text = memfd_create("text", MFD_CLOEXEC);
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct error err = {};

	CHECK(write(text, "#!/bin/sh\n", 10) == 10);
	CHECK(assist_engine_write(text, into, &err) && err.fault == FAULT_INPUT);
	CHECK(assist_engine_write(self, into, &err) && err.fault == FAULT_INPUT);
	close(into);
	close(text);
	close(self);
}

TEST(only_where_packages_have_programs_it_is_asked)
{
	static const struct {
		const char *path;
		bool asked;
	} paths[] = {
		{ "/usr/bin/make", true },
		{ "/usr/lib/gcc/x/14/cc1", true },
		{ "/bin/sed", true },
		{ "/lib64/x", true },
		{ "/usr/local/bin/make", false },
		{ "/usr/src/a.out", false },
		{ "/src/configure", false },
		{ "/tmp/usr/bin/make", false },
		{ "(unreachable)/usr/bin", false },
		{ "", false },
	};

	for (size_t i = 0; i < countof(paths); i++)
		tap_check(assist_is_packaged(paths[i].path) == paths[i].asked, __FILE__, __LINE__,
			  "%s", paths[i].path);
}

TEST(a_table_is_dated_for_the_sandbox_that_it_is_for)
{
	const struct assist_state state = { .since = 7, .database = { 1, 2, 3, 4 }, .pending = 1 };
	const struct assist_header *header;
	owned(buf) struct buf table = {};
	struct error err;

	CHECK(!assist_table_write(NULL, 0, &table, &err));
	header = (const void *)table.data;
	CHECK(!header->state.since && !header->names);
	assist_table_date(&table, 12, &state);
	header = (const void *)table.data;
	CHECK(assist_table_check(table.data, table.length));
	CHECK(header->names == 12 && header->state.since == 7 && header->state.pending);
	CHECK(assist_file_equal(&header->state.database, &state.database));
}

TEST(an_answer_has_a_word_of_the_file)
{
	CHECK(assist_answer_word("", 0) < ASSIST_ANSWERS);
	CHECK(assist_answer_word("make", 4) < ASSIST_ANSWERS);
	CHECK(assist_answer_word("make", 4) == assist_answer_word("makeinfo", 4));
	CHECK(assist_answer_word("make", 4) != assist_answer_word("m4", 2));
}
