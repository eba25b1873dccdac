/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sandbox_layers.h"

#include <time.h>

/** "d PATH", "o PATH" (hides all below), "f PATH CONTENT", "l PATH TARGET", "w PATH". */
struct entry {
	char type;
	const char *path, *content;
	mode_t mode; /* 0: usual */
	time_t time;
	long nanoseconds;
	uid_t owner;
};

enum { ENTRIES = 8 };

static void entry_make(int dir, const struct entry *entry)
{
	owned(fd) int fd = -1;

	switch (entry->type) {
	case 'd':
	case 'o':
		CHECK(mkdirat(dir, entry->path, 0755) == 0);
		break;
	case 'f':
		file_make(dir, entry->path, entry->content);
		break;
	case 'l':
		CHECK(symlinkat(entry->content, dir, entry->path) == 0);
		break;
	case 'w':
		CHECK(mknodat(dir, entry->path, S_IFCHR, 0) == 0);
		break;
	}
	if (entry->type == 'o') {
		fd = openat(dir, entry->path, O_RDONLY | O_CLOEXEC);
		CHECK(fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0);
	}
	CHECK(fchownat(dir, entry->path, entry->owner, 0, AT_SYMLINK_NOFOLLOW) == 0);
	if (entry->mode)
		CHECK(fchmodat(dir, entry->path, entry->mode, 0) == 0);
}

/** Times come last, the deepest first. */
static void tree_make(int dir, const struct entry *entries)
{
	size_t count = 0;

	while (count < ENTRIES && entries[count].type)
		entry_make(dir, &entries[count++]);
	while (count--) {
		const struct timespec time = { 1000 + entries[count].time,
					       entries[count].nanoseconds };
		const struct timespec times[2] = { time, time };

		CHECK(utimensat(dir, entries[count].path, times, AT_SYMLINK_NOFOLLOW) == 0);
	}
}

static const struct {
	const char *name;
	struct entry lower[ENTRIES], upper[ENTRIES];
	const char *want;
} cases[] = {
	{ "new files stay", {}, { { 'd', "a" }, { 'f', "a/x", "1" } }, "d a\nf a/x 1\n" },
	{ "equal files go, with the directories that held them",
	  { { 'd', "a" }, { 'd', "a/b" }, { 'f', "a/b/x", "1" } },
	  { { 'd', "a", .time = 5 }, { 'd', "a/b" }, { 'f', "a/b/x", "1" } },
	  "" },
	{ "an empty directory that is new stays", {}, { { 'd', "a" } }, "d a\n" },
	{ "other content of the same size and time stays",
	  { { 'f', "x", "1" } },
	  { { 'f', "x", "2" } },
	  "f x 2\n" },
	{ "so does another size", { { 'f', "x", "1" } }, { { 'f', "x", "12" } }, "f x 12\n" },
	{ "another time", { { 'f', "x", "1" } }, { { 'f', "x", "1", .time = 1 } }, "f x 1\n" },
	{ "a time that differs by less than a second",
	  { { 'f', "x", "1" } },
	  { { 'f', "x", "1", .nanoseconds = 1 } },
	  "f x 1\n" },
	{ "another mode", { { 'f', "x", "1" } }, { { 'f', "x", "1", 0600 } }, "f x 1\n" },
	{ "another owner", { { 'f', "x", "1" } }, { { 'f', "x", "1", .owner = 1 } }, "f x 1\n" },
	{ "another type", { { 'd', "x" } }, { { 'f', "x", "1" } }, "f x 1\n" },
	{ "another target", { { 'l', "x", "1" } }, { { 'l', "x", "2" } }, "l x -> 2\n" },
	{ "an equal link goes", { { 'l', "x", "1" } }, { { 'l', "x", "1" } }, "" },
	{ "a directory with other looks stays",
	  { { 'd', "a" }, { 'f', "a/x", "1" } },
	  { { 'd', "a", .mode = 0700 }, { 'f', "a/x", "1" } },
	  "d a\n" },
	{ "the directories around a change stay",
	  { { 'd', "a" }, { 'd', "a/b" }, { 'f', "a/b/x", "1" }, { 'f', "a/y", "1" } },
	  { { 'd', "a" }, { 'd', "a/b" }, { 'f', "a/b/x", "2" }, { 'f', "a/y", "1" } },
	  "d a\nd a/b\nf a/b/x 2\n" },
	{ "a whiteout of something stays", { { 'f', "x", "1" } }, { { 'w', "x" } }, "w x\n" },
	{ "one of nothing goes", {}, { { 'd', "a" }, { 'w', "a/x" } }, "d a\n" },
	{ "one below what was no directory goes",
	  { { 'f', "a", "1" } },
	  { { 'd', "a" }, { 'w', "a/x" } },
	  "d a\n" },
	{ "what hides all names what is gone",
	  { { 'd', "a" }, { 'f', "a/x", "1" }, { 'd', "a/d" }, { 'f', "a/d/y", "1" } },
	  { { 'o', "a" }, { 'f', "a/new", "2" } },
	  "d a\nw a/d\nw a/x\nf a/new 2\n" },
	{ "and what is in what is here again",
	  { { 'd', "a" }, { 'd', "a/d" }, { 'f', "a/d/y", "1" }, { 'f', "a/x", "1" } },
	  { { 'o', "a" }, { 'd', "a/d" }, { 'f', "a/x", "1" } },
	  "d a\nd a/d\nw a/d/y\n" },
	{ "nothing is left where all is made again",
	  { { 'd', "a" }, { 'f', "a/x", "1" } },
	  { { 'o', "a" }, { 'f', "a/x", "1" } },
	  "" },
	{ "a new directory hides nothing",
	  {},
	  { { 'o', "a" }, { 'f', "a/x", "1" } },
	  "d a\nf a/x 1\n" },
	{ "nor does one in place of a link",
	  { { 'd', "a" }, { 'f', "a/x", "1" }, { 'l', "b", "a" } },
	  { { 'o', "b" }, { 'f', "b/x", "1" } },
	  "d b\nf b/x 1\n" },
};

