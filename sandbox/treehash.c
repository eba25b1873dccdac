/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One digest for all that a COPY takes: what tells two copies apart is in it, and nothing else.
 *
 * A file's content and attributes count as a digest of their own, which may be known from before;
 * the others are read ahead by the queue: on a cold cache a context is hashed as fast as the disk
 * gives it.  Every field is closed by NUL or comes with its length, so that no two trees look
 * alike.
 */
#include "sandbox/ahead.h"
#include "sandbox/origin.h"
#include "sandbox/recall.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 256 << 10 };

struct treehash {
	const struct ctx *ctx;
	const struct copy_options *options;
	bool with_owner;
	struct hasher *hasher;
	struct hasher *file;   /* of one file's content and attributes */
	struct recall *recall; /* or NULL */
	int64_t since;         /* when the first file was looked at */
};

static void number_add(struct hasher *hasher, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	hasher_add_str(hasher, text);
}

static void attributes_add(struct hasher *hasher, const struct attributes *attributes)
{
	number_add(hasher, attributes->count);
	for (size_t i = 0; i < attributes->count; i++) {
		const struct attribute *one = &attributes->items[i];

		hasher_add_str(hasher, one->name);
		number_add(hasher, one->length);
		hasher_add(hasher, one->value, one->length);
	}
}

/** All about a file but its content, and the attributes of what has content. */
static void looks_add(const struct treehash *hash, const struct ahead_item *item)
{
	const struct stat *info = &item->info;
	bool mode_counts = !S_ISLNK(info->st_mode) &&
			   !(hash->options->change && hash->options->change->is_absolute);

	hasher_add_str(hash->hasher, item->path);
	number_add(hash->hasher, info->st_mode & (mode_counts ? ~0U : S_IFMT));
	number_add(hash->hasher, hash->with_owner ? info->st_uid : 0);
	number_add(hash->hasher, hash->with_owner ? info->st_gid : 0);
	number_add(hash->hasher,
		   S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode) ? info->st_rdev : 0);
	hasher_add_str(hash->hasher, item->link ? item->link : "");
	number_add(hash->hasher, S_ISREG(info->st_mode) ? (uint64_t)info->st_size : 0);
	if (!S_ISREG(info->st_mode))
		attributes_add(hash->hasher, &item->attributes);
}

/** The digest of a regular file, which was read just now. */
static void content_end(const struct treehash *hash, const struct stat *info,
			const struct attributes *attributes)
{
	struct digest digest;

	attributes_add(hash->file, attributes);
	digest = hasher_finish(hash->file);
	hasher_add(hash->hasher, digest.bytes, sizeof(digest.bytes));
	if (hash->recall)
		recall_add(hash->recall, info, hash->since, &digest);
}

static result content_add(const struct treehash *hash, struct ahead *ahead,
			  const struct ahead_item *item, struct error *err)
{
	const void *data;
	size_t length;

	if (item->is_known) {
		hasher_add(hash->hasher, item->known.bytes, sizeof(item->known.bytes));
		return OK;
	}
	do {
		if (cancel_check(hash->ctx, err) || ahead_read(ahead, &data, &length, err))
			return FAILED;
		hasher_add(hash->file, data, length);
	} while (length > 0);
	content_end(hash, &item->info, &item->attributes);
	return OK;
}

/** What is not to be hashed: what the options leave out, and what is not copied. */
static bool is_skipped(void *closure, const struct walk_item *item)
{
	const struct origin *origin = closure;
	bool is_directory = S_ISDIR(item->info.st_mode);

	return (S_ISSOCK(item->info.st_mode) && !origin->options->is_context) ||
	       origin_wants(origin, item->path, is_directory) == WANTED_NOT;
}

/** A directory that counts only if something in it does. */
struct pending {
	char *path;
	struct digest looks;
};

struct pendings {
	struct pending *items;
	size_t count;
};

static void pendings_drop(struct pendings *pendings)
{
	for (size_t i = 0; i < pendings->count; i++)
		free(pendings->items[i].path);
	free(pendings->items);
}

/** Forget those that the walk has left. */
static void pendings_leave(struct pendings *pendings, const char *path)
{
	while (pendings->count) {
		const struct pending *last = &pendings->items[pendings->count - 1];

		if (starts_with(path, last->path) && path[strlen(last->path)] == '/')
			return;
		free(last->path);
		pendings->count--;
	}
}

static void pendings_add(struct pendings *pendings, const struct treehash *hash,
			 const struct ahead_item *item)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	struct treehash apart = *hash;

	apart.hasher = hasher;
	looks_add(&apart, item);
	array_grow(pendings->items, pendings->count);
	pendings->items[pendings->count++] = (struct pending){
		.path = xstrdup(item->path),
		.looks = hasher_finish(hasher),
	};
}

