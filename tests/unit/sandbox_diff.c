/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sandbox_layers.h"

static const struct diff_options plain = { .compression = COMPRESSION_NONE, .epoch = -1 };

static result diff(int upper, const struct diff_options *options, int *blob,
		   struct layer_info *info, struct error *err)
{
	*blob = memfd_create("blob", MFD_CLOEXEC);
	if (layer_diff(&quiet, upper, options, *blob, info, err))
		return FAILED;
	lseek(*blob, 0, SEEK_SET);
	return OK;
}

/** The names of an archive in order, with what is special about them. */
static void names_text(int blob, struct buf *out)
{
	owned(source) struct source *source = NULL;
	owned(tar) struct tar *tar = NULL;
	struct tar_entry entry = {};
	struct error err;

	if (source_new(&quiet, blob, UINT64_MAX, &source, &err))
		abort();
	tar = tar_new(source);
	buf_add_str(out, "");
	while (CHECK(tar_next(tar, &entry, &err) == OK) && entry.path)
		buf_printf(out, "%s%s%s%s\n", entry.path, entry.is_hard_link ? " = " : "",
			   S_ISLNK(entry.mode) ? " -> " : "", entry.link);
}

/** An upper directory with a bit of everything. */
static void upper_make(int dir)
{
	char name[256];
	owned(fd) int fd = -1;

	memset(name, 'n', 255);
	name[255] = '\0';
	file_make(dir, "b", "content of b");
	CHECK(mkdirat(dir, "a", 0700) == 0 && mkdirat(dir, "a-b", 0755) == 0);
	file_make(dir, "a/x", "1");
	CHECK(linkat(dir, "a/x", dir, "a/y", 0) == 0 && linkat(dir, "a/x", dir, "z", 0) == 0);
	CHECK(symlinkat("../b", dir, "a/link") == 0);
	CHECK(mknodat(dir, "a/whiteout", S_IFCHR, 0) == 0);
	CHECK(mknodat(dir, "gone", S_IFCHR, 0) == 0);
	CHECK(mknodat(dir, "fifo", S_IFIFO | 0600, 0) == 0);
	CHECK(mknodat(dir, "socket", S_IFSOCK | 0600, 0) == 0);
	fd = openat(dir, "a", O_RDONLY | O_CLOEXEC);
	CHECK(fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0);
	CHECK(fsetxattr(fd, "user.overlay.origin", "x", 1, 0) == 0);
	CHECK(fsetxattr(fd, "user.mine", "x=\ny", 4, 0) == 0);
	file_make(dir, name, "long");
	CHECK(fchownat(dir, "b", 60000, 5, 0) == 0 && fchmodat(dir, "b", 04711, 0) == 0);
}

TEST(layer_diff_lists_parents_whiteouts_and_names_in_order)
{
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int upper = scratch_dir(&scratch, "upper"), blob = -1;
	owned(buf) struct buf names = {}, want = {};
	struct layer_info info;
	struct error err = {};

	upper_make(upper);
	if (diff(upper, &plain, &blob, &info, &err))
		tap_check(false, __FILE__, __LINE__, "%s", err.text);
	names_text(blob, &names);
	buf_add_str(&want, ".wh.gone\na/\na/.wh..wh..opq\na/.wh.whiteout\na/link -> ../b\na/x\n"
			   "a/y = a/x\na-b/\nb\nfifo\n");
	for (int i = 0; i < 255; i++)
		buf_add_char(&want, 'n');
	buf_add_str(&want, "\nz = a/x\n");
	CHECK_STR(buf_text(&names), buf_text(&want));
	CHECK(info.entry_count == 12);
}

