/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sandbox_layers.h"

/** Source and target of a copy. */
struct pair {
	struct scratch scratch;
	int from, to;
};

static void pair_drop(struct pair *pair)
{
	fd_drop(&pair->from);
	fd_drop(&pair->to);
	scratch_drop(&pair->scratch);
}

static struct pair pair_new(void)
{
	struct pair pair = { .scratch = scratch_as_root() };

	pair.from = scratch_dir(&pair.scratch, "from");
	pair.to = scratch_dir(&pair.scratch, "to");
	return pair;
}

static result copy(const struct pair *pair, const char *source, const char *target,
		   const struct copy_options *options, struct error *err)
{
	return tree_copy(&quiet, pair->from, source, pair->to, target, options, err);
}

static void source_make(int dir)
{
	CHECK(mkdirat(dir, "src", 0755) == 0 && mkdirat(dir, "src/sub", 0711) == 0);
	file_make(dir, "src/a", "1");
	file_make(dir, "src/sub/b", "2");
	CHECK(symlinkat("../a", dir, "src/sub/link") == 0);
	CHECK(linkat(dir, "src/a", dir, "src/sub/same", 0) == 0);
	CHECK(symlinkat("/src/a", dir, "to-a") == 0);
	CHECK(fchmodat(dir, "src/a", 04755, 0) == 0);
}

/* Where copies go and what is there then. */
static const struct {
	const char *source, *target, *tree;
} cases[] = {
	{ "src", "/dst",
	  "d dst\nf dst/a 1\nd dst/sub\nf dst/sub/b 2\nl dst/sub/link -> ../a\nf dst/sub/same "
	  "1\n" },
	{ "/src/", "/", "f a 1\nd sub\nf sub/b 2\nl sub/link -> ../a\nf sub/same 1\n" },
	{ "src/a", "/x/y/z", "d x\nd x/y\nf x/y/z 1\n" },
	{ "to-a", "/f", "f f 1\n" },
	{ "../../src/a", "/../f", "f f 1\n" },
	{ "src/sub/b", "/./q//f", "d q\nf q/f 2\n" },
};

TEST(tree_copy_merges_directories_and_places_files)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(pair) struct pair pair = pair_new();
		owned(buf) struct buf tree = {};
		struct error err = {};

		source_make(pair.from);
		if (copy(&pair, cases[i].source, cases[i].target, &(struct copy_options){}, &err))
			tap_check(false, __FILE__, __LINE__, "%s: %s", cases[i].source, err.text);
		tree_text(pair.to, &tree);
		CHECK_STR(buf_text(&tree), cases[i].tree);
	}
}

TEST(tree_copy_keeps_links_modes_times_and_attributes)
{
	owned(pair) struct pair pair = pair_new();
	const struct copy_options options = { .uid = 12, .gid = 34 };
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 7 } };
	struct stat a, same, sub, dst;
	struct error err = {};
	char value[8];

	source_make(pair.from);
	{
		owned(fd) int fd = openat(pair.from, "src/a", O_RDONLY | O_CLOEXEC);

		CHECK(fsetxattr(fd, "user.mine", "x", 1, 0) == 0);
	}
	CHECK(utimensat(pair.from, "src/a", times, 0) == 0);
	CHECK(utimensat(pair.from, "src/sub", times, 0) == 0);
	CHECK(copy(&pair, "src", "/new/dst", &options, &err) == OK);
	CHECK(fstatat(pair.to, "new/dst/a", &a, 0) == 0 && a.st_mode == (S_IFREG | 04755) &&
	      a.st_uid == 12 && a.st_gid == 34 && a.st_mtim.tv_sec == 2000 &&
	      a.st_mtim.tv_nsec == 7);
	CHECK(fstatat(pair.to, "new/dst/sub/same", &same, 0) == 0 && same.st_ino == a.st_ino);
	CHECK(fstatat(pair.to, "new/dst/sub", &sub, 0) == 0 && sub.st_mode == (S_IFDIR | 0711) &&
	      sub.st_mtim.tv_sec == 2000);
	CHECK(fstatat(pair.to, "new", &dst, 0) == 0 && dst.st_mode == (S_IFDIR | 0755) &&
	      dst.st_uid == 12 && dst.st_gid == 34);
	{
		owned(fd) int fd = openat(pair.to, "new/dst/a", O_RDONLY | O_CLOEXEC);

		CHECK(fgetxattr(fd, "user.mine", value, sizeof(value)) == 1);
	}
}

