/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "registry/registry.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/** A store in a directory of its own. */
struct fixture {
	char path[32];
	int dir; /* ROOT/oci */
	struct store *store;
};

static struct fixture fixture_new(void)
{
	struct fixture f = { .path = "/tmp/mpemu-unit-XXXXXX", .dir = -1 };
	struct error err = {};
	char oci[40];

	if (!mkdtemp(f.path) || store_open(NULL, f.path, &f.store, &err)) {
		tap_check(false, __FILE__, __LINE__, "%s: %s", f.path, err.text);
		exit(1);
	}
	snprintf(oci, sizeof(oci), "%s/oci", f.path);
	f.dir = open(oci, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f;
}

static void fixture_drop(struct fixture *f)
{
	struct error err = {};

	store_drop(&f->store);
	fd_drop(&f->dir);
	CHECK(!remove_tree(AT_FDCWD, f->path, &err));
}

static char *blob_path(const struct digest *digest)
{
	char hex[DIGEST_HEX_MAX];

	return xasprintf("blobs/sha256/%s", digest_hex(digest, hex));
}

static size_t files_in(int dir_fd, const char *name)
{
	DIR *dir = fdopendir(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t count = 0;

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static struct reference ref_of(const char *text)
{
	struct reference ref = {};
	struct error err = {};

	tap_check(!reference_parse(text, &ref, &err), __FILE__, __LINE__, "%s", err.text);
	return ref;
}

TEST(store_is_an_oci_layout)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf text = {};
	struct error err = {};

	CHECK(!read_file(f.dir, "oci-layout", 100, &text, &err));
	CHECK_STR(buf_text(&text), "{\"imageLayoutVersion\":\"1.0.0\"}");
	buf_clear(&text);
	CHECK(!read_file(f.dir, "index.json", 1000, &text, &err));
	CHECK(strstr(buf_text(&text), "\"manifests\": []"));
}

TEST(store_gives_back_what_was_put)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf text = {};
	struct descriptor at, again;
	struct error err = {};

	CHECK(!store_put(f.store, MEDIA_CONFIG, "hello", 5, &at, &err));
	CHECK(at.media == MEDIA_CONFIG && at.size == 5 && store_has(f.store, &at.digest));
	CHECK(!store_put(f.store, MEDIA_CONFIG, "hello", 5, &again, &err));
	CHECK(digest_equal(&at.digest, &again.digest));
	CHECK(!store_read(f.store, &at, 5, &text, &err));
	CHECK_STR(buf_text(&text), "hello");
	CHECK(store_read(f.store, &at, 4, &text, &err) && err.fault == FAULT_INPUT);
	CHECK(text.length == 5);
	CHECK(files_in(f.dir, "ingest") == 0);
}

TEST(store_takes_the_empty_blob)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf text = {};
	struct descriptor at;
	struct error err = {};

	CHECK(!store_put(f.store, MEDIA_CONFIG, "", 0, &at, &err));
	CHECK(!store_read(f.store, &at, 0, &text, &err) && text.length == 0);
}

TEST(store_says_that_a_blob_is_missing)
{
	owned(fixture) struct fixture f = fixture_new();
	struct descriptor at = { .digest = digest_of("x", 1), .size = 1 };
	struct error err = {};
	int fd = -1;

	CHECK(store_blob(f.store, &at, &fd, &err) && err.fault == FAULT_MISSING && fd == -1);
	CHECK_STR(err.text,
		  "blob sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
		  " is missing from the store: pull or build the image again");
}

/** How a blob can be wrong on disk. */
static const struct {
	const char *what, *why;
} damages[] = {
	{ "longer", "has 6 bytes, its descriptor says 5" },
	{ "other", "content is sha256:" },
	{ "link", "not a regular file" },
	{ "fifo", "not a regular file" },
	{ "directory", "not a regular file" },
};

static void damage(int dir, const char *path, const char *what)
{
	struct error err = {};

	CHECK(unlinkat(dir, path, 0) == 0);
	if (strcmp(what, "longer") == 0)
		CHECK(!file_replace(dir, path, "hello!", 6, 0644, &err));
	else if (strcmp(what, "other") == 0)
		CHECK(!file_replace(dir, path, "jello", 5, 0644, &err));
	else if (strcmp(what, "link") == 0)
		CHECK(symlinkat("/etc/passwd", dir, path) == 0);
	else if (strcmp(what, "fifo") == 0)
		CHECK(mkfifoat(dir, path, 0644) == 0);
	else
		CHECK(mkdirat(dir, path, 0755) == 0);
}

