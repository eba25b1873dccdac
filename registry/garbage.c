/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is in the store, what names lead to, and removing the rest.
 *
 * Whoever has a store open holds a shared lock on use.lock, from before its first look at a blob
 * until nothing that it saw matters any more.  Blobs are only removed by who holds that lock alone:
 * a build never loses a blob between finding it and naming it.  Locks end with their processes, so
 * nothing is left behind by one that is killed.
 */
#include "registry/manifest.h"
#include "registry/parallel.h"
#include "registry/store.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { CHUNK_BYTES = 256 << 10, INDEX_DEPTH_MAX = 4 };

static const char use_file[] = "use.lock";

/* ---- the lock ---- */

result use_share(const struct ctx *ctx, struct store *store, struct error *err)
{
	store->use = openat(store->dir, use_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (store->use < 0)
		return store_open_failed(use_file, err);
	if (flock(store->use, LOCK_SH | LOCK_NB) == 0)
		return OK;
	if (errno == EWOULDBLOCK)
		progress_note(ctx, "waiting for another mpemu, which has the store for itself");
	if (lock_await(ctx, store->use, LOCK_SH, err))
		return fail_in(err, "%s", use_file);
	return OK;
}

result store_lock(struct store *store, struct error *err)
{
	/* A lock that changes its kind is lost on failure; so the caller has to give up. */
	if (flock(store->use, LOCK_EX | LOCK_NB) == 0)
		return OK;
	if (errno != EWOULDBLOCK)
		return fail_sys(err, "store %s: lock %s", store->path, use_file);
	return fail(err, FAULT_SYSTEM, "another mpemu is using the store; try again later");
}

/* ---- blobs ---- */

static int blob_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest)); /* the first field of both */
}

/** What is no regular file named by a digest is not ours. */
static bool blob_read(const struct store *store, const char *name, struct store_blob *out)
{
	owned(str) char *text = xasprintf("sha256:%s", name);
	struct error ignored;
	struct stat info;

	if (digest_parse(text, &out->digest, &ignored) ||
	    fstatat(store->blobs, name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode))
		return false;
	out->size = (uint64_t)info.st_size;
	return true;
}

static result dir_open(int dir_fd, DIR **out, struct error *err)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*out = again < 0 ? NULL : fdopendir(again);
	if (*out)
		return OK;
	(void)fail_sys(err, "list");
	fd_drop(&again);
	return FAILED;
}

result store_blobs(struct store *store, struct store_blob **out, size_t *count, struct error *err)
{
	struct store_blob *list = NULL;
	struct dirent *entry;
	size_t found = 0;
	DIR *dir;

	if (dir_open(store->blobs, &dir, err))
		return fail_in(err, "store %s", store->path);
	while ((entry = readdir(dir))) {
		array_grow(list, found);
		list[found] = (struct store_blob){};
		found += blob_read(store, entry->d_name, &list[found]);
	}
	closedir(dir);
	if (found)
		qsort(list, found, sizeof(*list), blob_compare);
	*out = list;
	*count = found;
	return OK;
}

result store_remove(struct store *store, const struct digest *digest, struct error *err)
{
	char hex[DIGEST_HEX_MAX];

	if (unlinkat(store->blobs, digest_hex(digest, hex), 0) < 0 && errno != ENOENT)
		return fail_sys(err, "store %s: remove blob sha256:%s", store->path, hex);
	return OK;
}

result store_sweep(struct store *store, bool only_count, size_t *count, struct error *err)
{
	struct dirent *entry;
	DIR *dir;

	if (dir_open(store->dir, &dir, err))
		return fail_in(err, "store %s", store->path);
	while ((entry = readdir(dir))) {
		if (!starts_with(entry->d_name, "index.json.new-") &&
		    !starts_with(entry->d_name, "oci-layout.new-"))
			continue;
		if (only_count || unlinkat(store->dir, entry->d_name, 0) == 0)
			++*count;
	}
	closedir(dir);
	return OK;
}

/* ---- verifying ---- */

/** Blobs that several threads check, each taking the next one. */
struct check {
	struct store *store;
	struct store_blob *blobs;
	size_t count;
	atomic_size_t next;
};

static result content_hash(const struct ctx *ctx, int fd, char *room, struct digest *out,
			   struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	ssize_t bytes;

	while ((bytes = read(fd, room, CHUNK_BYTES)) != 0) {
		if (bytes < 0 && errno != EINTR)
			return fail_sys(err, "read");
		if (cancel_check(ctx, err))
			return FAILED;
		if (bytes > 0)
			hasher_add(hasher, room, (size_t)bytes);
	}
	*out = hasher_finish(hasher);
	return OK;
}

result store_blob_whole(const struct ctx *ctx, struct store *store, const struct descriptor *blob,
			int *out, struct error *err)
{
	char want[DIGEST_TEXT_MAX], got[DIGEST_TEXT_MAX];
	owned(str) char *room = xcalloc(1, CHUNK_BYTES);
	owned(fd) int fd = -1;
	struct digest digest;

	if (store_blob(store, blob, &fd, err) || content_hash(ctx, fd, room, &digest, err))
		return FAILED;
	if (!digest_equal(&digest, &blob->digest))
		return fail(err, FAULT_INTEGRITY, "blob %s: content is %s",
			    digest_text(&blob->digest, want), digest_text(&digest, got));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_sys(err, "seek");
	*out = fd_take(&fd);
	return OK;
}

