/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct {
	const char *text;
	int64_t want; /* -1: refused */
} sizes[] = {
	{ "0", 0 },
	{ "512", 512 },
	{ "1k", 1024 },
	{ "2M", 2 << 20 },
	{ "3gb", 3LL << 30 },
	{ "4KiB", 4096 },
	{ "5b", 5 },
	{ "", -1 },
	{ "k", -1 },
	{ "-1", -1 },
	{ "1x", -1 },
	{ "99999999t", -1 },
	{ "1.5g", 3 << 29 },
	{ "18446744073709551616", -1 },
	{ "1.5", 1 },
	{ ".5k", 512 },
	{ "2 k", 2048 },
	{ "1p", 1LL << 50 },
	{ "8191.9p", 9223259446864091545 },
	{ "1.2.3", -1 },
	{ ".", -1 },
	{ "1ki", -1 },
	{ "1  k", -1 },
	{ "1bb", -1 },
	{ "1e3", -1 },
	{ "9223372036854775807", INT64_MAX },
	{ "9223372036854775808", -1 },
};

TEST(size_parse_takes_units_of_1024_and_nothing_odd)
{
	for (size_t i = 0; i < countof(sizes); i++) {
		struct error err = {};
		uint64_t got = 0;
		bool failed = size_parse(sizes[i].text, &got, &err);

		tap_check(
			failed == (sizes[i].want < 0) && (failed || got == (uint64_t)sizes[i].want),
			__FILE__, __LINE__, "'%s' is %llu", sizes[i].text, (unsigned long long)got);
	}
}

static const struct {
	const char *text, *want;
} escapes[] = {
	{ "plain text\t", "plain text\t" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\x1b]52;c;x\a", "\\x1b]52;c;x\\x07" },
	{ "\xc2\x9b"
	  "2J",
	  "\\u{9b}2J" },
	{ "\xe2\x80\xae"
	  "evil",
	  "\\u{202e}evil" },
	{ "\xff\xc0\x80", "\\xff\\xc0\\x80" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
};

TEST(text_escape_leaves_nothing_that_moves_a_cursor)
{
	for (size_t i = 0; i < countof(escapes); i++) {
		owned(buf) struct buf out = {};

		text_escape(&out, escapes[i].text, strlen(escapes[i].text));
		CHECK_STR(buf_text(&out), escapes[i].want);
	}
}

TEST(env_set_replaces_in_place)
{
	owned(strings) struct strings env = {};

	env_set(&env, "A", "1");
	env_set(&env, "AB", "2");
	env_set(&env, "A", "3");
	CHECK(env.count == 2);
	CHECK_STR(env.items[0], "A=3");
	CHECK_STR(env_get(&env, "AB"), "2");
	CHECK(!env_get(&env, "B"));
	CHECK(!env.items[2]);
}

TEST(json_errors_say_the_path)
{
	static const char text[] = "{\"layers\":[{\"size\":1},{\"size\":\"x\"}]}";
	owned(json) json_t *json = NULL;
	struct json_at root, layers, layer;
	struct error err = {};
	uint64_t size;

	if (!CHECK(!json_parse(text, strlen(text), "manifest", &json, &err)))
		return;
	root = json_root(json, "manifest");
	CHECK(!json_get(&root, "layers", &layers, &err));
	layer = json_element(&layers, 1);
	CHECK(json_get_number(&layer, "size", 10, &size, &err));
	CHECK_STR(err.text, "manifest.layers[1].size: wrong type, want an integer");
}

TEST(json_parse_refuses_depth_and_doubles)
{
	struct error err = {};
	char deep[200];
	json_t *json;

	memset(deep, '[', sizeof(deep));
	CHECK(json_parse(deep, sizeof(deep), "x", &json, &err) && err.fault == FAULT_INPUT);
	CHECK(json_parse("{\"a\":1,\"a\":2}", 13, "x", &json, &err));
	CHECK(json_parse("{} x", 4, "x", &json, &err));
}