TEST(tree_copy_gives_the_top_directory_the_time_of_all_sources_but_a_sent_context)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	const struct {
		const char *source;
		bool is_context, is_now;
	} rows[] = {
		{ "src", false, false },
		{ "src", true, false },
		{ ".", false, false },
		{ ".", true, true },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		const struct copy_options options = { .is_context = rows[i].is_context };
		owned(pair) struct pair pair = pair_new();
		struct error err = {};
		struct stat info;

		source_make(pair.from);
		CHECK(utimensat(pair.from, "src", times, 0) == 0);
		CHECK(futimens(pair.from, times) == 0);
		CHECK(copy(&pair, rows[i].source, "/dst", &options, &err) == OK);
		CHECK(fstatat(pair.to, "dst", &info, 0) == 0);
		CHECK((info.st_mtim.tv_sec == 2000) == !rows[i].is_now);
	}
}

TEST(tree_copy_leaves_the_top_directory_alone_and_changes_those_below)
{
	owned(pair) struct pair pair = pair_new();
	const struct mode_change change = { .is_absolute = true, .mode = 0500 };
	const struct copy_options options = { .change = &change };
	struct stat top, sub, file;
	struct error err = {};

	source_make(pair.from);
	CHECK(mkdirat(pair.to, "dst", 0700) == 0 && mkdirat(pair.to, "dst/sub", 0700) == 0);
	CHECK(fchownat(pair.to, "dst", 5, 5, 0) == 0 && fchownat(pair.to, "dst/sub", 5, 5, 0) == 0);
	CHECK(copy(&pair, "src", "/dst", &options, &err) == OK);
	CHECK(fstatat(pair.to, "dst", &top, 0) == 0 && top.st_mode == (S_IFDIR | 0700) &&
	      top.st_uid == 5);
	CHECK(fstatat(pair.to, "dst/sub", &sub, 0) == 0 && sub.st_mode == (S_IFDIR | 0500) &&
	      sub.st_uid == 0);
	CHECK(fstatat(pair.to, "dst/a", &file, 0) == 0 && file.st_mode == (S_IFREG | 0500));
}

TEST(tree_copy_follows_links_of_the_target_inside_its_root_only)
{
	owned(pair) struct pair pair = pair_new();
	owned(buf) struct buf tree = {};
	struct error err = {};

	source_make(pair.from);
	CHECK(symlinkat("/../../../../../real", pair.to, "link") == 0);
	CHECK(copy(&pair, "src/a", "/link/deep/f", &(struct copy_options){}, &err) == OK);
	tree_text(pair.to, &tree);
	CHECK_STR(buf_text(&tree),
		  "l link -> /../../../../../real\nd real\nd real/deep\nf real/deep/f 1\n");
}

/* What stands in the way, and how that is said. */
static const struct {
	const char *directory, *file, *source, *target, *text;
} clashes[] = {
	{ "x", "f", "src/a", "/x", "copy src/a: cannot replace to directory /x with file" },
	{ "x", "f", "src", "/f", "copy src: cannot copy to non-directory: /f" },
	{ "a", "f", "src", "/", "copy src: a: cannot replace to directory /a with file" },
	{ "d", "sub", "src", "/", "copy src: sub: cannot copy to non-directory: /sub" },
	{ "d", "f", "src/a", "/f/g", "copy src/a: cannot copy to non-directory: /f" },
	{ "d", "f", "src/a", "/", "copy src/a: cannot replace to directory / with file" },
	{ "d", "f", "missing", "/x", "'missing': there is no such file" },
	{ "d", "f", "src/a/x", "/x", "'src/a/x': there is no such file" },
};

