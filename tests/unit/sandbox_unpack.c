/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sandbox_layers.h"

#include <signal.h>
#include <sys/resource.h>

enum { MEMBERS = 8 };

/* What layers may hold and what becomes of it. */
static const struct {
	const char *name;
	struct member members[MEMBERS];
	const char *tree;
} good[] = {
	{ "plain",
	  { { '5', "etc/" }, { '0', "etc/passwd", "root" }, { '2', "a", "etc/passwd" } },
	  "l a -> etc/passwd\nd etc\nf etc/passwd root\n" },
	{ "dot slash", { { '5', "./" }, { '0', "./x//./y", "1" } }, "d x\nf x/y 1\n" },
	{ "dots that stay inside", { { '5', "a" }, { '0', "a/../b", "1" } }, "d a\nf b 1\n" },
	{ "link and file through it",
	  { { '5', "usr/lib" }, { '2', "lib", "usr/lib" }, { '0', "lib/x", "1" } },
	  "l lib -> usr/lib\nd usr\nd usr/lib\nf usr/lib/x 1\n" },
	{ "absolute link to what is here",
	  { { '5', "run" }, { '2', "var/run", "/run" }, { '0', "var/run/x", "1" } },
	  "d run\nf run/x 1\nd var\nl var/run -> /run\n" },
	{ "link to a directory of lower layers",
	  { { '2', "lib", "usr/lib" }, { '0', "lib/x", "1" } },
	  "l lib -> usr/lib\nd usr\nd usr/lib\nf usr/lib/x 1\n" },
	{ "last one wins", { { '0', "a", "old" }, { '0', "a", "new" } }, "f a new\n" },
	{ "file, link, directory of one name",
	  { { '0', "a", "1" }, { '2', "a", "b" }, { '5', "a" }, { '0', "a/x", "2" } },
	  "d a\nf a/x 2\n" },
	{ "a directory gives way to a file",
	  { { '5', "a" }, { '0', "a/x", "1" }, { '0', "a", "2" } },
	  "f a 2\n" },
	{ "directory over link does not follow it",
	  { { '5', "b" },
	    { '0', "b/keep", "1" },
	    { '2', "a", "b" },
	    { '5', "a" },
	    { '0', "a/x", "2" } },
	  "d a\nf a/x 2\nd b\nf b/keep 1\n" },
	{ "file over link does not follow it",
	  { { '0', "b", "1" }, { '2', "a", "b" }, { '0', "a", "2" } },
	  "f a 2\nf b 1\n" },
	{ "hard link",
	  { { '0', "a", "1" }, { '1', "b", "a" }, { '1', "./c", "./b" } },
	  "f a 1\nf b 1\nf c 1\n" },
	{ "hard link to itself", { { '0', "a", "1" }, { '1', "a", "a" } }, "f a 1\n" },
	{ "hard link over a file",
	  { { '0', "a", "1" }, { '0', "b", "2" }, { '1', "b", "a" } },
	  "f a 1\nf b 1\n" },
	{ "hard link to a link stays one",
	  { { '2', "a", "/etc/shadow" }, { '1', "b", "a" } },
	  "l a -> /etc/shadow\nl b -> /etc/shadow\n" },
	{ "whiteout", { { '5', "etc" }, { '0', "etc/.wh.x", "" } }, "d etc\nw etc/x\n" },
	{ "whiteout of what this layer has, before",
	  { { '0', ".wh.a", "" }, { '0', "a", "1" } },
	  "f a 1\n" },
	{ "whiteout of what this layer has, after",
	  { { '0', "a", "1" }, { '0', ".wh.a", "" } },
	  "f a 1\n" },
	{ "whiteout of a directory that comes again",
	  { { '0', ".wh.a", "" }, { '5', "a" }, { '0', "a/x", "1" } },
	  "o a\nf a/x 1\n" },
	{ "whiteout after its directory",
	  { { '5', "a" }, { '0', "a/x", "1" }, { '0', ".wh.a", "" } },
	  "o a\nf a/x 1\n" },
	{ "file below a whiteout without its directory",
	  { { '0', ".wh.a", "" }, { '0', "a/x", "1" } },
	  "o a\nf a/x 1\n" },
	{ "opaque before",
	  { { '5', "a" }, { '0', "a/.wh..wh..opq", "" }, { '0', "a/x", "1" } },
	  "o a\nf a/x 1\n" },
	{ "opaque after",
	  { { '5', "a" }, { '0', "a/x", "1" }, { '0', "a/.wh..wh..opq", "" } },
	  "o a\nf a/x 1\n" },
	{ "opaque root", { { '0', ".wh..wh..opq", "" } }, "o \n" },
	{ "aufs bookkeeping", { { '5', ".wh..wh.plnk" }, { '0', ".wh..wh.plnk/1.2", "x" } }, "" },
	{ "a device that would be a whiteout", { { '3', "a" } }, "" },
	{ "FIFO", { { '6', "a" } }, "? a\n" },
	{ "odd names",
	  { { '0', "\xff\x01\n", "1" }, { '0', "\xc3\xa9", "2" }, { '0', "e\xcc\x81", "3" } },
	  "f e\xcc\x81 3\nf \xc3\xa9 2\nf \xff\x01\n 1\n" },
	{ "nothing", { {} }, "" },
};

