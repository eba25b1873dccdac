/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/table.h"

#include "base/fd.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 3 };

void table_drop(struct table *table)
{
	strings_drop(&table->cells);
}

/** Text from images ends up here: nothing in it may move the cursor. */
void table_add(struct table *table, const char *cell)
{
	owned(buf) struct buf safe = {};

	text_escape(&safe, cell, strlen(cell));
	strings_add(&table->cells, buf_text(&safe));
}

static void widths_find(const struct table *table, size_t widths[])
{
	for (size_t i = 0; i < table->cells.count; i++) {
		size_t length = strlen(table->cells.items[i]);
		size_t *width = &widths[i % table->columns];

		*width = length > *width ? length : *width;
	}
}

void table_text(const struct table *table, struct buf *out)
{
	size_t *widths = xcalloc(table->columns, sizeof(*widths));
	size_t gap = table->gap ? table->gap : GAP;

	widths_find(table, widths);
	for (size_t i = 0; i < table->cells.count; i++) {
		size_t column = i % table->columns;

		if (column + 1 == table->columns)
			buf_printf(out, "%s\n", table->cells.items[i]);
		else
			buf_printf(out, "%-*s", (int)(widths[column] + gap), table->cells.items[i]);
	}
	free(widths);
}

result stdout_write(const struct buf *text, struct error *err)
{
	if (write_all(STDOUT_FILENO, buf_text(text), text->length, err))
		return fail_in(err, "standard output");
	return OK;
}
