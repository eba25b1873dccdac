/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/recall.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static const struct ctx quiet = {};

/** A directory with one file, and where to remember it. */
struct place {
	char dir[32];
	char recall[64];
	int fd;
};

static struct place place_make(void)
{
	struct place place = { .dir = "/tmp/recall-XXXXXX" };

	if (!mkdtemp(place.dir))
		abort();
	snprintf(place.recall, sizeof(place.recall), "%s/recall", place.dir);
	place.fd = open(place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place.fd < 0 || mkdirat(place.fd, "tree", 0755) < 0)
		abort();
	return place;
}

static void place_remove(struct place *place)
{
	struct error err;

	fd_drop(&place->fd);
	(void)!remove_tree(AT_FDCWD, place->dir, &err);
}

static void file_write(const struct place *place, const char *name, const char *text)
{
	owned(fd) int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct error err;

	if (fd < 0 || write_all(fd, text, strlen(text), &err))
		abort();
}

static struct digest hash(const struct place *place, struct recall *recall)
{
	const struct copy_options options = { .recall = recall };
	struct digest digest = {};
	struct error err = {};

	CHECK(!tree_hash(&quiet, place->fd, "tree", &options, false, &digest, &err));
	CHECK_STR(err.text, "");
	return digest;
}

static struct stat old_looks(void)
{
	return (struct stat){
		.st_dev = 1,
		.st_ino = 2,
		.st_size = 3,
		.st_mtim = { 1000, 1 },
		.st_ctim = { 1000, 2 },
	};
}

TEST(files_are_known_by_all_that_the_kernel_says_of_them)
{
	struct recall *recall = recall_load("/nowhere/at/all");
	const struct digest digest = digest_of("x", 1);
	struct stat info = old_looks();
	struct digest got = {};

	recall_add(recall, &info, 2000, &digest);
	CHECK(recall_find(recall, &info, &got) && digest_equal(&got, &digest));
#define UNKNOWN_WITH(field, value)                         \
	do {                                               \
		struct stat other = old_looks();           \
		other.field = (value);                     \
		CHECK(!recall_find(recall, &other, &got)); \
	} while (0)
	UNKNOWN_WITH(st_dev, 9);
	UNKNOWN_WITH(st_ino, 9);
	UNKNOWN_WITH(st_size, 9);
	UNKNOWN_WITH(st_mtim.tv_sec, 9);
	UNKNOWN_WITH(st_mtim.tv_nsec, 9);
	UNKNOWN_WITH(st_ctim.tv_sec, 9);
	UNKNOWN_WITH(st_ctim.tv_nsec, 9);
	recall_drop(&recall);
}

TEST(files_that_may_still_change_unseen_are_not_remembered)
{
	static const struct {
		int64_t mtime, ctime;
		bool known;
	} cases[] = {
		{ 100, 100, true },   { 997, 997, true },   { 998, 998, true },
		{ 999, 100, false },  { 100, 999, false },  { 1000, 100, false },
		{ 100, 1000, false }, { 2000, 100, false }, { 100, 2000, false },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct recall *recall = recall_load("/nowhere/at/all");
		const struct digest digest = digest_of("x", 1);
		struct stat info = old_looks();
		struct digest got;

		info.st_mtim.tv_sec = cases[i].mtime;
		info.st_ctim.tv_sec = cases[i].ctime;
		recall_add(recall, &info, 1000, &digest);
		CHECK(recall_find(recall, &info, &got) == cases[i].known);
		recall_drop(&recall);
	}
}

TEST(thousands_of_files_are_known_again_from_the_file)
{
	struct place place = place_make();
	struct recall *recall = recall_load(place.recall);
	struct error err = {};
	struct digest got;
	size_t known = 0;

	for (unsigned i = 0; i < 5000; i++) {
		const struct digest digest = digest_of(&i, sizeof(i));
		struct stat info = old_looks();

		info.st_ino = i * 7;
		recall_add(recall, &info, 2000, &digest);
	}
	CHECK(!recall_save(recall, &err));
	recall_drop(&recall);
	recall = recall_load(place.recall);
	for (unsigned i = 0; i < 5000; i++) {
		const struct digest digest = digest_of(&i, sizeof(i));
		struct stat info = old_looks();

		info.st_ino = i * 7;
		known += recall_find(recall, &info, &got) && digest_equal(&got, &digest);
	}
	CHECK(known == 5000);
	recall_drop(&recall);
	place_remove(&place);
}

TEST(a_damaged_file_is_as_none)
{
	struct place place = place_make();

	for (int damage = 0; damage < 4; damage++) {
		struct recall *recall = recall_load("/nowhere/at/all");
		const struct digest digest = digest_of("x", 1);
		struct stat info = old_looks();
		owned(buf) struct buf text = {};
		struct error err = {};
		struct digest got;

		recall_drop(&recall);
		(void)!unlinkat(place.fd, "recall", 0);
		recall = recall_load(place.recall);
		recall_add(recall, &info, 2000, &digest);
		CHECK(!recall_save(recall, &err));
		recall_drop(&recall);
		CHECK(!read_file(AT_FDCWD, place.recall, 1 << 20, &text, &err));
		if (damage == 1)
			text.data[60] ^= 1;
		if (damage == 2)
			text.length--;
		if (damage == 3)
			text.data[16] ^= 1;
		CHECK(!file_replace(AT_FDCWD, place.recall, text.data, text.length, 0600, &err));
		recall = recall_load(place.recall);
		CHECK(recall_find(recall, &info, &got) == (damage == 0));
		recall_drop(&recall);
	}
	place_remove(&place);
}

TEST(trees_hash_alike_with_and_without_a_memory)
{
	struct place place = place_make();
	struct recall *recall = recall_load(place.recall);
	struct digest before, learnt, again, changed, fresh;
	struct stat info;

	file_write(&place, "tree/a", "one");
	file_write(&place, "tree/b", "two");
	before = hash(&place, NULL);
	learnt = hash(&place, recall);
	CHECK(digest_equal(&before, &learnt));
	/* Just written, so nothing was remembered: the same size and times are no proof. */
	CHECK(!fstatat(place.fd, "tree/a", &info, 0) && !recall_find(recall, &info, &fresh));
	/* What was remembered is believed, which shows that it is asked. */
	recall_add(recall, &info, time(NULL) + 100, &before);
	again = hash(&place, recall);
	CHECK(!digest_equal(&again, &learnt));
	/* Content that changes back to the same time is seen all the same: by the time of change,
	   which before Linux 6.13 only counts ticks of at most 10 ms. */
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	file_write(&place, "tree/a", "eno");
	CHECK(!utimensat(place.fd, "tree/a", (struct timespec[]){ info.st_atim, info.st_mtim }, 0));
	changed = hash(&place, recall);
	fresh = hash(&place, NULL);
	CHECK(digest_equal(&changed, &fresh) && !digest_equal(&changed, &before));
	recall_drop(&recall);
	place_remove(&place);
}
