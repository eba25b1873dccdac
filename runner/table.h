/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tables for people: cells are gathered first, then printed in aligned columns.
 */
#ifndef RUNNER_TABLE_H
#define RUNNER_TABLE_H

#include "base/text.h"

/** Starts as { .columns = N }; cells are added row by row, the head first. */
struct table {
	struct strings cells;
	size_t columns;
	size_t gap; /* blanks between columns; 0: three */
};

void table_drop(struct table *table);
void table_add(struct table *table, const char *cell);

/** The rows, each with a newline; columns are as wide as their widest cell and the gap. */
void table_text(const struct table *table, struct buf *out);

/** Write a result to standard output, whole. */
result stdout_write(const struct buf *text, struct error *err);

#endif