static result unpack(const struct member *members, int into, struct layer_info *info,
		     struct error *err)
{
	owned(fd) int tar = members_tar(members, MEMBERS);

	return layer_unpack(&quiet, tar, into, NULL, info, err);
}

TEST(layer_unpack_makes_what_overlayfs_can_stack)
{
	need_root();
	for (size_t i = 0; i < 2 * countof(good); i++) {
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int into = scratch_dir(&scratch, "layer");
		owned(buf) struct buf tree = {};
		struct layer_info info = {};
		struct error err = {};
		size_t at = i / 2;

		setenv("MPEMU_IO", io_modes[i % 2], 1);
		if (unpack(good[at].members, into, &info, &err)) {
			tap_check(false, __FILE__, __LINE__, "%s: %s", good[at].name, err.text);
			continue;
		}
		tree_text(into, &tree);
		tap_check(strcmp(buf_text(&tree), good[at].tree) == 0, __FILE__, __LINE__,
			  "%s (%s):\n%swant\n%s", good[at].name, io_modes[i % 2], buf_text(&tree),
			  good[at].tree);
		tap_check(digest_equal(&info.blob, &info.diff_id), __FILE__, __LINE__,
			  "%s: digests", good[at].name);
	}
}

/** Layers on top of: etc/passwd, a link lib to usr/lib, and up to one that leads above the root. */
static const struct {
	const char *name;
	struct member members[MEMBERS];
	const char *tree, *implicit;
} upper[] = {
	{ "alone", { { '0', "x", "1" } }, "f x 1\n", "" },
	{ "a directory without an entry", { { '0', "etc/x", "1" } }, "d etc\nf etc/x 1\n", "etc " },
	{ "a file through a link below",
	  { { '0', "lib/x", "1" } },
	  "d usr\nd usr/lib\nf usr/lib/x 1\n",
	  "usr usr/lib . " },
	{ "a new directory behind one",
	  { { '0', "lib/d/x", "1" } },
	  "d usr\nd usr/lib\nd usr/lib/d\nf usr/lib/d/x 1\n",
	  "usr usr/lib usr/lib/d . " },
	{ "a link that leads above the root ends there",
	  { { '0', "up/x", "1" } },
	  "d etc\nf etc/x 1\n",
	  "etc . " },
	{ "an entry for a directory replaces a link",
	  { { '5', "lib" }, { '0', "lib/x", "1" } },
	  "d lib\nf lib/x 1\n",
	  "" },
	{ "so does a whiteout",
	  { { '0', ".wh.lib", "" }, { '0', "lib/x", "1" } },
	  "o lib\nf lib/x 1\n",
	  "lib " },
	{ "a link of this layer to a directory below",
	  { { '2', "run", "/usr/lib" }, { '0', "run/x", "1" } },
	  "l run -> /usr/lib\nd usr\nd usr/lib\nf usr/lib/x 1\n",
	  "usr usr/lib " },
	{ "another name for a file below",
	  { { '1', "shadow", "etc/passwd" } },
	  "d etc\nf etc/passwd root\nf shadow root\n",
	  "etc . " },
	{ "by a path through a link",
	  { { '1', "shadow", "up/passwd" } },
	  "d etc\nf etc/passwd root\nf shadow root\n",
	  "etc . " },
};