TEST(remove_tree_takes_depth_and_bad_modes)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(fd) int top = -1;
	struct error err = {};
	int at;

	if (!CHECK(mkdtemp(path)))
		return;
	top = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	at = dup(top);
	for (int i = 0; i < 5000; i++) {
		int next;

		if (mkdirat(at, "d", 0700) < 0)
			break;
		next = openat(at, "d", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		close(openat(at, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0));
		close(at);
		at = next;
	}
	close(at);
	tap_check(!remove_tree(AT_FDCWD, path, &err), __FILE__, __LINE__, "%s", err.text);
	CHECK(access(path, F_OK) < 0);
}

/** One that was interrupted leaves what it moved; an image may have such names, too. */
TEST(remove_tree_takes_what_an_earlier_one_left)
{
	static const char *const directories[] = { ".gone-0", ".gone-0/x", "a",          "a/b",
						   "a/b/c",   "a/.gone-1", "a/.gone-1/x" };
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(fd) int top = -1;
	struct error err = {};

	if (!CHECK(mkdtemp(path)))
		return;
	top = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < countof(directories); i++)
		CHECK(mkdirat(top, directories[i], 0700) == 0);
	close(openat(top, ".gone-1", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	tap_check(!remove_tree(AT_FDCWD, path, &err), __FILE__, __LINE__, "%s", err.text);
	CHECK(access(path, F_OK) < 0);
}

/** Fedora's root is such a directory. */
TEST(remove_tree_takes_read_only_directories_of_anybody)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(fd) int top = -1;
	struct error err = {};

	if (geteuid() == 0)
		CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
	if (!CHECK(mkdtemp(path)))
		return;
	top = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	CHECK(mkdirat(top, "a", 0700) == 0 && mkdirat(top, "a/b", 0700) == 0);
	close(openat(top, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0400));
	close(openat(top, "a/b/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0400));
	CHECK(fchmodat(top, "a/b", 0500, 0) == 0 && fchmodat(top, "a", 0500, 0) == 0 &&
	      fchmod(top, 0555) == 0);
	tap_check(!remove_tree(AT_FDCWD, path, &err), __FILE__, __LINE__, "%s", err.text);
	CHECK(access(path, F_OK) < 0);
}

TEST(file_replace_leaves_what_is_beside)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX", content[16] = "";
	owned(fd) int top = -1;
	struct error err = {};

	if (!CHECK(mkdtemp(path)))
		return;
	top = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 8; i++) {
		owned(str) char *name = xasprintf("file.new-%d-%d", (int)getpid(), i);
		owned(fd) int fd = openat(top, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		CHECK(!write_all(fd, "theirs", 6, &err));
	}
	tap_check(!file_replace(top, "file", "ours", 4, 0644, &err), __FILE__, __LINE__, "%s",
		  err.text);
	for (int i = 0; i < 8; i++) {
		owned(str) char *name = xasprintf("file.new-%d-%d", (int)getpid(), i);
		owned(fd) int fd = openat(top, name, O_RDONLY | O_CLOEXEC);

		CHECK(read(fd, content, sizeof(content)) == 6);
	}
	CHECK(!remove_tree(AT_FDCWD, path, &err));
}

TEST(open_in_root_never_leaves_it)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(fd) int root = -1, fd = -1;
	struct error err = {};

	if (!CHECK(mkdtemp(path)))
		return;
	root = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	CHECK(symlinkat("/etc", root, "link") == 0);
	fd = open_in_root(root, "link/passwd", O_RDONLY, 0);
	CHECK(fd < 0 && errno == ENOENT);
	fd = open_in_root(root, "../../../etc/passwd", O_RDONLY, 0);
	CHECK(fd < 0 && errno == ENOENT);
	CHECK(!remove_tree(AT_FDCWD, path, &err));
}

TEST(env_set_takes_the_old_value_as_the_new_one)
{
	owned(strings) struct strings env = {};

	strings_add(&env, "A=a value of some length");
	env_set(&env, "A", env_get(&env, "A"));
	CHECK_STR(env_get(&env, "A"), "a value of some length");
}

