/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writing the table of twins that the dispatcher reads.
 */
#include "sandbox/assist_lookup.h"
#include "sandbox/sandbox.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** Texts that are equal stand in it once: many twins share the lists of one tool. */
struct texts {
	struct buf bytes;
	uint32_t base; /* where they will be in the table */
	const void **lists;
	uint32_t *places; /* of the lists */
	size_t count;
};

static uint32_t text_place(struct texts *texts, const char *text)
{
	uint32_t at = (uint32_t)texts->bytes.length;

	if (!text)
		return 0;
	buf_add(&texts->bytes, text, strlen(text) + 1);
	return texts->base + at;
}

static uint32_t list_place(struct texts *texts, const char *const *list)
{
	uint32_t at = (uint32_t)texts->bytes.length;

	if (!list || !*list)
		return 0;
	for (size_t i = texts->count; i-- > 0;) {
		if (texts->lists[i] == list)
			return texts->places[i];
	}
	for (const char *const *text = list; *text; text++) {
		/* An empty text would end the list; as a pattern it matches nothing useful. */
		if (**text)
			(void)text_place(texts, *text);
	}
	buf_add_char(&texts->bytes, '\0');
	array_grow(texts->lists, texts->count);
	texts->places = xrealloc(texts->places, texts->count + 1, sizeof(*texts->places));
	texts->lists[texts->count] = list;
	texts->places[texts->count++] = texts->base + at;
	return texts->base + at;
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec);
}

static struct assist_entry entry_of(struct texts *texts, const struct assist_twin *twin)
{
	return (struct assist_entry){
		.file = {
			.inode = twin->inode,
			.size = twin->size,
			.mtime = nanoseconds(twin->mtime),
			.ctime = nanoseconds(twin->ctime),
		},
		.flags = (twin->library_path_ok ? ASSIST_LIBRARY_PATH_OK : 0u) |
			 (twin->place_matters ? ASSIST_PLACE_MATTERS : 0u) |
			 (twin->is_script ? ASSIST_IS_SCRIPT : 0u) |
			 (twin->scripts_only ? ASSIST_SCRIPTS_ONLY : 0u) |
			 (twin->finds_itself ? ASSIST_FINDS_ITSELF : 0u) |
			 (twin->loads_plugins ? ASSIST_PLUGINS : 0u) |
			 (twin->is_library ? ASSIST_IS_LIBRARY : 0u),
		.native = text_place(texts, twin->native),
		.refuse = list_place(texts, twin->refuse),
		.insert = list_place(texts, twin->insert),
		.insert_unless = list_place(texts, twin->insert_unless),
		.env = list_place(texts, twin->env),
		.scripts = list_place(texts, twin->scripts),
		.before = list_place(texts, twin->before),
		.names = list_place(texts, twin->names),
		.loads = text_place(texts, twin->loads),
		.plugin_from = text_place(texts, twin->plugin_from),
		.plugin_to = text_place(texts, twin->plugin_to),
	};
}

void assist_table_date(struct buf *table, uint32_t names, const struct assist_state *state)
{
	struct assist_header header;

	memcpy(&header, table->data, sizeof(header));
	header.names = names;
	header.state = *state;
	memcpy(table->data, &header, sizeof(header));
}

/** At most half full, so that the search for what is not there is short. */
static uint32_t buckets_for(size_t count)
{
	uint32_t buckets = 16;

	while (buckets < count * 2)
		buckets *= 2;
	return buckets;
}

static void bucket_fill(uint32_t *buckets, uint32_t count, const struct assist_file *file,
			uint32_t index)
{
	uint32_t at = assist_bucket(file, count);

	while (buckets[at])
		at = (at + 1) & (count - 1);
	buckets[at] = index + 1;
}

result assist_table_write(const struct assist_twin *twins, size_t count, struct buf *out,
			  struct error *err)
{
	struct assist_header header = {
		.magic = ASSIST_MAGIC,
		.bucket_count = buckets_for(count),
		.entry_count = (uint32_t)count,
		.buckets = sizeof(header),
	};
	struct texts texts = {};
	struct assist_entry *entries;
	uint32_t *buckets;
	uint64_t size;

	if (count > ASSIST_TABLE_MAX / sizeof(*entries))
		return fail(err, FAULT_INPUT, "%zu twins are too many for a table", count);
	header.entries = header.buckets + header.bucket_count * (uint32_t)sizeof(*buckets);
	texts.base = header.entries + (uint32_t)(count * sizeof(*entries));
	entries = xcalloc(count + 1, sizeof(*entries));
	buckets = xcalloc(header.bucket_count, sizeof(*buckets));
	for (size_t i = 0; i < count; i++) {
		entries[i] = entry_of(&texts, &twins[i]);
		bucket_fill(buckets, header.bucket_count, &entries[i].file, (uint32_t)i);
	}
	/* The reader relies on two of them at the end. */
	buf_add(&texts.bytes, "\0\0", 2);
	size = (uint64_t)texts.base + texts.bytes.length;
	if (size <= ASSIST_TABLE_MAX) {
		header.size = (uint32_t)size;
		buf_clear(out);
		buf_add(out, &header, sizeof(header));
		buf_add(out, buckets, header.bucket_count * sizeof(*buckets));
		buf_add(out, entries, count * sizeof(*entries));
		buf_add(out, texts.bytes.data, texts.bytes.length);
	}
	free(entries);
	free(buckets);
	free(texts.lists);
	free(texts.places);
	buf_drop(&texts.bytes);
	return size <= ASSIST_TABLE_MAX
		       ? OK
		       : (result)fail(err, FAULT_INPUT, "the table of %zu twins is too large",
				      count);
}
