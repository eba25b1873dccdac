/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Filters that are kept: the same as when they were made, and never somebody else's.
 */
#include "sandbox/filter_cache.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t capability = UINT64_C(1) << 25;

/** A directory of its own, and the only file that was kept in it. */
struct place {
	char top[256];
	char *directory, *file;
};

static void place_drop(struct place *place)
{
	struct error err = {};

	filter_cache_use(NULL);
	CHECK(!remove_tree(AT_FDCWD, place->top, &err));
	str_drop(&place->directory);
	str_drop(&place->file);
}

static void place_make(struct place *place)
{
	const char *parent = getenv("TMPDIR");

	*place = (struct place){};
	snprintf(place->top, sizeof(place->top), "%s/mpemu-filters-XXXXXX",
		 parent ? parent : "/tmp");
	if (!mkdtemp(place->top))
		tap_skip("no scratch directory");
	place->directory = xasprintf("%s/filters", place->top);
	filter_cache_use(place->directory);
}

/** The digest that names the only file: what its filter was made from. */
static bool key_find(struct place *place, struct digest *key)
{
	owned(str) char *command = xasprintf("ls %s", place->directory);
	FILE *list = popen(command, "r");
	char name[80] = "", text[90];
	struct error err = {};

	if (!list)
		return false;
	(void)!fscanf(list, "%79s", name);
	pclose(list);
	str_drop(&place->file);
	place->file = xasprintf("%s/%s", place->directory, name);
	snprintf(text, sizeof(text), "sha256:%s", name);
	return digest_parse(text, key, &err) == OK;
}

static bool loads(const struct digest *key)
{
	struct filter filter = {};
	bool loaded = filter_load(key, &filter);

	free(filter.instructions);
	return loaded;
}

TEST(a_kept_filter_is_the_one_that_was_made)
{
	__attribute__((cleanup(place_drop))) struct place place;
	struct filter made = {}, again = {}, kept = {};
	struct error err = {};
	struct digest key;

	place_make(&place);
	if (!CHECK(!filter_build(FILTER_NATIVE, capability, &made, &err) &&
		   !filter_build(FILTER_NATIVE, capability, &again, &err) &&
		   key_find(&place, &key) && filter_load(&key, &kept)))
		return;
	CHECK(made.count == kept.count && made.count == again.count && made.count > 50);
	CHECK(memcmp(made.instructions, kept.instructions,
		     made.count * sizeof(struct sock_filter)) == 0);
	free(made.instructions);
	free(again.instructions);
	free(kept.instructions);
}

TEST(filters_of_other_kinds_and_capabilities_are_others)
{
	static const struct {
		enum filter_kind kind;
		uint64_t capabilities;
	} others[] = { { FILTER_NATIVE, 0 },
		       { FILTER_NATIVE, UINT64_C(1) << 21 },
		       { FILTER_EMULATED, UINT64_C(1) << 25 } };
	__attribute__((cleanup(place_drop))) struct place place;
	struct filter first = {};
	struct error err = {};

	place_make(&place);
	if (!CHECK(!filter_build(FILTER_NATIVE, capability, &first, &err)))
		return;
	for (size_t i = 0; i < countof(others); i++) {
		struct filter other = {};

		if (CHECK(!filter_build(others[i].kind, others[i].capabilities, &other, &err)))
			CHECK(other.count != first.count ||
			      memcmp(other.instructions, first.instructions,
				     first.count * sizeof(struct sock_filter)) != 0);
		free(other.instructions);
	}
	free(first.instructions);
}

static void byte_flip(const char *path)
{
	owned(fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	char byte = 0;

	CHECK(fd >= 0 && pread(fd, &byte, 1, 100) == 1);
	byte ^= 1;
	CHECK(pwrite(fd, &byte, 1, 100) == 1);
}

static void end_cut(const char *path)
{
	CHECK(truncate(path, 200) == 0);
}

static void all_cut(const char *path)
{
	CHECK(truncate(path, 0) == 0);
}

static void group_writes(const char *path)
{
	CHECK(chmod(path, 0660) == 0);
}

static void link_instead(const char *path)
{
	owned(str) char *aside = xasprintf("%s-real", path);

	CHECK(rename(path, aside) == 0 && symlink(strrchr(aside, '/') + 1, path) == 0);
}

static void fifo_instead(const char *path)
{
	CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
}

static void directory_of_all(const char *path)
{
	owned(str) char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	CHECK(chmod(directory, 0777) == 0);
}

static const struct {
	const char *name;
	void (*spoil)(const char *path);
} spoilt[] = {
	{ "another byte", byte_flip },
	{ "a part", end_cut },
	{ "nothing", all_cut },
	{ "a file that others may write", group_writes },
	{ "a link", link_instead },
	{ "a FIFO", fifo_instead },
	{ "a directory of all", directory_of_all },
};

TEST(a_filter_that_may_be_somebody_elses_is_not_trusted)
{
	for (size_t i = 0; i < countof(spoilt); i++) {
		__attribute__((cleanup(place_drop))) struct place place;
		struct filter filter = {};
		struct error err = {};
		struct digest key;

		place_make(&place);
		if (!CHECK(!filter_build(FILTER_NATIVE, capability, &filter, &err)))
			return;
		free(filter.instructions);
		if (!CHECK(key_find(&place, &key) && loads(&key)))
			return;
		spoilt[i].spoil(place.file);
		tap_check(!loads(&key), __FILE__, __LINE__, "%s is trusted", spoilt[i].name);
	}
}

TEST(without_a_place_for_them_filters_are_made_each_time)
{
	struct filter filter = {};
	struct error err = {};

	filter_cache_use("/proc/no/such/place");
	CHECK(!filter_build(FILTER_NATIVE, capability, &filter, &err) && filter.count > 50);
	filter_cache_use(NULL);
	free(filter.instructions);
}
