/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sandbox_layers.h"

enum { NAMES_MAX = 8 };

/** Names are made in their order: "d/" a directory, "f" an empty file, "f=" one with content. */
static const struct {
	const char *name;
	const char *lower[NAMES_MAX], *upper[NAMES_MAX], *targets[NAMES_MAX];
	const char *want;
} cases[] = {
	{ "directories go with those above", {}, { "a/", "a/b/", "a/b/c/" }, { "/a/b/c" }, "" },
	{ "files too", {}, { "a/", "a/f" }, { "/a/f" }, "" },
	{ "not what has something beside it",
	  {},
	  { "a/", "a/b/", "a/b/c/", "a/x" },
	  { "/a/b/c" },
	  "d a\nf a/x \n" },
	{ "nor in it", {}, { "a/", "a/b/", "a/b/f=" }, { "/a/b" }, "d a\nd a/b\nf a/b/f x\n" },
	{ "nor files that were written to", {}, { "f=" }, { "/f" }, "f f x\n" },
	{ "several share what is above", {}, { "a/", "a/b/", "a/c/" }, { "/a/b", "/a/c" }, "" },
	{ "one in the other", {}, { "a/", "a/b/" }, { "/a", "/a/b" }, "" },
	{ "what was there before stays",
	  { "a/", "f" },
	  { "a/", "f" },
	  { "/a/b", "/f" },
	  "d a\nf f \n" },
	{ "so does what nobody mounted on", {}, { "a/", "b/" }, { "/a" }, "d b\n" },
	{ "names are cleaned", {}, { "a/" }, { "//x/../../a/." }, "" },
	{ "links lead to it", { "a/", "l>a" }, { "a/", "a/b/" }, { "/l/b" }, "d a\n" },
	{ "also those to nothing", { "l>../x/y" }, { "x/", "x/y/", "x/y/b/" }, { "/l/b" }, "" },
	{ "a link that was put there is not followed",
	  {},
	  { "a/", "a/b/", "m>a" },
	  { "/m/b" },
	  "d a\nd a/b\nl m -> a\n" },
	{ "what is not there is no error", { "f" }, {}, { "/f/g", "/none" }, "" },
};

static void names_make(int dir_fd, const char *const *names)
{
	for (size_t i = 0; i < NAMES_MAX && names[i]; i++) {
		size_t length = strcspn(names[i], "/=>"), end = strlen(names[i]) - 1;
		owned(str) char *name = xstrdup(names[i]);

		if (name[end] == '/') {
			name[end] = '\0';
			CHECK(mkdirat(dir_fd, name, 0755) == 0);
		} else if (name[end] == '=') {
			name[end] = '\0';
			file_make(dir_fd, name, "x");
		} else if (name[length] == '>') {
			name[length] = '\0';
			CHECK(symlinkat(name + length + 1, dir_fd, name) == 0);
		} else {
			file_make(dir_fd, name, "");
		}
	}
}

TEST(mount_points_go_where_nothing_came_into_them)
{
	for (size_t i = 0; i < countof(cases); i++) {
		__attribute__((cleanup(scratch_drop))) struct scratch scratch = scratch_new();
		owned(fd) int lower = scratch_dir(&scratch, "lower");
		owned(fd) int upper = scratch_dir(&scratch, "upper");
		owned(strings) struct strings targets = {};
		owned(buf) struct buf got = {};
		struct error err = {};

		names_make(lower, cases[i].lower);
		names_make(upper, cases[i].upper);
		for (size_t t = 0; t < NAMES_MAX && cases[i].targets[t]; t++)
			strings_add(&targets, cases[i].targets[t]);
		if (!tap_check(!mount_points_remove(upper, lower, &targets, &err), __FILE__,
			       __LINE__, "%s: %s", cases[i].name, err.text))
			continue;
		tree_text(upper, &got);
		tap_check(strcmp(buf_text(&got), cases[i].want) == 0, __FILE__, __LINE__,
			  "%s: got \"%s\"", cases[i].name, buf_text(&got));
	}
}

TEST(directories_that_mount_points_were_in_keep_their_times)
{
	__attribute__((cleanup(scratch_drop))) struct scratch scratch = scratch_new();
	owned(fd) int upper = scratch_dir(&scratch, "upper");
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	owned(strings) struct strings targets = {};
	struct error err = {};
	struct stat info;

	CHECK(!mkdirat(upper, "a", 0755) && !mkdirat(upper, "a/b", 0755));
	file_make(upper, "a/x", "");
	CHECK(utimensat(upper, "a", times, 0) == 0);
	strings_add(&targets, "/a/b");
	CHECK(!mount_points_remove(upper, -1, &targets, &err));
	CHECK(fstatat(upper, "a/b", &info, 0) < 0 && fstatat(upper, "a", &info, 0) == 0);
	CHECK(info.st_mtim.tv_sec == 2000 && info.st_mtim.tv_nsec == 7);
}
