/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How wide text is on a terminal.
 */
#ifndef RUNNER_COLUMNS_H
#define RUNNER_COLUMNS_H

#include "base/text.h"

/** Columns of UTF-8 text without control characters (a tab counts as one). */
size_t columns_of(const char *text);

/**
 * Add as much of the text as fits into `columns`, whole characters only, tabs as blanks.  Where
 * something is left out, the last column is "…".
 */
void columns_add(struct buf *out, const char *text, size_t columns);

/** Add blanks. */
void columns_pad(struct buf *out, size_t count);

#endif
