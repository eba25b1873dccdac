/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "runner/glob.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *pattern, *name;
	bool want;
} matches[] = {
	/* Go's path/filepath.Match */
	{ "abc", "abc", true },
	{ "*", "abc", true },
	{ "*c", "abc", true },
	{ "a*", "a", true },
	{ "a*", "abc", true },
	{ "a*b?c*x", "abxbbxdbxebxczzx", true },
	{ "a*b?c*x", "abxbbxdbxebxczzy", false },
	{ "ab[c]", "abc", true },
	{ "ab[b-d]", "abc", true },
	{ "ab[e-g]", "abc", false },
	{ "ab[^c]", "abc", false },
	{ "ab[^b-d]", "abc", false },
	{ "ab[^e-g]", "abc", true },
	{ "a\\*b", "a*b", true },
	{ "a\\*b", "ab", false },
	{ "a?b", "acb", true },
	{ "a[^a]b", "acb", true },
	{ "[a-ζ]*", "a", true },
	{ "*[a-z]", "A", false },
	{ "[\\]a]", "]", true },
	{ "[\\-]", "-", true },
	{ "[x\\-]", "x", true },
	{ "[", "a", false },
	{ "[^", "a", false },
	{ "[a", "a", false },
	{ "*x", "xxx", true },
	{ "", "", true },
	{ "", "x", false },
	{ "[[]", "[", true },
	{ "a**b", "axb", true },
	{ "[a-ζ]*", "α", true },
	{ "a?b", "a☺b", true },
	{ "a???b", "a☺b", false },
	{ "a[^a]b", "a☺b", true },
	{ "a[^a][^a][^a]b", "a☺b", false },
	{ "[äö].txt", "ö.txt", true },
	{ "*ü", "grün", false },
	{ "*ü?", "grün", true },
	{ "?", "\xff", true },
	{ "\xff", "\xfe", false },
	{ "[]a]", "]", false },
	{ "[-]", "-", false },
	{ "[a-b-c]", "a", false },
	{ "a\\", "a", false },
};

TEST(name_matches_as_go_does)
{
	for (size_t i = 0; i < countof(matches); i++)
		tap_check(name_matches(matches[i].pattern, matches[i].name) == matches[i].want,
			  __FILE__, __LINE__, "'%s' against '%s'", matches[i].pattern,
			  matches[i].name);
}

TEST(name_matches_takes_linear_time)
{
	char name[4096];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(!name_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

TEST(glob_check_refuses_what_go_cannot_match)
{
	static const struct {
		const char *pattern;
		bool sound;
	} patterns[] = {
		{ "", true },      { "a/*/?[a-z]\\[", true }, { "[\\]]", true },
		{ "[z-a]", true }, { "[ä-ö]*", true },        { "[", false },
		{ "a/[b", false }, { "[]a]", false },         { "[^]", false },
		{ "[a-]", false }, { "[-a]", false },         { "*\\", false },
		{ "[\\", false },  { "[\xff]", false },       { "x*[a-b-c]", false },
	};

	for (size_t i = 0; i < countof(patterns); i++) {
		struct error err = {};

		tap_check(!glob_check(patterns[i].pattern, &err) == patterns[i].sound, __FILE__,
			  __LINE__, "'%s'", patterns[i].pattern);
	}
}

TEST(a_backslash_alone_makes_no_pattern)
{
	CHECK(!glob_is_wild("a\\*b\\?\\[\\"));
	CHECK(glob_is_wild("a\\\\*"));
	CHECK(glob_is_wild("[") && glob_is_wild("a?") && !glob_is_wild("]"));
}

static const struct {
	const char *pattern, *want;
} globs[] = {
	{ "*.txt", "a.txt b.txt " },
	{ "d*/*", "dir/c.txt " },
	{ "*/c.txt", "dir/c.txt " },
	{ "./a.txt", "a.txt " },
	{ "../a.txt", "a.txt " },
	{ "nothing", "nothing " },
	{ "*.c", "" },
	{ "/dir/", "dir " },
	{ "[ab].txt", "a.txt b.txt " },
	{ "\\*.txt", "\\*.txt " },
	{ "?\\.txt", "a.txt b.txt " },
};

TEST(glob_paths_finds_sorted_paths_inside)
{
	static const char *const files[] = { "b.txt", "a.txt", "dir/c.txt" };
	char top[] = "/tmp/mpemu-unit-XXXXXX";
	owned(fd) int root = -1;
	struct error err = {};

	if (!CHECK(mkdtemp(top)))
		return;
	root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(root, "dir", 0755) == 0);
	for (size_t i = 0; i < countof(files); i++)
		close(openat(root, files[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	for (size_t i = 0; i < countof(globs); i++) {
		owned(strings) struct strings found = {};
		owned(buf) struct buf got = {};
		bool wild;

		CHECK(!glob_paths(root, globs[i].pattern, &found, &wild, &err));
		for (size_t j = 0; j < found.count; j++)
			buf_printf(&got, "%s ", found.items[j]);
		CHECK_STR(buf_text(&got), globs[i].want);
	}
	CHECK(!remove_tree(AT_FDCWD, top, &err));
}
