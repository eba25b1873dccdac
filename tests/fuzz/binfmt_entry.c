/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/entry.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/** An entry that is understood keeps its limits, and matches its own magic. */
void fuzz_one(const char *text, size_t size)
{
	uint8_t head[2 * ENTRY_MAGIC_MAX] = {};
	struct entry entry;
	struct error err = {};

	(void)size;
	if (entry_parse(text, &entry, &err))
		return;
	if (entry.size > ENTRY_MAGIC_MAX || entry.offset > ENTRY_MAGIC_MAX || !entry.interpreter[0])
		abort();
	memcpy(head + entry.offset, entry.magic, entry.size);
	if (!entry.by_extension && !entry_matches(&entry, head, sizeof(head)))
		abort();
	(void)entry_matches(&entry, head, 1);
	(void)entry_is_for(&entry, emulator_host());
}
