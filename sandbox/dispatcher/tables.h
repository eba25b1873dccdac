/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tables of twins as code without a C library sees them, in the hidden directory: what the
 * dispatcher and the companion of twins share.
 */
#ifndef SANDBOX_DISPATCHER_TABLES_H
#define SANDBOX_DISPATCHER_TABLES_H

#include "sandbox/assist_lookup.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>

enum { READ_ONLY = 00, CLOSE_ON_EXEC = 02000000, PATH_ONLY = 010000000, PATH_SIZE = 1024 };

/** What is mapped of a table. */
struct mapped {
	const void *table;
	unsigned long size;
};

/** The tables: that of all that was there before, and of what the sandbox has installed. */
struct tables {
	struct mapped first, live;
};

/** Close what may be an error. */
void shut(long fd);

/** The last part of a path. */
const char *base_name(const char *path);

/** Add to a text that ends before `end`, and move `*at` to its end; false where it does not fit. */
bool text_add(char **at, const char *end, const char *text);
bool number_add(char **at, const char *end, unsigned long number);

/** Nobody can make a directory below procfs: what is there was mounted by the sandbox. */
long hidden_open(void);

/** The table called `name`: "table", or "live", which a sandbox may get while it runs. */
void table_map(long hidden, const char *name, struct mapped *out);
void table_unmap(struct mapped *mapped);

/** Tell who counts; what cannot be told at once is not told: false. */
bool record_send(long hidden, enum assist_verdict verdict, uint32_t entry, const char *path);

/** What an open file is; false where it is nothing that may have an entry. */
bool file_of(long fd, struct assist_file *out);

/** The entry for a file, and the table that it is in, or NULL. */
const struct assist_entry *entry_find(const struct tables *tables, const struct assist_file *file,
				      const struct mapped **in);

/**
 * Get the live table for a file that the first one does not have, if the file is new; asked for
 * where there is none yet that could know it.
 */
void live_map(long hidden, long program, const struct assist_file *file, struct tables *tables);

#endif
