/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who may remove things from the store, and what names lead to.
 */
#include "registry/registry.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	char path[32];
	struct store *store;
};

static struct fixture fixture_new(void)
{
	struct fixture f = { .path = "/tmp/mpemu-unit-XXXXXX" };
	struct error err = {};

	if (!mkdtemp(f.path) || store_open(NULL, f.path, &f.store, &err)) {
		tap_check(false, __FILE__, __LINE__, "%s: %s", f.path, err.text);
		exit(1);
	}
	return f;
}

static void fixture_drop(struct fixture *f)
{
	struct error err = {};

	store_drop(&f->store);
	CHECK(!remove_tree(AT_FDCWD, f->path, &err));
}

static void file_put(const struct fixture *f, const char *name, const char *text)
{
	owned(str) char *path = xasprintf("%s/oci/%s", f->path, name);
	struct error err = {};
	owned(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && !write_all(fd, text, strlen(text), &err));
}

TEST(only_the_last_user_of_a_store_may_remove_things)
{
	owned(fixture) struct fixture f = fixture_new();
	struct store *other = NULL;
	struct error err = {};

	CHECK(!store_open(NULL, f.path, &other, &err));
	CHECK(store_lock(f.store, &err) && err.fault == FAULT_SYSTEM &&
	      strstr(err.text, "another mpemu is using the store"));
	store_drop(&other);
	CHECK(!store_lock(f.store, &err));
}

TEST(who_waits_for_a_store_can_be_stopped)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(cancel) struct cancel *cancel = cancel_new();
	const struct ctx ctx = { .cancel = cancel };
	owned(store) struct store *other = NULL;
	struct error err = {};

	CHECK(!store_lock(f.store, &err));
	cancel_fire(cancel, NULL);
	CHECK(store_open(&ctx, f.path, &other, &err) && err.fault == FAULT_CANCELLED);
}

TEST(store_blobs_lists_what_is_named_by_a_digest)
{
	owned(fixture) struct fixture f = fixture_new();
	struct store_blob *blobs = NULL;
	struct descriptor a, b;
	struct error err = {};
	size_t count = 0;

	CHECK(!store_put(f.store, MEDIA_CONFIG, "one", 3, &a, &err));
	CHECK(!store_put(f.store, MEDIA_CONFIG, "two!", 4, &b, &err));
	file_put(&f, "blobs/sha256/README", "not a blob");
	CHECK(!store_blobs(f.store, &blobs, &count, &err) && count == 2);
	CHECK(memcmp(&blobs[0].digest, &blobs[1].digest, sizeof(blobs[0].digest)) < 0);
	CHECK(blobs[0].size + blobs[1].size == 7);
	free(blobs);
	CHECK(!store_remove(f.store, &a.digest, &err) && !store_remove(f.store, &a.digest, &err));
	CHECK(!store_has(f.store, &a.digest) && store_has(f.store, &b.digest));
}

TEST(store_verify_finds_the_blob_that_changed)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(cancel) struct cancel *cancel = cancel_new();
	const struct ctx ctx = { .cancel = cancel };
	struct store_blob *blobs = NULL;
	struct error err = {};
	size_t count = 0, damaged = 0;

	for (int i = 0; i < 20; i++) {
		struct descriptor put;
		char text[8];

		snprintf(text, sizeof(text), "%d", i);
		CHECK(!store_put(f.store, MEDIA_CONFIG, text, strlen(text), &put, &err));
		if (i == 7) {
			char hex[DIGEST_HEX_MAX];
			owned(str) char *name =
				xasprintf("blobs/sha256/%s", digest_hex(&put.digest, hex));

			file_put(&f, name, "8");
		}
	}
	CHECK(!store_blobs(f.store, &blobs, &count, &err) && count == 20);
	CHECK(!store_verify(&ctx, f.store, blobs, count, &err));
	for (size_t i = 0; i < count; i++)
		damaged += blobs[i].damaged;
	CHECK(damaged == 1);
	free(blobs);
}

TEST(store_sweep_counts_or_removes_what_died_half_written)
{
	owned(fixture) struct fixture f = fixture_new();
	struct error err = {};
	size_t seen = 0, removed = 0, left = 0;

	file_put(&f, "index.json.new-1-1", "{");
	CHECK(!store_sweep(f.store, true, &seen, &err) && seen == 1);
	CHECK(!store_sweep(f.store, false, &removed, &err) && removed == 1);
	CHECK(!store_sweep(f.store, true, &left, &err) && left == 0);
}