/** A medium that cannot read a blob has damaged it; what else fails stops everything. */
static result blob_check(const struct ctx *ctx, const struct store *store, struct store_blob *blob,
			 char *room, struct error *err)
{
	char hex[DIGEST_HEX_MAX];
	uint64_t size;
	owned(fd) int fd = plain_open(store->blobs, digest_hex(&blob->digest, hex), &size);
	struct digest got = {};
	struct error why = {};

	if (fd < 0)
		return fail_sys(err, "store %s: blob sha256:%s", store->path, hex);
	if (content_hash(ctx, fd, room, &got, &why) && why.sys != EIO) {
		*err = why;
		return fail_in(err, "store %s: blob sha256:%s", store->path, hex);
	}
	blob->damaged = !digest_equal(&got, &blob->digest);
	return OK;
}

static result check_some(const struct ctx *ctx, void *arg, size_t item, struct error *err)
{
	owned(str) char *room = xcalloc(1, CHUNK_BYTES);
	struct check *check = arg;
	size_t at;

	(void)item;
	while ((at = atomic_fetch_add(&check->next, 1)) < check->count) {
		if (blob_check(ctx, check->store, &check->blobs[at], room, err))
			return FAILED;
	}
	return OK;
}

result store_verify(const struct ctx *ctx, struct store *store, struct store_blob *blobs,
		    size_t count, struct error *err)
{
	struct check check = { .store = store, .blobs = blobs, .count = count };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return parallel_run(ctx, cpus > 1 ? (size_t)cpus : 1, check_some, &check, err);
}

/* ---- what names lead to ---- */

struct walk {
	struct store *store;
	store_visit *visit;
	void *arg;
	const char *name;
	void *entered; /* tsearch()'s tree of the digests that were entered under this name */
};

static int digest_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

/** What an index says ten thousand times is read once. */
static bool enters_again(struct walk *walk, const struct digest *digest)
{
	struct digest *key = xnew(struct digest);
	struct digest **found;

	*key = *digest;
	found = tsearch(key, &walk->entered, digest_order);
	if (!found)
		abort(); /* no memory */
	if (*found == key)
		return false;
	free(key);
	return true;
}

static result reach(struct walk *walk, enum lead lead, const struct descriptor *blob,
		    const struct descriptor *parent, unsigned depth, struct error *err);

/** The entries of an index, or the config and layers of a manifest; the caller frees the list. */
static result parts_list(struct walk *walk, const struct descriptor *at, unsigned depth,
			 struct descriptor **out, size_t *count, struct error *err)
{
	owned(index) struct index index = {};
	owned(buf) struct buf text = {};
	enum media media;

	if (depth > INDEX_DEPTH_MAX)
		return fail(err, FAULT_INPUT, "indexes within indexes are too deep");
	if (at->media == MEDIA_MANIFEST)
		return manifest_blobs(walk->store, at, out, count, err);
	if (store_read(walk->store, at, MANIFEST_BYTES_MAX, &text, err) ||
	    document_parse(buf_text(&text), text.length, "index", MEDIA_INDEX, &index.json, &media,
			   err) ||
	    index_parse(index.json, &index, err))
		return FAILED;
	for (size_t i = 0; i < index.count; i++)
		index.manifests[i].annotations = NULL; /* they end with the document */
	*count = index.count;
	*out = take(index.manifests);
	return OK;
}

static result enter_it(struct walk *walk, const struct reached *reached, unsigned depth,
		       struct error *err)
{
	enum lead lead = reached->blob->media == MEDIA_INDEX ? LEAD_ENTRY : LEAD_PART;
	struct reached unreadable = *reached;
	struct descriptor *parts = NULL;
	struct error why = {};
	result done = OK;
	size_t count = 0;
	bool enter = false;

	if (parts_list(walk, reached->blob, depth, &parts, &count, &why)) {
		unreadable.why = &why;
		return walk->visit(walk->arg, &unreadable, &enter, err);
	}
	for (size_t i = 0; i < count && !done; i++)
		done = reach(walk, lead, &parts[i], reached->blob, depth + 1, err);
	free(parts);
	return done;
}

static result reach(struct walk *walk, enum lead lead, const struct descriptor *blob,
		    const struct descriptor *parent, unsigned depth, struct error *err)
{
	const struct reached reached = {
		.name = walk->name, .lead = lead, .blob = blob, .parent = parent
	};
	bool enter = true;

	if (walk->visit(walk->arg, &reached, &enter, err))
		return FAILED;
	if (!enter || lead == LEAD_PART ||
	    (blob->media != MEDIA_INDEX && blob->media != MEDIA_MANIFEST) ||
	    !store_has(walk->store, &blob->digest) || enters_again(walk, &blob->digest))
		return OK;
	return enter_it(walk, &reached, depth, err);
}

result store_walk(struct store *store, store_visit *visit, void *arg, struct error *err)
{
	struct store_entry *entries = NULL;
	size_t count = 0;
	result done = OK;

	if (names_all(store, &entries, &count, err))
		return FAILED;
	for (size_t i = 0; i < count && !done; i++) {
		struct walk walk = { store, visit, arg, entries[i].name, NULL };

		done = reach(&walk, LEAD_NAME, &entries[i].target, NULL, 0, err);
		tdestroy(walk.entered, free);
	}
	free(entries);
	return done;
}