TEST(layer_unpack_part_follows_what_is_below)
{
	for (size_t i = 0; i < countof(upper); i++) {
		owned(scratch) struct scratch scratch = scratch_as_root();
		owned(fd) int into = scratch_dir(&scratch, "layer"),
			      below = scratch_dir(&scratch, "below");
		owned(fd) int tar = members_tar(upper[i].members, MEMBERS);
		owned(buf) struct buf tree = {}, names = {};
		owned(strings) struct strings implicit = {};
		struct layer_info info = {};
		struct error err = {};

		CHECK(mkdirat(below, "etc", 0755) == 0 && mkdirat(below, "usr", 0755) == 0 &&
		      mkdirat(below, "usr/lib", 0755) == 0);
		CHECK(symlinkat("usr/lib", below, "lib") == 0 &&
		      symlinkat("../../etc", below, "up") == 0);
		file_make(below, "etc/passwd", "root");
		if (!tap_check(layer_unpack_part(&quiet, tar, into, below, NULL, &implicit, &info,
						 &err) == OK,
			       __FILE__, __LINE__, "%s: %s", upper[i].name, err.text))
			continue;
		tree_text(into, &tree);
		for (size_t j = 0; j < implicit.count; j++)
			buf_printf(&names, "%s ", implicit.items[j]);
		tap_check(strcmp(buf_text(&tree), upper[i].tree) == 0 &&
				  strcmp(buf_text(&names), upper[i].implicit) == 0,
			  __FILE__, __LINE__, "%s: got\n%s%s\nwant\n%s%s", upper[i].name,
			  buf_text(&tree), buf_text(&names), upper[i].tree, upper[i].implicit);
	}
}

TEST(a_hard_link_to_a_file_below_is_one_file_and_says_how_it_looks)
{
	static const struct member members[MEMBERS] = { { '1', "b", "a", .mode = 0600 } };
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int into = scratch_dir(&scratch, "layer"), below = scratch_dir(&scratch, "below");
	owned(fd) int tar = members_tar(members, MEMBERS);
	owned(strings) struct strings implicit = {};
	struct layer_info info = {};
	struct error err = {};
	struct stat a, b;

	file_make(below, "a", "1");
	CHECK(layer_unpack_part(&quiet, tar, into, below, NULL, &implicit, &info, &err) == OK);
	CHECK(fstatat(into, "a", &a, 0) == 0 && fstatat(into, "b", &b, 0) == 0);
	CHECK(a.st_ino == b.st_ino && b.st_mode == (S_IFREG | 0600) &&
	      b.st_mtim.tv_sec == 1000000000);
	CHECK(fstatat(below, "a", &a, 0) == 0 && a.st_mode == (S_IFREG | 0644));
}