/** Something in them counts. */
static void pendings_hash(struct pendings *pendings, const struct treehash *hash)
{
	for (size_t i = 0; i < pendings->count; i++) {
		hasher_add(hash->hasher, pendings->items[i].looks.bytes,
			   sizeof(pendings->items[i].looks.bytes));
		pendings->items[i].looks = (struct digest){};
	}
}

static result item_add(const struct treehash *hash, struct ahead *ahead,
		       const struct ahead_item *item, struct error *err)
{
	/* The looks of the directory whose content is copied do not matter. */
	if (!*item->path) {
		hasher_add_str(hash->hasher, "directory");
		return OK;
	}
	looks_add(hash, item);
	return S_ISREG(item->info.st_mode) ? content_add(hash, ahead, item, err) : OK;
}

static bool knows(void *closure, const struct stat *info, struct digest *out)
{
	return recall_find(closure, info, out);
}

static result directory_hash(const struct treehash *hash, struct origin *origin, struct error *err)
{
	__attribute__((cleanup(pendings_drop))) struct pendings pendings = {};
	owned(ahead) struct ahead *ahead = NULL;
	const struct ahead_item *item;

	if (ahead_new(hash->ctx, origin->dir_fd, is_skipped, origin, &ahead, err))
		return FAILED;
	if (hash->recall)
		ahead_ask(ahead, knows, hash->recall);
	for (;;) {
		if (ahead_next(ahead, &item, err))
			return FAILED;
		if (!item)
			return OK;
		pendings_leave(&pendings, item->path);
		if (origin_wants(origin, item->path, S_ISDIR(item->info.st_mode)) != WANTED) {
			pendings_add(&pendings, hash, item);
			continue;
		}
		pendings_hash(&pendings, hash);
		if (item_add(hash, ahead, item, err))
			return FAILED;
	}
}

/** All of an open file, which must not change meanwhile. */
static result file_add(const struct treehash *hash, int fd, const struct stat *before,
		       struct error *err)
{
	owned(str) char *piece = xcalloc(1, PIECE);
	uint64_t size = 0;
	struct stat after;
	ssize_t got;

	while ((got = read(fd, piece, PIECE)) != 0) {
		if (cancel_check(hash->ctx, err))
			return FAILED;
		if (got < 0 && errno != EINTR)
			return fail_sys(err, "read");
		if (got > 0) {
			hasher_add(hash->file, piece, (size_t)got);
			size += (uint64_t)got;
		}
	}
	if (fstat(fd, &after) < 0 || size != (uint64_t)before->st_size ||
	    after.st_ino != before->st_ino || after.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		return fail(err, FAULT_INPUT, "changed while it was read");
	return OK;
}

/** A lone file; its own name does not matter: its copy is given one. */
static result file_hash(const struct treehash *hash, struct origin *origin, struct error *err)
{
	enum { FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
	owned(attributes) struct attributes attributes = {};
	struct ahead_item item = { .path = "", .info = origin->info };
	owned(fd) int fd = -1;
	struct digest known;
	result done;

	if (hash->recall && S_ISREG(origin->info.st_mode) &&
	    recall_find(hash->recall, &origin->info, &known)) {
		looks_add(hash, &item);
		hasher_add(hash->hasher, known.bytes, sizeof(known.bytes));
		return OK;
	}
	if (attributes_read(origin->dir_fd, origin->name, &attributes, err))
		return FAILED;
	item.attributes = attributes;
	looks_add(hash, &item);
	if (!S_ISREG(origin->info.st_mode))
		return OK;
	fd = openat(origin->dir_fd, origin->name, FLAGS);
	done = fd < 0 ? fail_sys(err, "open") : file_add(hash, fd, &origin->info, err);
	if (done)
		return fail_in(err, "%s", buf_text(&origin->path));
	content_end(hash, &origin->info, &attributes);
	return OK;
}

static result hash_all(const struct treehash *hash, struct origin *origin, struct error *err)
{
	return S_ISDIR(origin->info.st_mode) ? directory_hash(hash, origin, err)
					     : file_hash(hash, origin, err);
}

result tree_hash(const struct ctx *ctx, int source_root_fd, const char *source,
		 const struct copy_options *options, bool with_owner, struct digest *out,
		 struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new(), *file = hasher_new();
	struct treehash hash = {
		.ctx = ctx,
		.options = options,
		.with_owner = with_owner,
		.hasher = hasher,
		.file = file,
		.since = time(NULL),
	};
	owned(origin) struct origin origin = { .dir_fd = -1 };

	if (origin_open(source_root_fd, source, options, &origin, err))
		return FAILED;
	if (options->recall && recall_serves(origin.dir_fd))
		hash.recall = options->recall;
	if (hash_all(&hash, &origin, err))
		return FAILED;
	*out = hasher_finish(hasher);
	return OK;
}
