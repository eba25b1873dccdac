/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

struct fixture {
	char path[32];
	struct cache *cache;
};

static struct fixture fixture_new(void)
{
	struct fixture f = { .path = "/tmp/mpemu-unit-XXXXXX" };
	struct error err = {};

	if (!mkdtemp(f.path) || cache_open(NULL, f.path, &f.cache, &err)) {
		tap_check(false, __FILE__, __LINE__, "%s: %s", f.path, err.text);
		exit(1);
	}
	return f;
}

static void fixture_drop(struct fixture *f)
{
	struct error err = {};

	cache_drop(&f->cache);
	CHECK(!remove_tree(AT_FDCWD, f->path, &err));
}

/** Change the database behind the cache's back. */
static void run_sql(const struct fixture *f, const char *sql)
{
	owned(str) char *path = xasprintf("%s/cache.db", f->path);
	sqlite3 *db = NULL;

	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
}

static const struct digest key_a = { { 1 } }, key_b = { { 2 } };
static const struct made made = {
	.layer = { .blob = { .media = MEDIA_LAYER_GZIP, .size = 7, .digest = { { 3 } } },
		   .diff_id = { { 4 } } },
	.time = 1000,
};

TEST(a_step_is_found_as_it_was_recorded)
{
	owned(fixture) struct fixture f = fixture_new();
	struct made got = {};
	struct error err = {};
	bool found = true;

	CHECK(!cache_lookup(f.cache, &key_a, &got, &found, &err) && !found);
	CHECK(!cache_record(f.cache, &key_a, &made, "RUN a", &err));
	CHECK(!cache_lookup(f.cache, &key_a, &got, &found, &err) && found);
	CHECK(got.time == 1000 && got.layer.blob.size == 7 &&
	      got.layer.blob.media == MEDIA_LAYER_GZIP &&
	      digest_equal(&got.layer.diff_id, &made.layer.diff_id));
	CHECK(!cache_forget(f.cache, &key_a, &err));
	CHECK(!cache_lookup(f.cache, &key_a, &got, &found, &err) && !found);
}

/** What another version or a stray bit left is no step. */
TEST(a_row_that_makes_no_sense_is_not_found)
{
	static const char *const changes[] = { "media = 0", "media = 99", "diff_id = 'short'",
					       "blob = x'00'" };
	owned(fixture) struct fixture f = fixture_new();
	struct made got;
	struct error err = {};
	bool found;

	for (size_t i = 0; i < countof(changes); i++) {
		owned(str) char *sql = xasprintf("UPDATE steps SET %s", changes[i]);

		CHECK(!cache_record(f.cache, &key_a, &made, "RUN a", &err));
		run_sql(&f, sql);
		CHECK(!cache_lookup(f.cache, &key_a, &got, &found, &err));
		tap_check(!found, __FILE__, __LINE__, "found with %s", changes[i]);
	}
}

TEST(notes_that_are_of_use_stay_when_others_expire)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf a = {}, b = {};
	struct error err = {};
	bool found = false;

	CHECK(!cache_note_keep(f.cache, &key_a, "one", &err));
	CHECK(!cache_note_keep(f.cache, &key_b, "two", &err));
	CHECK(!cache_notes_expire(f.cache, &err));
	run_sql(&f, "UPDATE notes SET used = 1000");
	CHECK(!cache_note_find(f.cache, &key_a, &a, &found, &err) && found);
	CHECK_STR(buf_text(&a), "one");
	CHECK(!cache_notes_expire(f.cache, &err));
	buf_clear(&a);
	CHECK(!cache_note_find(f.cache, &key_a, &a, &found, &err) && found);
	CHECK_STR(buf_text(&a), "one");
	CHECK(!cache_note_find(f.cache, &key_b, &b, &found, &err) && !found && !b.length);
}

/** Garbage from some place on: the head, or a page that is looked at later. */
TEST(a_damaged_database_is_put_aside_and_begun_anew)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(str) char *path = xasprintf("%s/cache.db", f.path);
	owned(str) char *aside = xasprintf("%s.bad", path);
	char garbage[4096];
	struct made got;
	struct error err = {};
	bool found = true;

	CHECK(!cache_record(f.cache, &key_a, &made, "RUN a", &err));
	cache_drop(&f.cache);
	memset(garbage, 'x', sizeof(garbage));
	for (int page = 1; page >= 0; page--) {
		owned(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

		CHECK(pwrite(fd, garbage, sizeof(garbage), page * 4096) == sizeof(garbage));
		if (!CHECK(!cache_open(NULL, f.path, &f.cache, &err)))
			return;
		tap_check(!cache_lookup(f.cache, &key_a, &got, &found, &err) && !found, __FILE__,
			  __LINE__, "page %d: %s", page, err.text);
		CHECK(!cache_record(f.cache, &key_a, &made, "RUN a", &err));
		cache_drop(&f.cache);
		CHECK(access(aside, F_OK) == 0 && unlink(aside) == 0);
		if (!CHECK(!cache_open(NULL, f.path, &f.cache, &err)))
			return;
		CHECK(!cache_record(f.cache, &key_a, &made, "RUN a", &err));
		CHECK(!cache_lookup(f.cache, &key_a, &got, &found, &err) && found);
		cache_drop(&f.cache);
	}
}