static const struct {
	const char *plain, *encoded;
} base64_pairs[] = {
	{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
	{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfb", "//77" },
};

TEST(base64_goes_both_ways)
{
	for (size_t i = 0; i < countof(base64_pairs); i++) {
		const char *plain = base64_pairs[i].plain, *encoded = base64_pairs[i].encoded;
		owned(buf) struct buf there = {}, back = {}, bare = {};

		base64_encode(plain, strlen(plain), &there);
		CHECK_STR(buf_text(&there), encoded);
		CHECK(base64_decode(encoded, strlen(encoded), &back));
		CHECK_STR(buf_text(&back), plain);
		CHECK(base64_decode(encoded, strcspn(encoded, "="), &bare));
		CHECK_STR(buf_text(&bare), plain);
	}
}

TEST(base64_of_nothing_else_is_decoded)
{
	static const char *const bad[] = {
		"Z", "Zm9vY", "Zm 9v", "Zg=x", "Zm9v\n", "Zm9-", "=Zg="
	};

	for (size_t i = 0; i < countof(bad); i++) {
		owned(buf) struct buf out = {};

		tap_check(!base64_decode(bad[i], strlen(bad[i]), &out), __FILE__, __LINE__,
			  "decoded '%s'", bad[i]);
	}
	for (unsigned byte = 0; byte < 256; byte++) {
		const char text[] = { 'Q', (char)byte, 'Q', 'Q' };
		bool digit = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
			     (byte >= 'a' && byte <= 'z') || byte == '+' || byte == '/';
		owned(buf) struct buf out = {};

		CHECK(base64_decode(text, sizeof(text), &out) == digit);
	}
}

TEST(edit_distance_counts_edits)
{
	char big[80] = "";

	CHECK(edit_distance("", "") == 0);
	CHECK(edit_distance("from", "form") == 2);
	CHECK(edit_distance("abc", "") == 3);
	CHECK(edit_distance("kitten", "sitting") == 3);
	memset(big, 'a', 64);
	CHECK(edit_distance(big, "a") == 63);
	big[64] = 'a';
	CHECK(edit_distance(big, "a") == SIZE_MAX);
}

TEST(words_are_hinted_by_two_measures)
{
	static const char *const words[] = { "mount", "network", "rm", "source-date-epoch" };
	char hint[HINT_MAX], far[70];

	CHECK_STR(nearest("ntwrok", words, countof(words)), "network");
	CHECK(!nearest("ls", words, 3) && !nearest("", words, 2));
	CHECK_STR(nearest("source-dat-epok", words, countof(words)), "source-date-epoch");
	CHECK_STR(nearest_slip("ls", words, 3), "rm");
	CHECK(!nearest_slip("source-dt-epok", words, countof(words)));
	/* What is there is not what was wrong. */
	CHECK(!nearest_slip("rm", words, countof(words)));
	CHECK(!nearest_slip("x", NULL, 0));
	CHECK_STR(hint_text("--", "mount", hint), " (did you mean --mount?)");
	CHECK_STR(hint_text("--", NULL, hint), "");
	memset(far, 'a', sizeof(far));
	far[64] = '\0';
	CHECK(strlen(hint_text("$", far, hint)) == 64 + strlen(" (did you mean $?)"));
}

TEST(strings_sort_by_bytes_and_are_found)
{
	static const char *const words[] = { "b", "a", "\xc3\xa4", "", "B", "a", "ab" };
	static const char *const want[] = { "", "B", "a", "a", "ab", "b", "\xc3\xa4" };
	owned(strings) struct strings list = {};

	strings_sort(&list);
	CHECK(!list.count && !strings_have_sorted(&list, "a"));
	for (size_t i = 0; i < countof(words); i++)
		strings_add(&list, words[i]);
	strings_sort(&list);
	for (size_t i = 0; i < countof(want); i++) {
		CHECK_STR(list.items[i], want[i]);
		CHECK(strings_have_sorted(&list, want[i]));
	}
	CHECK(!strings_have_sorted(&list, "c") && !strings_have_sorted(&list, "aa"));
}