TEST(capabilities_are_recorded_of_each_name_of_a_file)
{
	/* Version 2, effective, permitted: CAP_NET_BIND_SERVICE. */
	static const char capability[20] = { 1, 0, 0, 2, 0, 4 };
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int upper = scratch_dir(&scratch, "upper"), blob = -1, fd = -1;
	owned(source) struct source *source = NULL;
	owned(tar) struct tar *tar = NULL;
	struct tar_entry entry = {};
	struct layer_info info;
	struct error err = {};
	size_t count = 0;

	file_make(upper, "a", "program");
	fd = openat(upper, "a", O_RDWR | O_CLOEXEC);
	CHECK(linkat(upper, "a", upper, "b", 0) == 0);
	if (fsetxattr(fd, "security.capability", capability, sizeof(capability), 0) < 0)
		tap_skip("no capabilities of files here");
	CHECK(fsetxattr(fd, "user.mine", "x", 1, 0) == 0);
	if (!CHECK(!diff(upper, &plain, &blob, &info, &err) &&
		   !source_new(&quiet, blob, UINT64_MAX, &source, &err)))
		return;
	tar = tar_new(source);
	for (; CHECK(tar_next(tar, &entry, &err) == OK) && entry.path; count++)
		CHECK(entry.attributes.count == 1 && entry.is_hard_link == (count == 1));
	CHECK(count == 2);
}

TEST(layer_diff_and_layer_unpack_are_inverse)
{
	static const enum compression all[] = { COMPRESSION_NONE, COMPRESSION_GZIP,
						COMPRESSION_ZSTD };

	need_root();
	for (size_t i = 0; i < countof(all); i++) {
		const struct diff_options options = { .compression = all[i],
						      .epoch = -1,
						      .with_attributes = i > 0 };
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int upper = scratch_dir(&scratch, "upper"), blob = -1, blob_again = -1;
		owned(fd) int into = scratch_dir(&scratch, "into");
		owned(buf) struct buf before = {}, after = {};
		struct layer_info info = {}, unpacked = {}, again = {};
		struct error err = {};
		struct stat stat;
		char value[8];

		upper_make(upper);
		unlinkat(upper, "socket", 0);
		CHECK(diff(upper, &options, &blob, &info, &err) == OK);
		if (layer_unpack(&quiet, blob, into, NULL, &unpacked, &err))
			tap_check(false, __FILE__, __LINE__, "%s", err.text);
		tree_text(upper, &before);
		tree_text(into, &after);
		CHECK_STR(buf_text(&after), buf_text(&before));
		CHECK(digest_equal(&info.diff_id, &unpacked.diff_id));
		CHECK(digest_equal(&info.blob, &unpacked.blob));
		CHECK(info.tar_size == unpacked.tar_size && info.blob_size == unpacked.blob_size);
		CHECK(fstatat(into, "b", &stat, 0) == 0 && stat.st_uid == 60000 &&
		      stat.st_mode == (S_IFREG | 04711));
		CHECK(fstatat(into, "z", &stat, 0) == 0 && stat.st_nlink == 3);
		{
			owned(fd) int fd = openat(into, "a", O_RDONLY | O_CLOEXEC);

			CHECK((fgetxattr(fd, "user.mine", value, sizeof(value)) == 4) ==
			      options.with_attributes);
			CHECK(fgetxattr(fd, "user.overlay.origin", value, sizeof(value)) < 0);
		}
		CHECK(diff(into, &options, &blob_again, &again, &err) == OK);
		CHECK(digest_equal(&info.diff_id, &again.diff_id));
	}
}

TEST(layer_diff_gives_the_same_bytes_every_time)
{
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int upper = scratch_dir(&scratch, "upper");
	owned(str) char *content = xcalloc(1, 3000000);
	struct layer_info infos[2][3];

	upper_make(upper);
	for (size_t i = 0; i < 3000000 - 1; i++)
		content[i] = (char)('a' + i * i / 7 % 26);
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "a-b/file-%d", i);
		file_make(upper, name, content + 3000000 - 1 - i * 1000);
	}
	file_make(upper, "large", content);
	for (size_t mode = 0; mode < 2; mode++)
		for (size_t c = 0; c < 3; c++) {
			const struct diff_options options = { .compression = (enum compression)c,
							      .epoch = -1 };
			owned(fd) int blob = -1;
			struct error err = {};

			setenv("MPEMU_IO", io_modes[mode], 1);
			CHECK(diff(upper, &options, &blob, &infos[mode][c], &err) == OK);
		}
	CHECK(memcmp(infos[0], infos[1], sizeof(infos[0])) == 0);
	CHECK(digest_equal(&infos[0][0].diff_id, &infos[0][1].diff_id));
	CHECK(digest_equal(&infos[0][0].diff_id, &infos[0][2].diff_id));
}