TEST(tree_copy_refuses_to_replace_one_kind_by_the_other)
{
	for (size_t i = 0; i < countof(clashes); i++) {
		owned(pair) struct pair pair = pair_new();
		struct error err = {};

		source_make(pair.from);
		CHECK(mkdirat(pair.to, clashes[i].directory, 0755) == 0);
		file_make(pair.to, clashes[i].file, "");
		CHECK(copy(&pair, clashes[i].source, clashes[i].target, &(struct copy_options){},
			   &err));
		CHECK(err.fault == FAULT_INPUT);
		CHECK_STR(err.text, clashes[i].text);
	}
}

static enum wanted leaves_out(void *closure, const char *path, bool is_directory)
{
	(void)is_directory;
	return strcmp(path, closure) == 0 ? WANTED_NOT : WANTED;
}

TEST(tree_copy_and_tree_hash_leave_out_the_same)
{
	static char sub[] = "src/sub";
	owned(pair) struct pair pair = pair_new();
	const struct copy_options options = { .sees = leaves_out, .closure = sub };
	owned(buf) struct buf tree = {};
	struct digest with, without, copied;
	struct error err = {};

	source_make(pair.from);
	CHECK(tree_hash(&quiet, pair.from, "src", &(struct copy_options){}, false, &with, &err) ==
	      OK);
	CHECK(tree_hash(&quiet, pair.from, "src", &options, false, &without, &err) == OK);
	CHECK(!digest_equal(&with, &without));
	CHECK(copy(&pair, "src", "/", &options, &err) == OK);
	tree_text(pair.to, &tree);
	CHECK_STR(buf_text(&tree), "f a 1\n");
	CHECK(tree_hash(&quiet, pair.to, "/", &(struct copy_options){}, false, &copied, &err) ==
	      OK);
	CHECK(digest_equal(&copied, &without));
	CHECK(copy(&pair, "src/sub", "/", &options, &err) && err.fault == FAULT_INPUT);
	CHECK_STR(err.text, "'src/sub': is left out of the context");
}

/** "src/sub" if there is anything in it, of which only the closure is. */
static enum wanted sees_one(void *closure, const char *path, bool is_directory)
{
	if (is_directory && strcmp(path, "src/sub") == 0)
		return WANTED_WITH;
	return starts_with(path, "src/sub/") && strcmp(path, closure) != 0 ? WANTED_NOT : WANTED;
}

TEST(tree_copy_makes_a_directory_that_counts_by_its_content_only_with_it)
{
	static char b[] = "src/sub/b", none[] = "src/sub/none";
	const struct {
		char *seen;
		const char *tree;
	} rows[] = { { b, "f a 1\nd sub\nf sub/b 2\n" }, { none, "f a 1\n" } };

	for (size_t i = 0; i < countof(rows); i++) {
		const struct copy_options options = { .sees = sees_one, .closure = rows[i].seen };
		owned(pair) struct pair pair = pair_new();
		owned(buf) struct buf tree = {};
		struct digest source, copied;
		struct error err = {};

		source_make(pair.from);
		CHECK(copy(&pair, "src", "/", &options, &err) == OK);
		tree_text(pair.to, &tree);
		CHECK_STR(buf_text(&tree), rows[i].tree);
		CHECK(tree_hash(&quiet, pair.from, "src", &options, false, &source, &err) == OK);
		CHECK(tree_hash(&quiet, pair.to, "/", &(struct copy_options){}, false, &copied,
				&err) == OK);
		/* What comes only with its content is told apart from what comes as it is. */
		CHECK(digest_equal(&source, &copied) == (rows[i].seen == none));
	}
}

