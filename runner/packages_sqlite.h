/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rows of one table of an SQLite file.
 *
 * A database out of an image is not given to SQLite: its schema may hold views, triggers and
 * expressions that are run, and opening it takes locks or a copy.  The file's format is simple and
 * will not change; this reads it in one pass, runs nothing, and never visits a page twice.
 */
#ifndef RUNNER_PACKAGES_SQLITE_H
#define RUNNER_PACKAGES_SQLITE_H

#include "base/defs.h"
#include "base/error.h"

/** Most bytes of one row; what has more is FAULT_INPUT. */
enum { SQLITE_ROW_MAX = 32 << 20 };

/** A row: its record, which sqlite_column() reads. */
struct sqlite_row {
	const uint8_t *data;
	size_t size;
};

/** A blob or text; false where the column is not there or is neither. */
bool sqlite_column(const struct sqlite_row *row, size_t index, const uint8_t **data, size_t *size);

/** An integer that is not negative. */
bool sqlite_column_number(const struct sqlite_row *row, size_t index, uint64_t *out);

/** Hand all rows of a table over; FAULT_INPUT where the file is damaged or has no such table. */
result sqlite_table_read(const void *data, size_t size, const char *table,
			 result (*take_row)(void *closure, const struct sqlite_row *row,
					    struct error *err),
			 void *closure, struct error *err);

#endif
