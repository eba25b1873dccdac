/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A table of files that were read, in one file: a header, the entries as they are in memory, and a
 * digest of both.  It is read by the machine that wrote it and by nobody else.
 *
 * As git does it for its index: times have a grain, so a file that was changed, read and changed
 * again within one grain looks the same all along.  Only what had been left alone for a while when
 * it was read is remembered.
 */
#include "sandbox/recall.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

enum {
	GRAIN = 2, /* seconds: the coarsest that file systems have */
	ENTRIES_MAX = 4 << 20,
	UNUSED_MAX = 8, /* times that an entry is saved without being asked for */
};

struct entry {
	uint64_t dev, ino, size;
	int64_t mtime, ctime;
	uint32_t mtime_ns, ctime_ns;
	struct digest digest;
	uint32_t unused, reserved;
};

struct header {
	char magic[16];
	uint64_t count;
};

static const char magic[16] = "mpemu recall 1\n";

struct recall {
	char *path;
	pthread_mutex_t lock;
	struct entry *entries;
	size_t count;
	uint32_t *table; /* places in entries, plus one; open addressing */
	size_t table_size;
	bool changed;
};

void recall_drop(struct recall **recall)
{
	if (!*recall)
		return;
	pthread_mutex_destroy(&(*recall)->lock);
	free((*recall)->path);
	free((*recall)->entries);
	free((*recall)->table);
	free(*recall);
	*recall = NULL;
}

/* ---- the table ---- */

static size_t place_of(const struct recall *recall, uint64_t dev, uint64_t ino)
{
	uint64_t mixed = (ino ^ dev << 32) * 0x9e3779b97f4a7c15ull;

	return (size_t)(mixed >> 20) & (recall->table_size - 1);
}

/** Where the entry of this inode stands in the table, or would. */
static uint32_t *slot_find(const struct recall *recall, uint64_t dev, uint64_t ino)
{
	for (size_t at = place_of(recall, dev, ino);; at = (at + 1) & (recall->table_size - 1)) {
		uint32_t *slot = &recall->table[at];

		if (!*slot || (recall->entries[*slot - 1].dev == dev &&
			       recall->entries[*slot - 1].ino == ino))
			return slot;
	}
}

static void table_make(struct recall *recall)
{
	recall->table_size = 1024;
	while (recall->table_size < 4 * recall->count)
		recall->table_size *= 2;
	free(recall->table);
	recall->table = xcalloc(recall->table_size, sizeof(*recall->table));
	for (size_t i = 0; i < recall->count; i++)
		*slot_find(recall, recall->entries[i].dev, recall->entries[i].ino) =
			(uint32_t)i + 1;
}

static struct entry entry_of(const struct stat *info, const struct digest *digest)
{
	return (struct entry){
		.dev = info->st_dev,
		.ino = info->st_ino,
		.size = (uint64_t)info->st_size,
		.mtime = info->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)info->st_mtim.tv_nsec,
		.ctime = info->st_ctim.tv_sec,
		.ctime_ns = (uint32_t)info->st_ctim.tv_nsec,
		.digest = *digest,
	};
}

static bool looks_equal(const struct entry *a, const struct entry *b)
{
	return a->size == b->size && a->mtime == b->mtime && a->mtime_ns == b->mtime_ns &&
	       a->ctime == b->ctime && a->ctime_ns == b->ctime_ns;
}

bool recall_serves(int dir_fd)
{
	static const unsigned long elsewhere[] = {
		NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
		SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC, V9FS_MAGIC,
		CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC,
	};
	struct statfs info;

	if (fstatfs(dir_fd, &info) < 0)
		return false;
	for (size_t i = 0; i < countof(elsewhere); i++) {
		if ((unsigned long)info.f_type == elsewhere[i])
			return false;
	}
	return true;
}