/** What a walk met. */
struct met {
	size_t names, entries, parts, unreadable;
};

static result on_reached(void *arg, const struct reached *reached, bool *enter, struct error *err)
{
	struct met *met = arg;

	(void)enter;
	(void)err;
	met->unreadable += reached->why != NULL;
	if (!reached->why && reached->lead == LEAD_NAME)
		met->names++;
	if (!reached->why && reached->lead == LEAD_ENTRY)
		met->entries++;
	if (!reached->why && reached->lead == LEAD_PART)
		met->parts++;
	return OK;
}

TEST(store_walk_meets_what_is_named_and_what_is_not_pulled)
{
	owned(fixture) struct fixture f = fixture_new();
	struct platform platform = { .os = "linux", .arch = "amd64" };
	owned(image) struct image *image = image_new(&platform);
	struct descriptor entries[2] = {}, index;
	struct reference ref;
	struct met met = {};
	struct error err = {};

	CHECK(!image_write(f.store, image, NULL, &entries[0], &err));
	entries[1] = entries[0];
	entries[1].digest = (struct digest){ { 1 } };
	CHECK(!index_write(f.store, entries, 2, NULL, &index, &err));
	CHECK(!reference_parse("walk:1", &ref, &err) && !store_tag(f.store, &ref, &index, &err));
	CHECK(!store_walk(f.store, on_reached, &met, &err));
	CHECK(met.names == 1 && met.entries == 2 && met.parts == 1 && met.unreadable == 0);
}

TEST(store_walk_tells_what_it_cannot_read_and_meets_what_has_no_name)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf names = {};
	struct descriptor at;
	char digest[DIGEST_TEXT_MAX];
	struct met met = {};
	struct error err = {};

	CHECK(!store_put(f.store, MEDIA_MANIFEST, "{}", 2, &at, &err));
	buf_printf(&names,
		   "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"size\":2,"
		   "\"digest\":\"%s\"}]}",
		   media_text(MEDIA_MANIFEST, false), digest_text(&at.digest, digest));
	file_put(&f, "index.json", buf_text(&names));
	CHECK(!store_walk(f.store, on_reached, &met, &err));
	CHECK(met.names == 1 && met.unreadable == 1);
}

/** Each of these holds the one before it 100 times: 10^10 ways lead to the first. */
TEST(store_walk_reads_once_what_is_listed_many_times)
{
	enum { LEVELS = 5, COPIES = 100 };
	owned(fixture) struct fixture f = fixture_new();
	struct platform platform = { .os = "linux", .arch = "amd64" };
	owned(image) struct image *image = image_new(&platform);
	struct descriptor entries[COPIES], at;
	struct reference ref;
	struct met met = {};
	struct error err = {};

	CHECK(!image_write(f.store, image, NULL, &at, &err));
	for (int level = 0; level < LEVELS; level++) {
		for (int i = 0; i < COPIES; i++)
			entries[i] = at;
		CHECK(!index_write(f.store, entries, COPIES, NULL, &at, &err));
	}
	CHECK(!reference_parse("walk:1", &ref, &err) && !store_tag(f.store, &ref, &at, &err));
	CHECK(!store_walk(f.store, on_reached, &met, &err));
	/* The innermost index is one too many. */
	CHECK(met.names == 1 && met.entries == LEVELS * COPIES && met.parts == 0);
	CHECK(met.unreadable == 1);
}

TEST(store_list_has_each_name_once_and_sorted)
{
	static const char *const names[] = { "b:1", "a:2", "b:1", "a:1", "not a name" };
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf text = {};
	struct store_entry *list = NULL;
	struct error err = {};
	size_t count = 0;

	buf_add_str(&text, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < countof(names); i++)
		buf_printf(&text,
			   "%s{\"mediaType\":\"%s\",\"size\":%zu,\"digest\":\"sha256:%064d\","
			   "\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}",
			   i ? "," : "", media_text(MEDIA_MANIFEST, false), i, 0, names[i]);
	buf_add_str(&text, "]}");
	file_put(&f, "index.json", buf_text(&text));
	if (!CHECK(!store_list(f.store, &list, &count, &err) && count == 3))
		return;
	CHECK_STR(list[0].name, "docker.io/library/a:1");
	CHECK_STR(list[1].name, "docker.io/library/a:2");
	CHECK_STR(list[2].name, "docker.io/library/b:1");
	CHECK(list[2].target.size == 0);
	free(list);
}