/* Changes, and whether they are seen. */
static void touch(int dir)
{
	utimensat(dir, "src/a", NULL, 0);
}

static void change_content(int dir)
{
	file_make(dir, "src/a", "2");
}

static void change_mode(int dir)
{
	fchmodat(dir, "src/a", 0600, 0);
}

static void change_owner(int dir)
{
	CHECK(fchownat(dir, "src/sub/b", 7, 7, 0) == 0);
}

static void change_name(int dir)
{
	renameat(dir, "src/a", dir, "src/c");
}

static void change_link(int dir)
{
	unlinkat(dir, "src/sub/link", 0);
	CHECK(symlinkat("../b", dir, "src/sub/link") == 0);
}

static void change_attribute(int dir)
{
	owned(fd) int fd = openat(dir, "src/a", O_RDONLY | O_CLOEXEC);

	CHECK(fsetxattr(fd, "user.mine", "x", 1, 0) == 0);
}

static const struct {
	void (*change)(int dir);
	bool seen, seen_with_owner;
} changes[] = {
	{ touch, false, false },          { change_content, true, true },
	{ change_mode, true, true },      { change_owner, false, true },
	{ change_name, true, true },      { change_link, true, true },
	{ change_attribute, true, true },
};

TEST(tree_hash_sees_what_a_copy_would_and_never_times)
{
	for (size_t i = 0; i < 4 * countof(changes); i++) {
		owned(pair) struct pair pair = pair_new();
		bool with_owner = i % 2;
		size_t at = i / 4;
		struct digest before, after;
		struct error err = {};

		setenv("MPEMU_IO", io_modes[i / 2 % 2], 1);
		source_make(pair.from);
		CHECK(tree_hash(&quiet, pair.from, "src", &(struct copy_options){}, with_owner,
				&before, &err) == OK);
		changes[at].change(pair.from);
		CHECK(tree_hash(&quiet, pair.from, "src", &(struct copy_options){}, with_owner,
				&after, &err) == OK);
		tap_check(digest_equal(&before, &after) !=
				  (with_owner ? changes[at].seen_with_owner : changes[at].seen),
			  __FILE__, __LINE__, "change %zu, %s owner", at,
			  with_owner ? "with" : "without");
	}
}

TEST(tree_hash_of_a_file_does_not_know_its_name)
{
	owned(pair) struct pair pair = pair_new();
	struct digest one, two, three;
	struct error err = {};

	file_make(pair.from, "one", "x");
	file_make(pair.from, "two", "x");
	file_make(pair.from, "three", "y");
	CHECK(tree_hash(&quiet, pair.from, "one", &(struct copy_options){}, false, &one, &err) ==
	      OK);
	CHECK(tree_hash(&quiet, pair.from, "two", &(struct copy_options){}, false, &two, &err) ==
	      OK);
	CHECK(tree_hash(&quiet, pair.from, "three", &(struct copy_options){}, false, &three,
			&err) == OK);
	CHECK(digest_equal(&one, &two) && !digest_equal(&one, &three));
}

TEST(tree_copy_keeps_holes_and_large_content)
{
	owned(pair) struct pair pair = pair_new();
	owned(fd) int fd = openat(pair.from, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	owned(fd) int copied = -1;
	struct error err = {};
	char text[8] = {};
	struct stat info;

	CHECK(ftruncate(fd, 1 << 30) == 0 && pwrite(fd, "middle", 6, 500 << 20) == 6);
	CHECK(copy(&pair, "sparse", "/sparse", &(struct copy_options){}, &err) == OK);
	copied = openat(pair.to, "sparse", O_RDONLY | O_CLOEXEC);
	CHECK(fstat(copied, &info) == 0 && info.st_size == 1 << 30 && info.st_blocks < 1000);
	CHECK(pread(copied, text, 6, 500 << 20) == 6);
	CHECK_STR(text, "middle");
}
