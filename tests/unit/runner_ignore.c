/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/ignore.h"

#include "base/mem.h"
#include "tests/tap.h"

#include <stdlib.h>

/* clang-format off */
static const struct {
	const char *patterns, *path;
	bool excluded;
} cases[] = {
	{ "*", "fileutils.go", true }, { "*.go", "fileutils.go", true },
	{ "!fileutils.go\n*.go", "fileutils.go", true }, { "*.go\n!fileutils.go", "fileutils.go", false },
	{ "docs\n!docs/README.md", "docs/README.md", false }, { "docs/\n!docs/README.md", "docs/README.md", false },
	{ "docs/*\n!docs/README.md", "docs/README.md", false }, { "", "any/path/there", false },
	{ "**", "file", true }, { "**/", "file", true }, { "**", "dir/file", true }, { "**/", "dir/file", true },
	{ "**/**", "dir/file", true }, { "dir/**", "dir/file", true }, { "dir/**", "dir/dir2/file", true },
	{ "**/dir", "dir", true }, { "**/dir", "dir/file", true }, { "**/dir2/*", "dir/dir2/file", true },
	{ "**/dir2/**", "dir/dir2/dir3/file", true }, { "**file", "file", true }, { "**file", "dir/file", true },
	{ "**/file", "dir/file", true }, { "**file", "dir/dir/file", true }, { "**file", "dir/otherfile", true },
	{ "**/file", "dir/otherfile", false }, { "**/file*", "dir/dir/file", true },
	{ "**/file*", "dir/dir/file.txt", true }, { "**/file*txt", "dir/dir/file.txt", true },
	{ "**/file*.txt", "dir/dir/file.txt", true }, { "**/file*.txt*", "dir/dir/file.txt", true },
	{ "**/**/*.txt", "dir/dir/file.txt", true }, { "**/**/*.txt2", "dir/dir/file.txt", false },
	{ "**/*.txt", "file.txt", true }, { "**/**/*.txt", "file.txt", true }, { "a**/*.txt", "a/file.txt", true },
	{ "a**/*.txt", "a/dir/file.txt", true }, { "a**/*.txt", "a/dir/dir/file.txt", true },
	{ "a/*.txt", "a/dir/file.txt", false }, { "a/*.txt", "a/file.txt", true }, { "a/*.txt**", "a/file.txt", true },
	{ "a[b-d]e", "ae", false }, { "a[b-d]e", "ace", true }, { "a[b-d]e", "aae", false },
	{ "a[^b-d]e", "aze", true }, { ".*", ".foo", true }, { ".*", "foo", false },
	{ "abc.def", "abcdef", false }, { "abc.def", "abc.def", true }, { "abc.def", "abcZdef", false },
	{ "abc?def", "abcZdef", true }, { "abc?def", "abcdef", false }, { "**/foo/bar", "foo/bar", true },
	{ "**/foo/bar", "dir/foo/bar", true }, { "**/foo/bar", "dir/dir2/foo/bar", true },
	{ "abc/**", "abc", false }, { "abc/**", "abc/def", true }, { "abc/**", "abc/def/ghi", true },
	{ "**/.foo", ".foo", true }, { "**/.foo", "bar.foo", false }, { "a(b)c/def", "a(b)c/def", true },
	{ "a(b)c/def", "a(b)c/xyz", false }, { "a.|)$(}+{bc", "a.|)$(}+{bc", true },
	{ "dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true },
	{ "**\n!util/docker/web", "util/docker/web/foo", false },
	{ "**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true },
	{ "**\n!dist/*.whl", "dist/proxy.py-2.4.0rc3.whl", false },
	{ "a\\\\", "a\\", true }, { "a\\*b", "a*b", true }, { "a\\*b", "ab", false }, { "a\\*b", "axb", false },
	{ "abc", "abc", true }, { "*c", "abc", true }, { "a*", "a", true }, { "a*", "ab/c", true },
	{ "a*/b", "abc/b", true }, { "a*/b", "a/c/b", false }, { "a*b*c*d*e*/f", "axbxcxdxe/f", true },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", true }, { "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/fff", false }, { "a*b?c*x", "abxbbxdbxebxczzx", true },
	{ "a*b?c*x", "abxbbxdbxebxczzy", false }, { "ab[c]", "abc", true }, { "ab[b-d]", "abc", true },
	{ "ab[e-g]", "abc", false }, { "ab[^c]", "abc", false }, { "ab[^b-d]", "abc", false },
	{ "ab[^e-g]", "abc", true }, { "a?b", "a☺b", true }, { "a[^a]b", "a☺b", true }, { "a???b", "a☺b", false },
	{ "a[^a][^a][^a]b", "a☺b", false }, { "[a-ζ]*", "α", true }, { "*[a-ζ]", "A", false },
	{ "a?b", "a/b", false }, { "a*b", "a/b", false }, { "[\\]a]", "]", true }, { "[\\-]", "-", true },
	{ "[x\\-]", "x", true }, { "[x\\-]", "-", true }, { "[x\\-]", "z", false }, { "[\\-x]", "x", true },
	{ "[\\-x]", "-", true }, { "[\\-x]", "a", false }, { "*x", "xxx", true },
	/* as a file is read */
	{ "/test2", "test2", true }, { "/a/file/here", "a/file/here", true }, { "# a\n #b", "#b", true },
	{ "# a", "# a", false }, { "a\n! /a", "a", false }, { "  a  \r\n", "a", true }, { "\xef\xbb\xbf" "a", "a", true },
	{ "./a//b/../c", "a/c", true }, { "a/../..", "..", true }, { ".", "a", false }, { "*\n!a", "a/b", false },
	{ "*/b\n!a", "a/b", false }, { "node_modules", "web/node_modules", false },
	{ "**/node_modules", "web/node_modules/x/y", true }, { "*\n!src\nsrc/*.o", "src/a.o", true },
	{ "a/*/c", "a/b/c/d", true }, { "*a**b", "aab", true }, { "**/a*/**", "x/ab", false },
	{ "**/a*/**", "x/ab/c", true }, { "a^b", "a^b", true }, { "[!a]", "!", true },
};

static const struct {
	const char *pattern, *text;
} refused[] = {
	{ "!", "x:1: illegal exclusion pattern: \"!\"" }, { "a\n! ", "x:2: illegal exclusion pattern: \"!\"" },
	{ "[", "x:1: pattern '[': syntax error in pattern" },
	{ "[]a]", "x:1: pattern '[]a]': syntax error in pattern" }, { "[-]", NULL }, { "[x-]", NULL },
	{ "[-x]", NULL }, { "\\", NULL }, { "[a-b-c]", NULL }, { "[^", NULL }, { "[^bc", NULL }, { "a[", NULL },
	{ "[z-a]", NULL }, { "[]", NULL }, { "[^]", NULL }, { "[a\\", NULL },
};

static const struct {
	const char *patterns, *directory;
	bool may;
} walks[] = {
	{ "a", "a", false }, { "a\n!a/b", "a", true }, { "a\n!a/b/c", "a/b", true }, { "a\n!a/b", "a/x", false },
	{ "*\n!ab", "a", false }, { "*\n!src/*.c", "src", true }, { "*\n!src/*.c", "srcs", false },
	{ "*\n!*/b", "a", true }, { "*\n!*/b", "a/x", false }, { "*\n!**/b", "a/x", true },
	{ "*\n!a/**", "a/x", true }, { "*\n!a/b/**", "a", true }, { "*\n!a/b/**", "b", false },
	{ "*\n!a*/b[cd]", "ab", true }, { "*\n!a*/b[cd]", "ba", false }, { "*\n!**/x/**", "q", true },
};
/* clang-format on */

TEST(ignore_agrees_with_the_reference)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(ignore) struct ignore *ignore = NULL;
		struct error err = {};

		if (!tap_check(!ignore_parse(cases[i].patterns, strlen(cases[i].patterns), "x",
					     &ignore, &err),
			       __FILE__, __LINE__, "%s: %s", cases[i].patterns, err.text))
			continue;
		tap_check(ignore_excludes(ignore, cases[i].path) == cases[i].excluded, __FILE__,
			  __LINE__, "'%s' and '%s'", cases[i].patterns, cases[i].path);
	}
}