TEST(store_never_hands_out_damaged_content)
{
	for (size_t i = 0; i < countof(damages); i++) {
		owned(fixture) struct fixture f = fixture_new();
		owned(buf) struct buf text = {};
		owned(str) char *path = NULL;
		struct descriptor at;
		struct error err = {};

		CHECK(!store_put(f.store, MEDIA_CONFIG, "hello", 5, &at, &err));
		path = blob_path(&at.digest);
		damage(f.dir, path, damages[i].what);
		tap_check(store_read(f.store, &at, 100, &text, &err) &&
				  err.fault == FAULT_INTEGRITY && strstr(err.text, damages[i].why),
			  __FILE__, __LINE__, "%s: %s", damages[i].what, err.text);
		CHECK(text.length == 0);
	}
}

TEST(store_put_replaces_a_blob_of_the_wrong_size)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(buf) struct buf text = {};
	owned(str) char *path = NULL;
	struct descriptor at;
	struct error err = {};

	CHECK(!store_put(f.store, MEDIA_CONFIG, "hello", 5, &at, &err));
	path = blob_path(&at.digest);
	CHECK(!file_replace(f.dir, path, "hel", 3, 0644, &err));
	CHECK(!store_put(f.store, MEDIA_CONFIG, "hello", 5, &at, &err));
	CHECK(!store_read(f.store, &at, 5, &text, &err));
}

TEST(blob_has_its_name_only_once_it_is_whole)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(blob_writer) struct blob_writer *writer = NULL;
	struct digest digest = digest_of("hello", 5);
	struct error err = {};

	CHECK(!blob_writer_new(f.store, &writer, &err));
	CHECK(!write_all(blob_writer_fd(writer), "hello", 5, &err));
	CHECK(!store_has(f.store, &digest) && files_in(f.dir, "blobs/sha256") == 0);
	CHECK(!blob_writer_commit(take(writer), &digest, &err));
	CHECK(store_has(f.store, &digest) && files_in(f.dir, "ingest") == 0);

	CHECK(!blob_writer_new(f.store, &writer, &err));
	blob_writer_drop(&writer);
	CHECK(files_in(f.dir, "ingest") == 0);
}

TEST(store_open_sweeps_what_dead_writers_left)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(blob_writer) struct blob_writer *alive = NULL;
	struct store *again = NULL;
	struct error err = {};
	pid_t child;

	CHECK(!blob_writer_new(f.store, &alive, &err));
	child = fork();
	if (child == 0) {
		struct blob_writer *dead = NULL;

		if (blob_writer_new(f.store, &dead, &err))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	CHECK(waitpid(child, NULL, 0) == child && files_in(f.dir, "ingest") == 2);
	CHECK(!store_open(NULL, f.path, &again, &err));
	store_drop(&again);
	CHECK(files_in(f.dir, "ingest") == 1);
	CHECK(!write_all(blob_writer_fd(alive), "x", 1, &err));
	CHECK(!blob_writer_commit(take(alive), &(struct digest){ { 1 } }, &err));
}

static struct descriptor manifest_put(struct store *store, const char *text)
{
	struct descriptor at = {};
	struct error err = {};

	CHECK(!store_put(store, MEDIA_MANIFEST, text, strlen(text), &at, &err));
	return at;
}

TEST(store_tag_moves_a_name_and_untag_ends_it)
{
	owned(fixture) struct fixture f = fixture_new();
	struct descriptor one = manifest_put(f.store, "{1}"), two = manifest_put(f.store, "{2}");
	struct reference ref = ref_of("demo"), other = ref_of("docker.io/library/demo:latest");
	struct descriptor got;
	struct error err = {};

	CHECK(store_resolve(f.store, &ref, &got, &err) && err.fault == FAULT_MISSING);
	CHECK(starts_with(err.text, "docker.io/library/demo:latest is not in the store"));
	CHECK(!store_tag(f.store, &ref, &one, &err));
	CHECK(!store_resolve(f.store, &other, &got, &err) &&
	      digest_equal(&got.digest, &one.digest));
	CHECK(!store_tag(f.store, &other, &two, &err));
	CHECK(!store_resolve(f.store, &ref, &got, &err) && digest_equal(&got.digest, &two.digest));
	CHECK(!store_untag(f.store, &ref, &err));
	CHECK(store_untag(f.store, &ref, &err) && err.fault == FAULT_MISSING);
}

