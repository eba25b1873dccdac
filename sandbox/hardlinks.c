/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A hash table of (device, inode), open addressing, at most half full.
 */
#include "sandbox/hardlinks.h"

#include "base/mem.h"

#include <stdlib.h>

struct link {
	dev_t device;
	ino_t inode;
	char *path; /* NULL: free */
};

struct hardlinks {
	struct link *slots;
	size_t capacity, count;
};

enum { CAPACITY_FIRST = 64 };

struct hardlinks *hardlinks_new(void)
{
	struct hardlinks *links = xnew(struct hardlinks);

	links->capacity = CAPACITY_FIRST;
	links->slots = xcalloc(links->capacity, sizeof(*links->slots));
	return links;
}

void hardlinks_drop(struct hardlinks **links)
{
	if (!*links)
		return;
	for (size_t i = 0; i < (*links)->capacity; i++)
		free((*links)->slots[i].path);
	free((*links)->slots);
	free(*links);
	*links = NULL;
}

static struct link *slot_of(struct hardlinks *links, dev_t device, ino_t inode)
{
	uint64_t hash = (inode ^ ((uint64_t)device << 32)) * 0x9e3779b97f4a7c15;
	size_t at = (size_t)(hash >> 20) & (links->capacity - 1);

	while (links->slots[at].path &&
	       (links->slots[at].device != device || links->slots[at].inode != inode))
		at = (at + 1) & (links->capacity - 1);
	return &links->slots[at];
}

static void grow(struct hardlinks *links)
{
	struct hardlinks larger = { .capacity = links->capacity * 2, .count = links->count };

	larger.slots = xcalloc(larger.capacity, sizeof(*larger.slots));
	for (size_t i = 0; i < links->capacity; i++)
		if (links->slots[i].path)
			*slot_of(&larger, links->slots[i].device, links->slots[i].inode) =
				links->slots[i];
	free(links->slots);
	*links = larger;
}

const char *hardlinks_meet(struct hardlinks *links, const struct stat *info, const char *path)
{
	struct link *slot;

	if (info->st_nlink < 2 || S_ISDIR(info->st_mode))
		return NULL;
	if (links->count * 2 >= links->capacity)
		grow(links);
	slot = slot_of(links, info->st_dev, info->st_ino);
	if (slot->path)
		return slot->path;
	*slot = (struct link){ info->st_dev, info->st_ino, xstrdup(path) };
	links->count++;
	return NULL;
}
