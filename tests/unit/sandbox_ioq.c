/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ioq.h"
#include "tests/unit/sandbox_layers.h"

enum { DEPTH = 16, FILES = 100, LENGTH = 100000 };

/** A queue of the mode, or nothing: then the test has nothing to say. */
static struct ioq *queue(const char *mode)
{
	struct ioq *ioq;

	setenv("MPEMU_IO", mode, 1);
	ioq = ioq_new(DEPTH, IOQ_SYNC);
	if (strcmp(mode, "ring") == 0 && !ioq_has_ring(ioq)) {
		ioq_drop(&ioq);
		tap_skip("io_uring is refused here");
	}
	return ioq;
}

static int64_t one(struct ioq *ioq, struct ioq_entry entry)
{
	ioq_push(ioq, &entry);
	CHECK(ioq_pop(ioq) == &entry);
	CHECK(ioq_pop(ioq) == NULL);
	return entry.result;
}

static void operations(const char *mode)
{
	owned(ioq) struct ioq *ioq = queue(mode);
	owned(scratch) struct scratch scratch = scratch_new();
	int dir = scratch.fd;
	struct statx statx;
	char text[32] = {}, hello[] = "hello";
	int64_t fd;

	CHECK(one(ioq, (struct ioq_entry){
			       .kind = IOQ_MKDIR, .fd = dir, .path = "d", .mode = 0755 }) == 0);
	CHECK(one(ioq,
		  (struct ioq_entry){ .kind = IOQ_MKDIR, .fd = dir, .path = "d", .mode = 0755 }) ==
	      -EEXIST);
	fd = one(ioq, (struct ioq_entry){ .kind = IOQ_OPEN,
					  .fd = dir,
					  .path = "d/f",
					  .flags = O_RDWR | O_CREAT | O_EXCL,
					  .mode = 0600 });
	CHECK(fd >= 0);
	CHECK(one(ioq,
		  (struct ioq_entry){
			  .kind = IOQ_WRITE, .fd = (int)fd, .data = hello, .length = 5 }) == 5);
	CHECK(one(ioq, (struct ioq_entry){ .kind = IOQ_READ,
					   .fd = (int)fd,
					   .data = text,
					   .length = sizeof(text),
					   .offset = 1 }) == 4);
	CHECK_STR(text, "ello");
	CHECK(one(ioq, (struct ioq_entry){ .kind = IOQ_CLOSE, .fd = (int)fd }) == 0);
	CHECK(one(ioq,
		  (struct ioq_entry){
			  .kind = IOQ_READ, .fd = (int)fd, .data = text, .length = 1 }) == -EBADF);
	CHECK(one(ioq,
		  (struct ioq_entry){
			  .kind = IOQ_SYMLINK, .fd = dir, .path = "s", .target = "d/f" }) == 0);
	CHECK(one(ioq, (struct ioq_entry){ .kind = IOQ_LINK,
					   .fd = dir,
					   .path = "h",
					   .target_fd = dir,
					   .target = "d/f" }) == 0);
	CHECK(one(ioq, (struct ioq_entry){
			       .kind = IOQ_STATX, .fd = dir, .path = "h", .statx = &statx }) == 0);
	CHECK(statx.stx_nlink == 2 && statx.stx_size == 5);
	CHECK(one(ioq, (struct ioq_entry){
			       .kind = IOQ_STATX, .fd = dir, .path = "s", .statx = &statx }) == 0);
	CHECK(S_ISLNK(statx.stx_mode));
	/* No link on the way, and no way out. */
	CHECK(one(ioq,
		  (struct ioq_entry){
			  .kind = IOQ_OPEN, .fd = dir, .path = "s", .flags = O_RDONLY }) == -ELOOP);
	CHECK(one(ioq,
		  (struct ioq_entry){
			  .kind = IOQ_OPEN, .fd = dir, .path = "../x", .flags = O_RDONLY }) ==
	      -EXDEV);
	CHECK(one(ioq, (struct ioq_entry){ .kind = IOQ_UNLINK, .fd = dir, .path = "h" }) == 0);
	CHECK(one(ioq,
		  (struct ioq_entry){
			  .kind = IOQ_UNLINK, .fd = dir, .path = "d", .flags = AT_REMOVEDIR }) ==
	      -ENOTEMPTY);
}

TEST(ioq_does_every_operation_by_system_calls)
{
	operations("sync");
}

TEST(ioq_does_every_operation_by_the_ring)
{
	operations("ring");
}

/** Many files at once: opened, written, closed in whatever order the queue gives. */
static void many(const char *mode)
{
	owned(ioq) struct ioq *ioq = queue(mode);
	owned(scratch) struct scratch scratch = scratch_new();
	static struct ioq_entry entries[FILES];
	static char names[FILES][16];
	owned(str) char *data = xcalloc(1, LENGTH);
	struct ioq_entry *done;
	size_t started = 0, finished = 0;

	memset(data, 'x', LENGTH);
	while (finished < FILES) {
		for (; started < FILES && !ioq_is_full(ioq); started++) {
			snprintf(names[started], sizeof(names[started]), "file-%zu", started);
			entries[started] = (struct ioq_entry){ .kind = IOQ_OPEN,
							       .fd = scratch.fd,
							       .path = names[started],
							       .flags = O_WRONLY | O_CREAT | O_EXCL,
							       .mode = 0600 };
			ioq_push(ioq, &entries[started]);
		}
		done = ioq_pop(ioq);
		if (!done || !CHECK(done->result >= 0))
			break;
		if (done->kind == IOQ_CLOSE) {
			finished++;
			continue;
		}
		if (done->kind == IOQ_OPEN) {
			done->fd = (int)done->result;
			done->kind = IOQ_WRITE;
			done->data = data;
			done->length = LENGTH;
		} else {
			CHECK(done->result == LENGTH);
			done->kind = IOQ_CLOSE;
		}
		ioq_push(ioq, done);
	}
	for (size_t i = 0; i < FILES; i++) {
		struct stat info;

		CHECK(fstatat(scratch.fd, names[i], &info, 0) == 0 && info.st_size == LENGTH);
	}
}

TEST(ioq_keeps_many_files_apart_by_system_calls)
{
	many("sync");
}

TEST(ioq_keeps_many_files_apart_by_the_ring)
{
	many("ring");
}

TEST(ioq_can_be_dropped_with_entries_in_it)
{
	struct ioq *ioq = queue("ring");
	owned(scratch) struct scratch scratch = scratch_new();
	struct ioq_entry entries[DEPTH];
	struct statx statx[DEPTH];

	for (size_t i = 0; i < DEPTH; i++) {
		entries[i] = (struct ioq_entry){
			.kind = IOQ_STATX, .fd = scratch.fd, .path = ".", .statx = &statx[i]
		};
		ioq_push(ioq, &entries[i]);
	}
	CHECK(ioq_is_full(ioq));
	ioq_drop(&ioq);
	CHECK(entries[DEPTH - 1].result == 0 && S_ISDIR(statx[DEPTH - 1].stx_mode));
}