TEST(store_move_wants_the_name_to_be_where_it_was)
{
	owned(fixture) struct fixture f = fixture_new();
	struct descriptor one = manifest_put(f.store, "{1}"), two = manifest_put(f.store, "{2}");
	struct reference ref = ref_of("demo");
	struct descriptor got;
	struct error err = {};
	bool moved = true;

	CHECK(!store_move(f.store, &ref, &one.digest, &two, &moved, &err) && !moved);
	CHECK(!store_tag(f.store, &ref, &one, &err));
	CHECK(!store_move(f.store, &ref, &two.digest, &one, &moved, &err) && !moved);
	CHECK(!store_move(f.store, &ref, &one.digest, &two, &moved, &err) && moved);
	CHECK(!store_resolve(f.store, &ref, &got, &err) && digest_equal(&got.digest, &two.digest));
}

TEST(store_names_only_images_and_indexes)
{
	owned(fixture) struct fixture f = fixture_new();
	struct reference ref = ref_of("demo");
	struct descriptor at;
	struct error err = {};

	CHECK(!store_put(f.store, MEDIA_CONFIG, "{}", 2, &at, &err));
	CHECK(store_tag(f.store, &ref, &at, &err) && err.fault == FAULT_INPUT);
}

TEST(store_resolves_a_digest_under_any_name_of_its_repository)
{
	owned(fixture) struct fixture f = fixture_new();
	struct descriptor one = manifest_put(f.store, "{1}"), index, got;
	struct reference ref = ref_of("demo:1"), pinned = ref_of("demo"), other = ref_of("x/demo");
	struct error err = {};

	pinned.pinned = other.pinned = true;
	pinned.digest = other.digest = one.digest;
	CHECK(store_resolve(f.store, &pinned, &got, &err) && err.fault == FAULT_MISSING);
	CHECK(!store_tag(f.store, &ref, &one, &err));
	CHECK(!store_resolve(f.store, &pinned, &got, &err));
	CHECK(store_resolve(f.store, &other, &got, &err) && err.fault == FAULT_MISSING);

	strcpy(one.platform.os, "linux");
	strcpy(one.platform.arch, "arm64");
	CHECK(!index_write(f.store, &one, 1, NULL, &index, &err));
	CHECK(!store_tag(f.store, &ref, &index, &err));
	CHECK(!store_resolve(f.store, &pinned, &got, &err) && got.media == MEDIA_MANIFEST);
	CHECK_STR(got.platform.arch, "arm64");
}

TEST(store_list_is_sorted_and_reads_what_others_wrote)
{
	static const char *const names[] = { "z:1", "demo", "ghcr.io/a/b:2" };
	owned(fixture) struct fixture f = fixture_new();
	struct descriptor at = manifest_put(f.store, "{1}");
	owned(buf) struct buf text = {};
	struct store_entry *list = NULL;
	struct error err = {};
	size_t count = 0;
	char *end;

	for (size_t i = 0; i < countof(names); i++) {
		struct reference ref = ref_of(names[i]);

		CHECK(!store_tag(f.store, &ref, &at, &err));
	}
	/* skopeo writes whatever stood after the path; some entries have no name at all */
	CHECK(!read_file(f.dir, "index.json", 10000, &text, &err));
	end = strrchr(text.data, ']');
	if (CHECK(end)) {
		owned(buf) struct buf more = {};

		buf_add(&more, text.data, (size_t)(end - text.data));
		buf_add_str(&more,
			    ",{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
			    "\"size\":3,\"digest\":\"sha256:"
			    "0000000000000000000000000000000000000000000000000000000000000000"
			    "\",\"annotations\":{\"org.opencontainers.image.ref.name\":"
			    "\"copied:7\"}},{\"no\":\"name\"}]}");
		CHECK(!file_replace(f.dir, "index.json", more.data, more.length, 0644, &err));
	}
	if (tap_check(!store_list(f.store, &list, &count, &err), __FILE__, __LINE__, "%s",
		      err.text) &&
	    CHECK(count == 4)) {
		CHECK_STR(list[0].name, "docker.io/library/copied:7");
		CHECK_STR(list[1].name, "docker.io/library/demo:latest");
		CHECK_STR(list[2].name, "docker.io/library/z:1");
		CHECK_STR(list[3].name, "ghcr.io/a/b:2");
	}
	free(list);
}