TEST(ignore_refuses_bad_patterns_and_names_the_line)
{
	for (size_t i = 0; i < countof(refused); i++) {
		owned(ignore) struct ignore *ignore = NULL;
		struct error err = {};

		tap_check(ignore_parse(refused[i].pattern, strlen(refused[i].pattern), "x", &ignore,
				       &err),
			  __FILE__, __LINE__, "%s", refused[i].pattern);
		CHECK(err.fault == FAULT_INPUT);
		if (refused[i].text)
			CHECK_STR(err.text, refused[i].text);
	}
}

TEST(ignore_tells_where_a_walk_must_go_on)
{
	for (size_t i = 0; i < countof(walks); i++) {
		owned(ignore) struct ignore *ignore = NULL;
		struct error err = {};

		CHECK(!ignore_parse(walks[i].patterns, strlen(walks[i].patterns), "x", &ignore,
				    &err));
		tap_check(ignore_may_reinclude_below(ignore, walks[i].directory) == walks[i].may,
			  __FILE__, __LINE__, "'%s' below '%s'", walks[i].patterns,
			  walks[i].directory);
	}
}

TEST(ignore_takes_no_time_for_many_stars)
{
	owned(buf) struct buf pattern = {}, path = {};
	owned(ignore) struct ignore *ignore = NULL;
	struct error err = {};

	for (int i = 0; i < 400; i++)
		buf_add_str(&pattern, i % 2 ? "*a" : "**/");
	for (int i = 0; i < 4000; i++)
		buf_add_str(&path, "a");
	buf_add_char(&pattern, 'b');
	CHECK(!ignore_parse(pattern.data, pattern.length, "x", &ignore, &err));
	CHECK(!ignore_excludes(ignore, buf_text(&path)));
	ignore_drop(&ignore);
	while (pattern.length < 5000)
		buf_add_char(&pattern, 'c');
	CHECK(ignore_parse(pattern.data, pattern.length, "x", &ignore, &err));
	CHECK_STR(err.text, "x:1: a pattern of more than 4096 bytes");
}

TEST(ignore_paths_are_cleaned_by_their_words_alone)
{
	static const struct {
		const char *path, *want;
	} paths[] = {
		{ "", "." },       { "a/", "a" }, { "./a//b/", "a/b" }, { "a/../../b", "../b" },
		{ "/../a", "/a" }, { "/", "/" },  { "a/..", "." },      { "../../a/..", "../.." },
	};

	for (size_t i = 0; i < countof(paths); i++) {
		owned(buf) struct buf got = {};

		ignore_clean_path(paths[i].path, &got);
		CHECK_STR(buf_text(&got), paths[i].want);
	}
}
