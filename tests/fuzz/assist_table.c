/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/assist_lookup.h"
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 64 };

/** Everything that is done with an entry stays inside of the table and the lists. */
static void entry_use(const void *table, const struct assist_entry *entry)
{
	static char *const arguments[] = { (char *)"cc", (char *)"-v", (char *)"/usr/lib/x", NULL };
	static char *const environment[] = { (char *)"A=1", (char *)"LD_PRELOAD=", NULL };
	size_t room = assist_room(table, entry, arguments);
	const char *script;
	char **out = calloc(room, sizeof(*out));

	(void)assist_judge(table, entry, arguments + 1, environment, &script);
	(void)strlen(assist_text(table, entry->native));
	assist_arguments(table, entry, arguments, out);
	free(out);
	room = assist_room(table, entry, environment);
	out = calloc(room, sizeof(*out));
	assist_environment(table, entry, environment, out);
	free(out);
}

/** Whatever a table holds: it is refused, or using all of it ends and reads nothing outside. */
void fuzz_one(const char *text, size_t size)
{
	const struct assist_header *header;
	char *table = malloc(size + 1); /* aligned, and its end is known to the sanitizer */

	memcpy(table, text, size);
	header = (const void *)table;
	if (assist_table_check(table, size)) {
		const struct assist_entry *entries = (const void *)(table + header->entries);

		for (uint32_t i = 0; i < header->entry_count && i < LIST_MAX; i++) {
			const struct assist_entry *found = assist_find(table, &entries[i].file);

			if (found && memcmp(&found->file, &entries[i].file, sizeof(found->file)))
				abort();
			entry_use(table, &entries[i]);
		}
	}
	free(table);
}
