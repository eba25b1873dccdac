/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native assist on the runner's side: modes, names of programs, and how two results are compared.
 */
#include "runner/aliases.h"
#include "runner/assist.h"
#include "runner/assist_set.h"
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
	static const char *const names[] = { "off", "safe", "full", "verify", "verify-full" };
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
	owned(differences) struct differences found = {};
	struct error err = {};

	if (!tap_check(!trees_compare(&ctx, native, emulated, &found, &err), __FILE__, __LINE__,
		       "%s", err.text))
		return;
	tap_check(found.count == changes[number].count, __FILE__, __LINE__, "%s: %zu differ",
		  changes[number].commands, found.count);
	differences_print(&found, &report);
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
	owned(differences) struct differences found = {};
	struct error err = {};

	CHECK(mkdtemp(top) != NULL);
	make = xasprintf("cd %s && mkdir a b && cd a && seq 100 | xargs touch", top);
	clean = xasprintf("rm -rf %s", top);
	CHECK(system(make) == 0);
	a = tree_open(top, "a");
	b = tree_open(top, "b");
	CHECK(!trees_compare(&ctx, a, b, &found, &err) && found.count == 100);
	differences_print(&found, &report);
	CHECK(ends_with(buf_text(&report), "; and 80 more"));
	CHECK(system(clean) == 0);
	cancel_drop(&cancel);
}

