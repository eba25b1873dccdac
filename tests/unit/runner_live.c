/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/fd.h"
#include "runner/twin_files.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <openssl/md5.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

/* A directory that a step writes to, and what it may do to a file of it before, or while, somebody
 * wants to know what its content is. */

static const char genuine[] = "genuine content of a program\n";

struct place {
	char path[64];
	int root;
	int held; /* descriptor */
	char *mapped;
};

static struct sum sum_of(const char *text)
{
	struct sum sum = { .kind = SUM_MD5 };

	MD5((const unsigned char *)text, strlen(text), sum.bytes);
	return sum;
}

static void tick(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
}

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME_COARSE, &time);
	return time;
}

static struct place place_make(const char *parent)
{
	struct place place = { .held = -1 };
	struct error err;
	owned(fd) int fd = -1;

	snprintf(place.path, sizeof(place.path), "%s/live-XXXXXX", parent);
	CHECK(mkdtemp(place.path) != NULL);
	place.root = open(place.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(place.root, "tool", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CHECK(fd >= 0 && !write_all(fd, genuine, strlen(genuine), &err));
	return place;
}

static void place_drop(struct place *place)
{
	struct error err;

	if (place->mapped)
		munmap(place->mapped, 4096);
	fd_drop(&place->held);
	fd_drop(&place->root);
	(void)remove_tree(AT_FDCWD, place->path, &err);
}

static void hold(struct place *place)
{
	place->held = openat(place->root, "tool", O_RDWR | O_CLOEXEC);
}

static void map(struct place *place)
{
	hold(place);
	place->mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, place->held, 0);
	CHECK(place->mapped != MAP_FAILED);
	fd_drop(&place->held);
}

static void map_and_write(struct place *place)
{
	map(place);
	place->mapped[0] = 'g';
}

static void touch(struct place *place)
{
	const struct timespec times[] = { { 1, 0 }, { 1, 0 } };

	CHECK(utimensat(place->root, "tool", times, 0) == 0);
}

static void hold_to_read(struct place *place)
{
	place->held = openat(place->root, "tool", O_RDONLY | O_CLOEXEC);
}

static void nothing(struct place *place)
{
	(void)place;
}

static void rewrite(struct place *place)
{
	owned(fd) int fd = openat(place->root, "tool", O_WRONLY | O_CLOEXEC);
	struct stat info;

	fstat(fd, &info);
	CHECK(pwrite(fd, "G", 1, 0) == 1);
	/* All times that it may set. */
	CHECK(futimens(fd, (struct timespec[]){ info.st_atim, info.st_mtim }) == 0);
}

static void replace(struct place *place)
{
	owned(fd) int fd = openat(place->root, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct error err;

	CHECK(!write_all(fd, genuine, strlen(genuine), &err));
	CHECK(renameat(place->root, "other", place->root, "tool") == 0);
}

static void move_away(struct place *place)
{
	CHECK(renameat(place->root, "tool", place->root, "elsewhere") == 0);
}

static void map_later(struct place *place)
{
	map(place);
	place->mapped[0] = 'G';
}

static const struct {
	const char *name;
	void (*before)(struct place *);  /* the file is found */
	void (*between)(struct place *); /* it was found and is to be compared */
	bool waits;                      /* some ticks pass before it is looked for */
	bool same;
} cases[] = {
	{ "a file that nobody touches any more", nothing, nothing, true, true },
	{ "one whose times were set", touch, nothing, true, true },
	{ "one that is open for reading", hold_to_read, nothing, true, true },
	{ "one that was just written", nothing, nothing, false, false },
	{ "one that is open for writing", hold, nothing, true, false },
	{ "one that is mapped for writing", map, nothing, true, false },
	{ "one with a page that is written to already", map_and_write, nothing, true, false },
	{ "one that is written to in place", nothing, rewrite, true, false },
	{ "one that is mapped and written to", nothing, map_later, true, false },
	{ "one in whose place another is put", nothing, replace, true, false },
	{ "one that is moved away", nothing, move_away, true, false },
};

TEST(what_a_step_may_still_write_to_has_no_content_yet)
{
	const struct sum want = sum_of(genuine);

	for (size_t i = 0; i < countof(cases); i++) {
		const struct timespec since = now();
		struct place place = place_make("/var/tmp");
		struct twin_live live = { .upper = twin_upper_open(place.path), .archive = -1 };
		const struct twin_request request = { .foreign = place.root, .live = &live };
		owned(found) struct found found = { .fd = -1 };
		struct error err;
		bool same = true;

		if (live.upper < 0) {
			place_drop(&place);
			tap_skip("/var/tmp is on no disk");
		}
		cases[i].before(&place);
		if (cases[i].waits)
			tick();
		live.since = since;
		live.begun = now();
		CHECK(foreign_open(&request, "/tool", &found));
		cases[i].between(&place);
		CHECK(!foreign_verify(&request, &found, &want, &same, &err));
		tap_check(same == cases[i].same, __FILE__, __LINE__, "%s: %s", cases[i].name,
			  same ? "the same" : "not the same");
		fd_drop(&live.upper);
		place_drop(&place);
	}
}

TEST(what_is_older_than_the_step_is_of_a_layer)
{
	struct place place = place_make("/var/tmp");
	const struct twin_live live = { .upper = -1, .archive = -1 };
	struct twin_live later = live;
	struct twin_request request = { .foreign = place.root, .live = &later };
	const struct sum want = sum_of(genuine);
	owned(found) struct found found = { .fd = -1 };
	struct error err;
	bool same = false;

	tick();
	later.since = later.begun = now();
	CHECK(foreign_open(&request, "/tool", &found));
	CHECK(!foreign_verify(&request, &found, &want, &same, &err) && same);
	/* Without a directory on disk that is all that is believed. */
	request.live = &live;
	CHECK(!foreign_verify(&request, &found, &want, &same, &err) && !same);
	place_drop(&place);
}

TEST(what_a_step_writes_to_memory_is_not_believed)
{
	CHECK(twin_upper_open("/dev/shm") == -1);
	CHECK(twin_upper_open("/nowhere") == -1);
}

TEST(a_file_that_may_change_is_copied_and_not_mapped)
{
	struct place place = place_make("/var/tmp");
	const struct twin_live live = { .upper = -1, .archive = -1 };
	const struct twin_request request = { .foreign = place.root, .live = &live };
	owned(found) struct found found = { .fd = -1 };
	uint8_t *data = NULL;
	size_t size = 0;

	CHECK(foreign_open(&request, "/tool", &found));
	tick();
	if (CHECK(found_map(&found, &data, &size))) {
		rewrite(&place);
		CHECK(size == strlen(genuine) && memcmp(data, genuine, size) == 0);
		munmap(data, size);
	}
	CHECK(!found_map(&found, &data, &size));
	place_drop(&place);
}