/* What is refused, and a part of how. */
static const struct {
	struct member members[MEMBERS];
	const char *text;
} bad[] = {
	{ { { '0', "../../etc/x", "1" } }, "layer entry '../../etc/x': climbs out of the root" },
	{ { { '0', "a/../../x", "1" } }, "climbs out of the root" },
	{ { { '0', "..", "1" } }, "climbs out of the root" },
	{ { { '0', "/abs", "1" } },
	  "layer entry '/abs': climbs out of the root: its name is absolute" },
	{ { { '2', "x", "/etc" }, { '0', "x/passwd", "1" } },
	  "layer entry 'x/passwd': climbs out of the root by link 'x' to '/etc'" },
	{ { { '2', "x", "../../../etc" }, { '0', "x/passwd", "1" } },
	  "layer entry 'x/passwd': climbs out of the root by a link" },
	{ { { '2', "a", ".." }, { '2', "b", "a/.." }, { '0', "b/x", "1" } },
	  "climbs out of the root" },
	{ { { '5', "d" }, { '2', "d/x", "../../etc" }, { '5', "d/x/y" } },
	  "climbs out of the root" },
	{ { { '2', "a", "b" }, { '2', "b", "a" }, { '0', "a/x", "1" } }, "links on the way" },
	{ { { '1', "a", "../../etc/shadow" } },
	  "layer entry 'a', a hard link to '../../etc/shadow': climbs out of the root" },
	{ { { '1', "a", "/etc/shadow" } }, "climbs out of the root: its target is absolute" },
	{ { { '2', "d", "/etc" }, { '1', "a", "d/shadow" } },
	  "climbs out of the root by link 'd'" },
	{ { { '1', "a", "missing" } }, "its target is not in this layer" },
	{ { { '5', "d" }, { '1', "a", "d" } }, "its target is a directory" },
	{ { { '1', "a", "later" }, { '0', "later", "1" } }, "its target is not in this layer" },
	{ { { '0', ".wh.a", "" }, { '1', "b", "a" } }, "its target is not in this layer" },
	{ { { '0', "a", "1" }, { '0', "a/b", "1" } }, "'a' is not a directory" },
	{ { { '0', ".wh.", "" } }, "is a whiteout of nothing" },
	{ { { '0', ".wh..", "" } }, "is a whiteout of nothing" },
	{ { { '0', ".wh...", "" } }, "is a whiteout of nothing" },
	{ { { '0', ".wh./x", "" } }, "is below a whiteout" },
	{ { { '0', ".wh.a/../../b", "" } }, "climbs out of the root" },
	{ { { '2', "l", "/etc" }, { '0', "l/.wh.passwd", "" } }, "climbs out of the root by link" },
	{ { { '2', "l", "/etc" }, { '0', "l/.wh..wh..opq", "" } },
	  "climbs out of the root by link" },
	{ { { '0', ".", "1" } }, "the root can only be a directory" },
	{ { { '2', "a", "" } }, "No such file" },
};

TEST(layer_unpack_refuses_what_climbs_out)
{
	need_root();
	for (size_t i = 0; i < 2 * countof(bad); i++) {
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int into = scratch_dir(&scratch, "layer");
		struct layer_info info = {};
		struct error err = {};
		size_t at = i / 2;

		setenv("MPEMU_IO", io_modes[i % 2], 1);
		tap_check(unpack(bad[at].members, into, &info, &err) && err.fault == FAULT_INPUT &&
				  strstr(err.text, bad[at].text),
			  __FILE__, __LINE__, "fault %d: %s: want %s", err.fault, err.text,
			  bad[at].text);
		CHECK(info.entry_count == 0);
	}
}