TEST(layer_diff_of_nothing_is_two_zero_blocks)
{
	owned(scratch) struct scratch scratch = scratch_new();
	owned(fd) int blob = -1;
	struct layer_info info = {};
	struct error err = {};
	char text[DIGEST_TEXT_MAX];

	CHECK(diff(scratch.fd, &plain, &blob, &info, &err) == OK);
	CHECK(info.tar_size == 1024 && info.entry_count == 0);
	CHECK_STR(digest_text(&info.diff_id, text),
		  "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

TEST(layer_diff_clamps_times_to_the_epoch)
{
	static const struct {
		int64_t time, epoch, want;
	} cases[] = {
		{ 2000, -1, 2000 }, { 2000, 1000, 1000 }, { 500, 1000, 500 },
		{ 2000, 0, 0 },     { -5, -1, -5 },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		const struct diff_options options = { .epoch = cases[i].epoch };
		owned(scratch) struct scratch scratch = scratch_new();
		owned(fd) int blob = -1;
		owned(source) struct source *source = NULL;
		owned(tar) struct tar *tar = NULL;
		struct timespec times[2] = { { .tv_sec = cases[i].time },
					     { .tv_sec = cases[i].time, .tv_nsec = 5 } };
		struct tar_entry entry = {};
		struct layer_info info;
		struct error err = {};

		file_make(scratch.fd, "f", "");
		CHECK(utimensat(scratch.fd, "f", times, 0) == 0);
		CHECK(diff(scratch.fd, &options, &blob, &info, &err) == OK);
		CHECK(source_new(&quiet, blob, 1 << 20, &source, &err) == OK);
		tar = tar_new(source);
		CHECK(tar_next(tar, &entry, &err) == OK && entry.path &&
		      entry.mtime.tv_sec == cases[i].want && entry.mtime.tv_nsec == 0);
	}
}

TEST(layer_diff_refuses_a_file_larger_than_any_layer)
{
	owned(scratch) struct scratch scratch = scratch_new();
	owned(fd) int fd = openat(scratch.fd, "huge", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	owned(fd) int blob = -1;
	struct layer_info info;
	struct error err = {};

	if (ftruncate(fd, 1LL << 43) < 0) {
		scratch_drop(&scratch);
		tap_skip("no sparse file of 8 TiB here");
	}
	CHECK(diff(scratch.fd, &plain, &blob, &info, &err));
	CHECK(err.fault == FAULT_INPUT);
	CHECK_STR(err.text, "huge: layer exceeds 69 GB");
}

TEST(layer_diff_refuses_names_that_would_hide_others)
{
	owned(scratch) struct scratch scratch = scratch_new();
	owned(fd) int blob = -1;
	struct layer_info info;
	struct error err = {};

	file_make(scratch.fd, ".wh.etc", "");
	CHECK(diff(scratch.fd, &plain, &blob, &info, &err));
	CHECK(err.fault == FAULT_INPUT && strstr(err.text, ".wh.etc: "));
}

TEST(layer_diff_walks_deep_trees_without_a_deep_stack)
{
	owned(scratch) struct scratch scratch = scratch_new();
	owned(fd) int fd = dup(scratch.fd);
	owned(fd) int blob = -1;
	struct layer_info info;
	struct error err = {};

	for (int i = 0; i < 1500; i++) {
		int next;

		CHECK(mkdirat(fd, "d", 0755) == 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_drop(&fd);
		fd = next;
	}
	file_make(fd, "leaf", "1");
	CHECK(diff(scratch.fd, &plain, &blob, &info, &err) == OK);
	CHECK(info.entry_count == 1501);
	/* Deeper than any path that a system call takes: refused, not cut. */
	for (int i = 0; i < 20; i++) {
		char name[201];
		int next;

		memset(name, 'd', 200);
		name[200] = '\0';
		CHECK(mkdirat(fd, name, 0755) == 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_drop(&fd);
		fd = next;
	}
	fd_drop(&blob);
	CHECK(diff(scratch.fd, &plain, &blob, &info, &err));
	CHECK(err.fault == FAULT_INPUT && strstr(err.text, "path is longer than 4095 bytes"));
}