TEST(what_differs_without_assist_too_is_set_apart)
{
	static const char *const native[] = { "/a", "/var/cache/ldconfig/aux-cache", "/b", "/c",
					      "/r/.config/go/telemetry/local/asm.v1.count" };
	static const char *const again[] = { "/c", "/a", "/d" };
	owned(differences) struct differences found = { .count = 9 }, apart = {};
	owned(buf) struct buf report = {}, rest = {};
	owned(strings) struct strings paths = {};

	for (size_t i = 0; i < countof(native); i++) {
		strings_add(&found.paths, native[i]);
		strings_printf(&found.hows, "how %zu", i);
	}
	for (size_t i = 0; i < countof(again); i++)
		strings_add(&paths, again[i]);
	/* Those that were not kept stay, since nobody knows which they are. */
	differences_move_known(&found, &apart);
	CHECK(found.count == 7 && apart.count == 2);
	differences_move(&found, paths.items, &apart);
	CHECK(found.count == 5 && apart.count == 4);
	differences_print(&found, &report);
	CHECK_STR(buf_text(&report), " /b: how 2; and 4 more");
	differences_print(&apart, &rest);
	CHECK_STR(buf_text(&rest), " /var/cache/ldconfig/aux-cache: how 1; "
				   "/r/.config/go/telemetry/local/asm.v1.count: how 4; "
				   "/a: how 0; /c: how 3");
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

/* ---- sets that are kept ---- */

enum { SET_TABLE = 5 };

static bool set_is_kept(const char *top, const struct digest *key, const struct assist_set *want)
{
	owned(assist_set) struct assist_set *set = NULL;

	if (!assist_set_load(top, key, &set))
		return false;
	CHECK(set->twin_count == want->twin_count && set->alias_count == want->alias_count);
	CHECK(set->root_count == want->root_count && set->miss_count == want->miss_count);
	for (size_t i = 0; i < set->twin_count; i++)
		CHECK_STR(set->twins[i].native, want->twins[i].native);
	for (size_t i = 0; i < set->alias_count; i++) {
		CHECK(set->aliases[i].twin == want->aliases[i].twin);
		CHECK_STR(set->aliases[i].name, want->aliases[i].name);
	}
	for (size_t i = 0; i < set->root_count; i++) {
		CHECK(set->roots[i].count == want->roots[i].count);
		CHECK_STR(set->roots[i].items[0], want->roots[i].items[0]);
	}
	for (size_t i = 0; i < set->miss_count; i++) {
		CHECK_STR(set->misses[i].path, want->misses[i].path);
		CHECK_STR(set->misses[i].package, want->misses[i].package);
		CHECK_STR(set->misses[i].reason, want->misses[i].reason);
	}
	CHECK(set->table.length == SET_TABLE &&
	      memcmp(set->table.data, want->table.data, SET_TABLE) == 0);
	return true;
}

/** Change one byte of the file, and whether it is believed. */
static bool damaged_is_kept(const char *top, const struct digest *key,
			    const struct assist_set *want, size_t at)
{
	char text[DIGEST_HEX_MAX], byte = '#', old = 0;
	owned(str) char *path = xasprintf("%s/twins/tables/%s", top, digest_hex(key, text));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool kept;

	CHECK(pread(fd, &old, 1, (off_t)at) == 1 && pwrite(fd, &byte, 1, (off_t)at) == 1);
	kept = set_is_kept(top, key, want);
	CHECK(pwrite(fd, &old, 1, (off_t)at) == 1);
	close(fd);
	return kept;
}

TEST(what_was_found_is_kept_while_it_is_there)
{
	char top[] = "/tmp/mpemu-set-XXXXXX", table[SET_TABLE] = { 1, 0, '\n', 0, 2 };
	owned(str) char *lower = NULL, *clean = NULL;
	const struct digest key = digest_of("key", 3), other = digest_of("other", 5);
	struct assist_twin twins[] = { { .native = "/x/0/a" }, { .native = "/x/1/b\nc" } };
	struct assist_alias aliases[] = { { 1, "awk" }, { 0, "a\nb" } };
	struct twin_miss misses[] = { { "/usr/bin/cmake", "cmake 1", "" } };
	struct strings roots[2] = {};
	const struct assist_set set = { .table = { table, SET_TABLE, SET_TABLE },
					.twins = twins,
					.twin_count = 2,
					.aliases = aliases,
					.alias_count = 2,
					.roots = roots,
					.root_count = 2,
					.misses = misses,
					.miss_count = 1 };

	CHECK(mkdtemp(top) != NULL);
	clean = xasprintf("rm -rf %s", top);
	lower = xasprintf("%s/lower", top);
	CHECK(mkdir(lower, 0700) == 0);
	strings_add(&roots[0], lower);
	strings_add(&roots[1], lower);
	strings_add(&roots[1], top);
	CHECK(!set_is_kept(top, &key, &set));
	assist_set_save(top, &key, &set);
	CHECK(set_is_kept(top, &key, &set));
	CHECK(!set_is_kept(top, &other, &set));
	for (size_t at = 0; at < 200; at += 3)
		tap_check(!damaged_is_kept(top, &key, &set, at), __FILE__, __LINE__, "byte %zu",
			  at);
	CHECK(set_is_kept(top, &key, &set));
	CHECK(rmdir(lower) == 0);
	CHECK(!set_is_kept(top, &key, &set));
	strings_drop(&roots[0]);
	strings_drop(&roots[1]);
	CHECK(system(clean) == 0);
}

static struct digest key_of(const struct strings *lowers)
{
	owned(hasher) struct hasher *key = assist_key_new();

	assist_key_add(key, lowers);
	return hasher_finish(key);
}

TEST(layers_without_packages_make_no_new_search)
{
	static const struct {
		const char *command; /* that makes a layer */
		bool matters;
	} layers[] = {
		{ "mkdir -p src/usr work/etc", false }, { "true", false },
		{ "mkdir -p usr/bin", true },           { "mkdir etc", true },
		{ "ln -s nowhere lib64", true },        { "touch var", true },
	};
	char top[] = "/tmp/mpemu-key-XXXXXX";
	owned(str) char *clean = NULL, *again = NULL;
	struct digest key, other;
	owned(strings) struct strings lowers = {};

	CHECK(mkdtemp(top) != NULL);
	clean = xasprintf("rm -rf %s", top);
	key = key_of(&lowers);
	for (size_t i = 0; i < countof(layers); i++) {
		owned(str) char *make = xasprintf("mkdir %s/%zu && cd %s/%zu && %s", top, i, top, i,
						  layers[i].command);
		struct digest before = key;

		CHECK(system(make) == 0);
		strings_printf(&lowers, "%s/%zu", top, i);
		key = key_of(&lowers);
		tap_check(digest_equal(&before, &key) != layers[i].matters, __FILE__, __LINE__,
			  "%s", layers[i].command);
	}
	/* The same name, and the same files in it, but another layer. */
	again = xasprintf("cd %s && mv 2 old && mkdir -p 2/usr/bin", top);
	CHECK(system(again) == 0);
	other = key_of(&lowers);
	CHECK(!digest_equal(&key, &other));
	CHECK(system(clean) == 0);
}
