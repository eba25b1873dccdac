/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native assist on the runner's side: modes, names of programs, and how two results are compared.
 */
#include "runner/aliases.h"
#include "runner/assist.h"
#include "runner/assist_verify.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(modes_of_assist_have_names)
{
	static const char *const names[] = { "off", "safe", "full", "verify" };
	struct error err = {};
	enum assist_mode mode;

	for (size_t i = 0; i < countof(names); i++) {
		CHECK(!assist_mode_parse(names[i], &mode, &err) && mode == (enum assist_mode)i);
		CHECK_STR(assist_mode_text(mode), names[i]);
	}
	CHECK(assist_mode_parse("on", &mode, &err) && err.fault == FAULT_USAGE);
	CHECK(assist_mode_parse("", &mode, &err) && err.fault == FAULT_USAGE);
}

/* ---- two trees ---- */

/** What shell commands do to the second of two trees that were equal, and what is then said. */
static const struct {
	const char *commands, *report;
	size_t count;
} changes[] = {
	{ "true", "", 0 },
	{ "touch -d @5 f d", "", 0 }, /* times differ always */
	{ "echo other >f", " /f: its content", 1 },
	{ "printf 'text' >f", " /f: its content", 1 },
	{ "chmod 600 f", " /f: its mode", 1 },
	{ "chmod 700 d", " /d: its mode", 1 },
	{ "rm f", " /f: only with assist", 1 },
	{ "echo >new", " /new: only without assist", 1 },
	{ "ln -sf other l", " /l: where it leads", 1 },
	{ "rm l; ln -s fg l", " /l: where it leads", 1 },
	{ "rm f; mkdir f", " /f: its type", 1 },
	{ "rm -r d/e; echo >d/e", " /d/e: its type", 1 },
	{ "echo >d/e/deep; rm d/x", " /d/x: only with assist; /d/e/deep: its content", 2 },
	{ "rm p; echo >p", " /p: its type", 1 },
	{ "echo x >'d/a\nb'", " /d/a\\x0ab: only without assist", 1 },
};

static const char both[] =
	"mkdir -p %s/a && cd %s/a && mkdir -p d/e && echo text >f && echo x >d/x "
	"&& echo y >d/e/deep && ln -s f l && mkfifo p && cd .. && cp -a a b";

static int tree_open(const char *top, const char *name)
{
	owned(str) char *path = xasprintf("%s/%s", top, name);

	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void compare(const char *top, size_t number)
{
	struct cancel *cancel = cancel_new();
	const struct ctx ctx = { .cancel = cancel };
	owned(fd) int native = tree_open(top, "a"), emulated = tree_open(top, "b");
	owned(buf) struct buf report = {};
	struct error err = {};
	size_t count = 99;

	if (!tap_check(!trees_compare(&ctx, native, emulated, &report, &count, &err), __FILE__,
		       __LINE__, "%s", err.text))
		return;
	tap_check(count == changes[number].count, __FILE__, __LINE__, "%s: %zu differ",
		  changes[number].commands, count);
	CHECK_STR(buf_text(&report), changes[number].report);
	cancel_drop(&cancel);
}

TEST(trees_are_compared_file_by_file)
{
	for (size_t i = 0; i < countof(changes); i++) {
		char top[] = "/tmp/mpemu-trees-XXXXXX";
		owned(str) char *make = NULL, *change = NULL, *clean = NULL;

		CHECK(mkdtemp(top) != NULL);
		make = xasprintf(both, top, top);
		change = xasprintf("cd %s/b && { %s; }", top, changes[i].commands);
		clean = xasprintf("rm -rf %s", top);
		CHECK(system(make) == 0 && system(change) == 0);
		compare(top, i);
		CHECK(system(clean) == 0);
	}
}

TEST(of_many_differences_the_first_are_told_and_all_are_counted)
{
	char top[] = "/tmp/mpemu-trees-XXXXXX";
	owned(str) char *make = NULL, *clean = NULL;
	struct cancel *cancel = cancel_new();
	const struct ctx ctx = { .cancel = cancel };
	owned(buf) struct buf report = {};
	owned(fd) int a = -1, b = -1;
	struct error err = {};
	size_t count = 0;

	CHECK(mkdtemp(top) != NULL);
	make = xasprintf("cd %s && mkdir a b && cd a && seq 100 | xargs touch", top);
	clean = xasprintf("rm -rf %s", top);
	CHECK(system(make) == 0);
	a = tree_open(top, "a");
	b = tree_open(top, "b");
	CHECK(!trees_compare(&ctx, a, b, &report, &count, &err) && count == 100);
	CHECK(ends_with(buf_text(&report), "; and 80 more"));
	CHECK(system(clean) == 0);
	cancel_drop(&cancel);
}

/* ---- aliases ---- */

TEST(links_to_twins_are_found_in_the_directories_of_programs)
{
	char top[] = "/tmp/mpemu-alias-XXXXXX";
	owned(str) char *make = NULL, *clean = NULL, *path = NULL;
	owned(aliases) struct aliases *aliases = NULL;
	struct assist_twin twin = {};
	owned(fd) int root = -1;
	struct stat info;

	CHECK(mkdtemp(top) != NULL);
	make = xasprintf(
		"cd %s && mkdir -p usr/bin etc/alternatives && ln -s usr/bin bin && "
		"echo >usr/bin/mawk && ln -s ../../usr/bin/mawk etc/alternatives/awk && "
		"ln -s /etc/alternatives/awk usr/bin/awk && ln -s ../../../../x usr/bin/out && "
		"ln -s loop usr/bin/loop && ln -s mawk usr/bin/nawk && echo >usr/bin/other && "
		"ln -s other usr/bin/another",
		top);
	clean = xasprintf("rm -rf %s", top);
	path = xasprintf("%s/usr/bin/mawk", top);
	CHECK(system(make) == 0 && stat(path, &info) == 0);
	twin = (struct assist_twin){ .inode = info.st_ino,
				     .size = (uint64_t)info.st_size,
				     .mtime = info.st_mtim,
				     .ctime = info.st_ctim };
	root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	aliases = aliases_find(root, &twin, 1);
	CHECK(aliases->count == 2);
	for (size_t i = 0; i < aliases->count; i++)
		CHECK(aliases->items[i].twin == 0 && ends_with(aliases->items[i].name, "awk") &&
		      strcmp(aliases->items[i].name, "mawk") != 0);
	CHECK(system(clean) == 0);
}