bool recall_find(struct recall *recall, const struct stat *info, struct digest *out)
{
	const struct entry want = entry_of(info, &(struct digest){});
	bool found = false;
	uint32_t place;

	pthread_mutex_lock(&recall->lock);
	place = *slot_find(recall, want.dev, want.ino);
	if (place && looks_equal(&recall->entries[place - 1], &want)) {
		*out = recall->entries[place - 1].digest;
		recall->entries[place - 1].unused = 0;
		found = true;
	}
	pthread_mutex_unlock(&recall->lock);
	return found;
}

void recall_add(struct recall *recall, const struct stat *info, int64_t since,
		const struct digest *digest)
{
	const struct entry entry = entry_of(info, digest);
	uint32_t *slot;

	if (entry.mtime > since - GRAIN || entry.ctime > since - GRAIN)
		return;
	pthread_mutex_lock(&recall->lock);
	slot = slot_find(recall, entry.dev, entry.ino);
	if (*slot) {
		recall->entries[*slot - 1] = entry;
		recall->changed = true;
	} else if (recall->count < ENTRIES_MAX) {
		array_grow(recall->entries, recall->count);
		recall->entries[recall->count++] = entry;
		*slot = (uint32_t)recall->count;
		if (recall->table_size < 2 * recall->count)
			table_make(recall);
		recall->changed = true;
	}
	pthread_mutex_unlock(&recall->lock);
}

/* ---- the file ---- */

static bool text_read(const struct buf *text, struct recall *recall)
{
	struct header header;
	struct digest digest, want;
	size_t bytes;

	if (text->length < sizeof(header) + sizeof(digest))
		return false;
	memcpy(&header, text->data, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)) != 0 || header.count > ENTRIES_MAX)
		return false;
	bytes = (size_t)header.count * sizeof(struct entry);
	if (text->length != sizeof(header) + bytes + sizeof(digest))
		return false;
	memcpy(&want, text->data + sizeof(header) + bytes, sizeof(want));
	digest = digest_of(text->data, sizeof(header) + bytes);
	if (!digest_equal(&digest, &want))
		return false;
	recall->count = (size_t)header.count;
	recall->entries = xcalloc(recall->count + 1, sizeof(*recall->entries));
	memcpy(recall->entries, text->data + sizeof(header), bytes);
	return true;
}

/** array_grow() derives the room from the count. */
static void entries_regrow(struct recall *recall)
{
	struct entry *entries = NULL;

	for (size_t i = 0; i < recall->count; i++) {
		array_grow(entries, i);
		entries[i] = recall->entries[i];
	}
	free(recall->entries);
	recall->entries = entries;
}

struct recall *recall_load(const char *path)
{
	enum { LIMIT = 512 << 20 };
	struct recall *recall = xnew(struct recall);
	owned(buf) struct buf text = {};
	struct error ignored = {};

	recall->path = xstrdup(path);
	pthread_mutex_init(&recall->lock, NULL);
	if (!read_file(AT_FDCWD, path, LIMIT, &text, &ignored) && text_read(&text, recall))
		entries_regrow(recall);
	table_make(recall);
	for (size_t i = 0; i < recall->count; i++)
		recall->entries[i].unused++;
	return recall;
}

result recall_save(struct recall *recall, struct error *err)
{
	struct header header = {};
	owned(buf) struct buf text = {};
	struct digest digest;

	if (!recall->changed)
		return OK;
	memcpy(header.magic, magic, sizeof(magic));
	buf_add(&text, &header, sizeof(header));
	for (size_t i = 0; i < recall->count; i++) {
		if (recall->entries[i].unused > UNUSED_MAX)
			continue;
		buf_add(&text, &recall->entries[i], sizeof(recall->entries[i]));
		header.count++;
	}
	memcpy(text.data, &header, sizeof(header));
	digest = digest_of(text.data, text.length);
	buf_add(&text, &digest, sizeof(digest));
	return file_replace(AT_FDCWD, recall->path, text.data, text.length, 0600, err);
}
