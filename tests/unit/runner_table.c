/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/table.h"
#include "tests/tap.h"

#include <string.h>

TEST(table_is_as_wide_as_its_widest_cell)
{
	static const char *const cells[] = { "NAME", "SIZE", "a", "10 MB", "longer", "1 B" };
	owned(table) struct table table = { .columns = 2 };
	owned(buf) struct buf out = {};

	for (size_t i = 0; i < countof(cells); i++)
		table_add(&table, cells[i]);
	table_text(&table, &out);
	CHECK_STR(buf_text(&out), "NAME     SIZE\n"
				  "a        10 MB\n"
				  "longer   1 B\n");
}

TEST(table_cells_cannot_move_the_cursor)
{
	owned(table) struct table table = { .columns = 1 };
	owned(buf) struct buf out = {};

	table_add(&table, "a\x1b[2J\nb");
	table_text(&table, &out);
	CHECK_STR(buf_text(&out), "a\\x1b[2J\\x0ab\n");
}