TEST(layer_unpack_keeps_names_of_every_length_and_refuses_longer_ones)
{
	static const size_t lengths[] = { 99, 100, 101, 155, 156, 255 };
	char name[300];

	need_root();
	for (size_t i = 0; i < countof(lengths); i++) {
		owned(scratch) struct scratch scratch = scratch_new();
		struct member member = { '0', name, "content" };
		struct layer_info info;
		struct error err = {};

		memset(name, 'n', sizeof(name));
		name[lengths[i]] = '\0';
		CHECK(unpack((struct member[MEMBERS]){ member }, scratch.fd, &info, &err) == OK);
		CHECK(faccessat(scratch.fd, name, F_OK, 0) == 0);
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	{
		owned(scratch) struct scratch scratch = scratch_new();
		struct layer_info info;
		struct error err = {};

		CHECK(unpack((struct member[MEMBERS]){ { '0', name, "" } }, scratch.fd, &info,
			     &err));
		CHECK(err.fault == FAULT_INPUT);
	}
}

TEST(layer_unpack_gives_owner_mode_time_and_attributes)
{
	static const struct attribute attributes[] = {
		{ "security.selinux", "x", 1 },
		{ "trusted.overlay.opaque", "y", 1 },
		{ "user.kept", "value", 5 },
		{ "user.overlay.opaque", "y", 1 },
		{ "user.overlay.redirect", "/etc", 4 },
	};
	struct tar_entry entries[] = {
		{ .path = "suid", .mode = S_IFREG | 04755, .uid = 7, .gid = 9 },
		{ .path = "d", .mode = S_IFDIR | 01777, .uid = 3, .gid = 4 },
		{ .path = "d/x", .mode = S_IFREG | 0600 },
		{ .path = "locked", .mode = S_IFDIR },
		{ .path = "locked/x", .mode = S_IFREG },
	};
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int into = scratch_dir(&scratch, "layer"), tar = memfd_create("t", MFD_CLOEXEC);
	owned(buf) struct buf out = {};
	struct layer_info info;
	struct error err = {};
	struct stat stat;
	char value[8];

	for (size_t i = 0; i < countof(entries); i++) {
		entries[i].mtime.tv_sec = 1234567890;
		entries[i].attributes.items = (struct attribute *)(uintptr_t)attributes;
		entries[i].attributes.count = i == 0 || i == 1 ? countof(attributes) : 0;
		tar_header(&out, &entries[i]);
	}
	memset(buf_reserve(&out, 1024), 0, 1024);
	CHECK(write_all(tar, out.data, out.length + 1024, &err) == OK);
	lseek(tar, 0, SEEK_SET);
	if (layer_unpack(&quiet, tar, into, NULL, &info, &err))
		tap_check(false, __FILE__, __LINE__, "%s", err.text);
	CHECK(info.entry_count == countof(entries));
	CHECK(fstatat(into, "suid", &stat, 0) == 0 && stat.st_mode == (S_IFREG | 04755) &&
	      stat.st_uid == 7 && stat.st_gid == 9 && stat.st_mtim.tv_sec == 1234567890);
	CHECK(fstatat(into, "d", &stat, 0) == 0 && stat.st_mode == (S_IFDIR | 01777) &&
	      stat.st_uid == 3 && stat.st_mtim.tv_sec == 1234567890);
	CHECK(fstatat(into, "locked", &stat, 0) == 0 && stat.st_mode == S_IFDIR);
	for (size_t i = 0; i < 2; i++) {
		owned(fd) int fd = openat(into, entries[i].path, O_RDONLY | O_CLOEXEC);

		CHECK(fgetxattr(fd, "user.kept", value, sizeof(value)) == 5);
		CHECK(fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) < 0);
		CHECK(fgetxattr(fd, "user.overlay.redirect", value, sizeof(value)) < 0);
		CHECK(fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) < 0);
	}
}

TEST(layer_unpack_stops_at_its_limits)
{
	static const struct {
		struct layer_limits limits;
		bool passes;
		const char *text;
	} cases[] = {
		{ { .bytes = 10 }, true, "" },
		{ { .bytes = 9 }, false, "layer exceeds 9 bytes" },
		{ { .entries = 2 }, true, "" },
		{ { .entries = 1 }, false, "layer has more than 1 entries" },
	};
	static const struct member members[MEMBERS] = { { '0', "a", "12345" },
							{ '0', "b", "12345" } };

	need_root();
	for (size_t i = 0; i < countof(cases); i++) {
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int tar = members_tar(members, MEMBERS);
		struct layer_info info;
		struct error err = {};
		bool passed =
			layer_unpack(&quiet, tar, scratch.fd, &cases[i].limits, &info, &err) == OK;

		tap_check(passed == cases[i].passes && strstr(err.text, cases[i].text), __FILE__,
			  __LINE__, "case %zu: %s", i, err.text);
	}
}