/** What index.json may be instead of itself. */
static const struct {
	const char *text, *why; /* text NULL: a FIFO */
} indexes[] = {
	{ NULL, "index.json: not a regular file" },
	{ "", "index.json:1:0: not JSON" },
	{ "{\"schemaVersion\":2,\"manifests\":7}", "index.json.manifests: wrong type" },
	{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", "both an index and a manifest" },
	{ "{\"schemaVersion\":2,\"manifests\":[{\"annotations\":{"
	  "\"io.containerd.image.name\":\"demo\"}}]}",
	  "index.json.manifests[0].mediaType: missing" },
};

TEST(store_says_what_is_wrong_with_its_index)
{
	for (size_t i = 0; i < countof(indexes); i++) {
		owned(fixture) struct fixture f = fixture_new();
		struct reference ref = ref_of("demo");
		struct descriptor got;
		struct error err = {};

		CHECK(unlinkat(f.dir, "index.json", 0) == 0);
		if (indexes[i].text)
			CHECK(!file_replace(f.dir, "index.json", indexes[i].text,
					    strlen(indexes[i].text), 0644, &err));
		else
			CHECK(mkfifoat(f.dir, "index.json", 0644) == 0);
		tap_check(store_resolve(f.store, &ref, &got, &err) &&
				  strstr(err.text, indexes[i].why) && strstr(err.text, f.path),
			  __FILE__, __LINE__, "%s", err.text);
	}
}

TEST(store_refuses_a_layout_it_does_not_know)
{
	owned(fixture) struct fixture f = fixture_new();
	struct store *again = NULL;
	struct error err = {};

	CHECK(!file_replace(f.dir, "oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}", 30, 0644,
			    &err));
	CHECK(store_open(NULL, f.path, &again, &err) && strstr(err.text, "only 1.0.0 is known"));
	CHECK(fchmod(f.dir, 0777) == 0);
	CHECK(store_open(NULL, f.path, &again, &err) && err.fault == FAULT_PRIVILEGE);
}

enum { TAGGERS = 4, TAGS_EACH = 10 };

struct tagger {
	const char *path;
	int number;
	bool failed;
};

/** Opens the store by itself, as another process would. */
static void *tag_many(void *argument)
{
	struct tagger *tagger = argument;
	owned(store) struct store *store = NULL;
	struct error err = {};
	struct descriptor at;

	tagger->failed = store_open(NULL, tagger->path, &store, &err) ||
			 store_put(store, MEDIA_MANIFEST, "{}", 2, &at, &err);
	for (int i = 0; i < TAGS_EACH && !tagger->failed; i++) {
		owned(str) char *name = xasprintf("demo:%d-%d", tagger->number, i);
		struct reference ref;

		tagger->failed = reference_parse(name, &ref, &err) ||
				 store_tag(store, &ref, &at, &err) ||
				 store_resolve(store, &ref, &at, &err);
	}
	return NULL;
}

TEST(store_loses_no_name_to_another_writer)
{
	owned(fixture) struct fixture f = fixture_new();
	struct tagger taggers[TAGGERS];
	pthread_t threads[TAGGERS];
	struct store_entry *list = NULL;
	struct error err = {};
	size_t count = 0;

	for (int i = 0; i < TAGGERS; i++) {
		taggers[i] = (struct tagger){ .path = f.path, .number = i };
		CHECK(pthread_create(&threads[i], NULL, tag_many, &taggers[i]) == 0);
	}
	for (int i = 0; i < TAGGERS; i++) {
		pthread_join(threads[i], NULL);
		CHECK(!taggers[i].failed);
	}
	CHECK(!store_list(f.store, &list, &count, &err) && count == (size_t)TAGGERS * TAGS_EACH);
	free(list);
}

TEST(store_says_that_the_disk_is_full)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(store) struct store *store = NULL;
	owned(str) char *big = xcalloc(1, 2 << 20);
	struct descriptor at;
	struct error err = {};

	if (!CHECK(mkdtemp(path)))
		return;
	if (mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=755") < 0) {
		rmdir(path);
		tap_skip("cannot mount a tmpfs");
	}
	CHECK(!store_open(NULL, path, &store, &err));
	CHECK(store_put(store, MEDIA_CONFIG, big, 2 << 20, &at, &err));
	CHECK(err.fault == FAULT_SYSTEM && err.sys == ENOSPC);
	CHECK(strstr(err.text, "No space left on device") && strstr(err.text, path));
	store_drop(&store);
	CHECK(umount(path) == 0 && rmdir(path) == 0);
}
