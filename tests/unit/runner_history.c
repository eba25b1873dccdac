/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/history.h"

#include "base/mem.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

enum { MAY = 1777593600, JUNE = 1780272000, NOW = 1782864000 };

/** The times of a history in short: "created: each entry's", by month. */
static char *months(const char *history, size_t base, size_t layers, int64_t exact, int64_t limit)
{
	owned(snapshot) struct snapshot *snapshot = snapshot_new();
	const struct history_times times = { .now = NOW, .exact = exact, .limit = limit };
	struct buf out = {};
	json_t *entry;
	size_t i;

	json_object_set_new(snapshot->document, "history", json_loads(history, 0, NULL));
	snapshot->base_history = base;
	snapshot->layer_count = layers;
	snapshot->layers = xcalloc(layers, sizeof(*snapshot->layers));
	history_finish(snapshot, &times);
	entry = json_object_get(snapshot->document, "created");
	buf_printf(&out, "%.7s:", json_is_null(entry) ? "null" : json_string_value(entry));
	json_array_foreach(json_object_get(snapshot->document, "history"), i, entry)
	{
		const char *created = json_string_value(json_object_get(entry, "created"));
		bool is_empty = json_is_true(json_object_get(entry, "empty_layer"));

		buf_printf(&out, " %.7s%s", created ? created : "none", is_empty ? "e" : "");
	}
	return buf_take(&out);
}

#define AT_MAY  "{\"created\":\"2026-05-01T00:00:00Z\"}"
#define AT_JUNE "{\"created\":\"2026-06-01T00:00:00Z\"}"
#define EMPTY   "{\"empty_layer\":true}"

TEST(history_has_one_entry_a_layer_and_times)
{
	static const struct {
		const char *history;
		size_t base, layers;
		int64_t exact, limit;
		const char *want;
	} cases[] = {
		{ "[]", 0, 0, -1, -1, "null:" },
		{ "[" EMPTY "]", 0, 0, -1, -1, "null: nonee" },
		/* Without a layer: the first new one's time, else the last known one's. */
		{ "[" AT_MAY "," EMPTY "," AT_JUNE "," EMPTY "]", 1, 2, -1, -1,
		  "2026-06: 2026-05 2026-06e 2026-06 2026-06e" },
		{ "[" AT_MAY "," EMPTY "]", 1, 1, -1, -1, "2026-05: 2026-05 2026-05e" },
		{ "[{}," EMPTY "]", 1, 1, -1, -1, "2026-07: 2026-07 2026-07e" },
		/* An epoch is for what this build made. */
		{ "[" AT_JUNE "," EMPTY "," AT_JUNE "]", 1, 2, MAY, MAY,
		  "2026-05: 2026-06 2026-05e 2026-05" },
		{ "[" AT_MAY "," EMPTY "]", 1, 1, NOW, NOW, "2026-07: 2026-05 2026-07e" },
		{ "[" AT_JUNE "," AT_MAY "," AT_JUNE "]", 1, 3, -1, MAY,
		  "2026-05: 2026-06 2026-05 2026-05" },
		{ "[" AT_MAY "]", 0, 1, -1, JUNE, "2026-05: 2026-05" },
		/* Bases that tell of fewer or of more layers than they have. */
		{ "[" AT_MAY "]", 1, 3, -1, -1, "2026-07: 2026-05 2026-07 2026-07" },
		{ "[" AT_MAY "," AT_JUNE "]", 2, 1, -1, -1, "2026-06: 2026-05 2026-06e" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(str) char *got = months(cases[i].history, cases[i].base, cases[i].layers,
					      cases[i].exact, cases[i].limit);

		CHECK_STR(got, cases[i].want);
	}
}