TEST(layer_unpack_refuses_an_archive_cut_anywhere)
{
	static const struct member members[MEMBERS] = {
		{ '0', "a", "12345" },
		{ '5', "this-directory-has-a-name-that-is-longer-than-a-hundred-bytes/"
		       "so-that-it-takes-a-pax-record-of-its-own-to-say-it-all-at-once/"
		       "and-then-some-more-of-it" },
		{ '0', "b", "67890" },
	};

	need_root();
	for (int cut = 1; cut < 512 * 5 - 510; cut += 509) {
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int tar = members_tar(members, MEMBERS);
		struct layer_info info;
		struct error err = {};

		CHECK(ftruncate(tar, cut) == 0);
		if (cut % 512 == 0)
			continue;
		tap_check(layer_unpack(&quiet, tar, scratch.fd, NULL, &info, &err) &&
				  err.fault == FAULT_INPUT,
			  __FILE__, __LINE__, "cut at %d: %s", cut, err.text);
	}
}

TEST(layer_unpack_refuses_numbers_that_lie)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t length;
	} cases[] = {
		{ 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 }, /* negative size */
		{ 124, "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 12 }, /* huge size */
		{ 124, "77777777777", 11 },                     /* more than there is */
		{ 108, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, /* negative owner */
		{ 148, "000000", 6 },                           /* checksum */
	};

	need_root();
	for (size_t i = 0; i < countof(cases); i++) {
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int tar = members_tar((struct member[]){ { '0', "a", "1" } }, 1);
		struct layer_info info;
		struct error err = {};
		uint8_t header[TAR_BLOCK];
		unsigned sum = 8 * ' ';

		CHECK(pread(tar, header, sizeof(header), 0) == sizeof(header));
		memcpy(header + cases[i].at, cases[i].bytes, cases[i].length);
		for (size_t b = 0; b < sizeof(header); b++)
			sum += b >= 148 && b < 156 ? 0 : header[b];
		if (cases[i].at != 148)
			snprintf((char *)header + 148, 8, "%06o", sum);
		CHECK(pwrite(tar, header, sizeof(header), 0) == sizeof(header));
		tap_check(layer_unpack(&quiet, tar, scratch.fd, NULL, &info, &err) &&
				  err.fault == FAULT_INPUT,
			  __FILE__, __LINE__, "case %zu: %s", i, err.text);
	}
}

TEST(layer_unpack_says_when_the_disk_is_full)
{
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int into = -1, tar = -1;
	owned(str) char *content = xcalloc(2 << 20, 1), *into_path = NULL;
	struct layer_info info;
	struct error err = {};
	struct rlimit old, small = { 1 << 20, 1 << 20 };

	memset(content, 'x', (2 << 20) - 1);
	into_path = xasprintf("%s/full", scratch.path);
	into = scratch_dir(&scratch, "full");
	tar = members_tar((struct member[]){ { '0', "big", content } }, 1);
	/* A file size limit stands for a small disk where mounting is not possible. */
	signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
	small.rlim_max = old.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(layer_unpack(&quiet, tar, into, NULL, &info, &err));
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
	CHECK(err.fault == FAULT_SYSTEM);
	CHECK_STR(err.text, "layer entry 'big': write: File too large");
}

TEST(layer_unpack_can_be_interrupted)
{
	owned(scratch) struct scratch scratch = scratch_new();
	owned(fd) int tar = members_tar((struct member[]){ { '0', "a", "1" } }, 1);
	owned(cancel) struct cancel *cancel = cancel_new();
	struct layer_info info;
	struct error err = {};

	cancel_fire(cancel, NULL);
	CHECK(layer_unpack(&(struct ctx){ .cancel = cancel }, tar, scratch.fd, NULL, &info, &err));
	CHECK(err.fault == FAULT_CANCELLED);
}
