/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sandbox_layers.h"

/** Read back what tar_header() wrote, by the reader. */
static bool read_back(const struct buf *archive, struct source **source, struct tar **tar,
		      struct tar_entry *entry)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct error err = {};
	bool passed;

	passed = write_all(fd, archive->data, archive->length, &err) == OK &&
		 lseek(fd, 0, SEEK_SET) == 0 &&
		 source_new(&quiet, fd, UINT64_MAX, source, &err) == OK;
	if (passed) {
		*tar = tar_new(*source);
		passed = tar_next(*tar, entry, &err) == OK && entry->path;
	}
	return tap_check(passed, __FILE__, __LINE__, "%s", err.text);
}

/* What has no room in a ustar header, and what just has. */
static const struct {
	size_t path_length, directory_length, link_length;
	uint32_t uid;
	int64_t time;
	bool is_pax;
} headers[] = {
	{ .path_length = 100 },
	{ .path_length = 101, .is_pax = true },
	{ .path_length = 100, .directory_length = 155 },
	{ .path_length = 101, .directory_length = 155, .is_pax = true },
	{ .path_length = 100, .directory_length = 156, .is_pax = true },
	{ .path_length = 1, .link_length = 100 },
	{ .path_length = 1, .link_length = 101, .is_pax = true },
	{ .path_length = 1, .uid = 2097151 },
	{ .path_length = 1, .uid = 2097152, .is_pax = true },
	{ .path_length = 1, .uid = 4294967294, .is_pax = true },
	{ .path_length = 1, .time = 8589934591 },
	{ .path_length = 1, .time = 8589934592, .is_pax = true },
	{ .path_length = 1, .time = -1, .is_pax = true },
	{ .path_length = 255, .directory_length = 3000, .link_length = 4095, .is_pax = true },
};

TEST(tar_header_uses_pax_only_where_ustar_has_no_room)
{
	for (size_t i = 0; i < countof(headers); i++) {
		owned(str) char *path = xcalloc(1, 8192), *link = xcalloc(1, 8192);
		owned(source) struct source *source = NULL;
		owned(tar) struct tar *tar = NULL;
		owned(buf) struct buf out = {};
		struct tar_entry entry = { .mode = S_IFLNK | 0777 }, back = {};
		size_t at = headers[i].directory_length;

		memset(path, 'd', at);
		if (at)
			path[at++] = '/';
		memset(path + at, 'n', headers[i].path_length);
		memset(link, 'l', headers[i].link_length);
		entry.path = path;
		entry.link = link;
		entry.uid = entry.gid = headers[i].uid;
		entry.mtime.tv_sec = headers[i].time;
		tar_header(&out, &entry);
		tap_check((out.length > TAR_BLOCK) == headers[i].is_pax, __FILE__, __LINE__,
			  "header %zu: %zu bytes", i, out.length);
		memset(buf_reserve(&out, 1024), 0, 1024);
		out.length += 1024;
		if (!read_back(&out, &source, &tar, &back))
			continue;
		CHECK_STR(back.path, path);
		CHECK_STR(back.link, link);
		CHECK(back.uid == headers[i].uid && back.gid == headers[i].uid);
		CHECK(back.mtime.tv_sec == headers[i].time);
	}
}

/* Names as bytes: neither converted nor normalised, in ustar and in PAX. */
static const char *const odd_names[] = {
	"\xc3\xa9", "e\xcc\x81", "\xff\xfe", "new\nline", "\x1b[31m", "100%s", "a=b", " ",
};

TEST(tar_keeps_names_as_bytes)
{
	for (size_t i = 0; i < 2 * countof(odd_names); i++) {
		owned(buf) struct buf out = {}, path = {};
		owned(source) struct source *source = NULL;
		owned(tar) struct tar *tar = NULL;
		struct tar_entry entry = { .mode = S_IFLNK | 0777 }, back = {};

		for (size_t n = 0; n < (i % 2 ? 200 : 1); n++)
			buf_add_str(&path, odd_names[i / 2]);
		entry.path = entry.link = path.data;
		tar_header(&out, &entry);
		memset(buf_reserve(&out, 1024), 0, 1024);
		out.length += 1024;
		if (!read_back(&out, &source, &tar, &back))
			continue;
		CHECK_STR(back.path, path.data);
		CHECK_STR(back.link, path.data);
	}
}

TEST(tar_attributes_hold_any_bytes)
{
	static const char value[] = "\0=\n\xff";
	struct attribute attribute = { "user.x", value, sizeof(value) };
	owned(buf) struct buf out = {};
	owned(source) struct source *source = NULL;
	owned(tar) struct tar *tar = NULL;
	struct tar_entry entry = { .path = "a",
				   .mode = S_IFREG | 0644,
				   .attributes = { &attribute, 1 } },
			 back = {};

	tar_header(&out, &entry);
	memset(buf_reserve(&out, 1024), 0, 1024);
	out.length += 1024;
	if (read_back(&out, &source, &tar, &back))
		CHECK(back.attributes.count == 1 &&
		      back.attributes.items[0].length == sizeof(value) &&
		      memcmp(back.attributes.items[0].value, value, sizeof(value)) == 0);
}

/* Which attributes belong to an image. */
static const struct {
	const char *name;
	bool is_image;
} names[] = {
	{ "user.mine", true },
	{ "security.capability", true },
	{ "system.posix_acl_access", true },
	{ "system.posix_acl_default", true },
	{ "user.overlay.opaque", false },
	{ "user.overlay.overlay.opaque", false },
	{ "trusted.overlay.opaque", false },
	{ "trusted.mine", false },
	{ "security.selinux", false },
	{ "security.ima", false },
	{ "security.capability2", false },
};

TEST(attribute_is_image_knows_whose_an_attribute_is)
{
	for (size_t i = 0; i < countof(names); i++)
		tap_check(attribute_is_image(names[i].name) == names[i].is_image, __FILE__,
			  __LINE__, "%s", names[i].name);
}

TEST(tar_writer_makes_an_archive_that_reads_back)
{
	owned(scratch) struct scratch scratch = scratch_as_root();
	owned(fd) int archive = memfd_create("tar", MFD_CLOEXEC);
	owned(fd) int content = memfd_create("content", MFD_CLOEXEC);
	owned(tar_writer) struct tar_writer *writer = tar_writer_new(archive);
	owned(buf) struct buf tree = {};
	struct layer_info info;
	struct error err = {};

	CHECK(write_all(content, "content", 7, &err) == OK && lseek(content, 0, SEEK_SET) == 0);
	CHECK(tar_writer_directory(writer, "blobs", &err) == OK);
	CHECK(tar_writer_bytes(writer, "oci-layout", "{}", 2, &err) == OK);
	CHECK(tar_writer_file(writer, "blobs/x", content, 7, &err) == OK);
	CHECK(tar_writer_file(writer, "blobs/short", content, 1, &err));
	CHECK(err.fault == FAULT_INPUT);
	CHECK_STR(err.text, "blobs/short: 1 bytes shorter than it was");
	CHECK(lseek(archive, -512, SEEK_CUR) > 0 &&
	      ftruncate(archive, lseek(archive, 0, SEEK_CUR)) == 0);
	CHECK(tar_writer_finish(writer, &err) == OK);
	lseek(archive, 0, SEEK_SET);
	CHECK(layer_unpack(&quiet, archive, scratch.fd, NULL, &info, &err) == OK);
	tree_text(scratch.fd, &tree);
	CHECK_STR(buf_text(&tree), "d blobs\nf blobs/x content\nf oci-layout {}\n");
}