TEST(layer_settle_leaves_what_changed)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(scratch) struct scratch scratch = scratch_as_root();
		owned(fd) int lower = scratch_dir(&scratch, "lower");
		owned(fd) int upper = scratch_dir(&scratch, "upper");
		owned(buf) struct buf got = {};
		struct error err = {};

		tree_make(lower, cases[i].lower);
		tree_make(upper, cases[i].upper);
		if (!tap_check(layer_settle(&quiet, upper, lower, &err) == OK, __FILE__, __LINE__,
			       "%s: %s", cases[i].name, err.text))
			continue;
		tree_text(upper, &got);
		tap_check(strcmp(buf_text(&got), cases[i].want) == 0, __FILE__, __LINE__,
			  "%s: got\n%swant\n%s", cases[i].name, buf_text(&got), cases[i].want);
	}
}

TEST(layer_settle_changes_no_times)
{
	static const struct entry below[ENTRIES] = { { 'd', "a" }, { 'f', "a/x", "1" } };
	static const struct entry above[ENTRIES] = { { 'o', "a", .time = 7 },
						     { 'd', "a/new", .time = 8 } };
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int lower = scratch_dir(&scratch, "lower"),
		      upper = scratch_dir(&scratch, "upper");
	struct error err = {};
	struct stat info;

	tree_make(lower, below);
	tree_make(upper, above);
	CHECK(layer_settle(&quiet, upper, lower, &err) == OK);
	CHECK(fstatat(upper, "a/x", &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(info.st_mode));
	CHECK(fstatat(upper, "a", &info, 0) == 0 && info.st_mtim.tv_sec == 1007);
}

TEST(layer_settle_follows_no_link_out_of_the_tree_below)
{
	static const struct entry below[ENTRIES] = { { 'l', "a", "/etc" } };
	static const struct entry above[ENTRIES] = { { 'd', "a" }, { 'w', "a/passwd" } };
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int lower = scratch_dir(&scratch, "lower"),
		      upper = scratch_dir(&scratch, "upper");
	owned(buf) struct buf got = {};
	struct error err = {};

	tree_make(lower, below);
	tree_make(upper, above);
	CHECK(layer_settle(&quiet, upper, lower, &err) == OK);
	tree_text(upper, &got);
	CHECK_STR(buf_text(&got), "d a\n");
}
