/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SQLite, loaded when the cache is opened; see base/lazy.h.
 */
#include "base/lazy.h"

#include <sqlite3.h>

static void load(void);

static struct lazy library = {
	.name = "libsqlite3.so.0",
	.package = "libsqlite3-0",
	.once = PTHREAD_ONCE_INIT,
	.load = load,
};

static void load(void)
{
	lazy_load(&library);
}

/* clang-format off */
#define ROW sqlite3_stmt *statement

LAZY_CALL(library, int, sqlite3_open_v2,
	  (const char *path, sqlite3 **db, int flags, const char *vfs), (path, db, flags, vfs))
LAZY_CALL(library, int, sqlite3_close, (sqlite3 *db), (db))
LAZY_CALL(library, int, sqlite3_busy_timeout, (sqlite3 *db, int milliseconds), (db, milliseconds))
LAZY_CALL(library, const char *, sqlite3_errmsg, (sqlite3 *db), (db))
LAZY_CALL(library, int, sqlite3_system_errno, (sqlite3 *db), (db))
LAZY_CALL(library, int, sqlite3_exec,
	  (sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *closure,
	   char **message),
	  (db, sql, row, closure, message))

LAZY_CALL(library, int, sqlite3_prepare_v2,
	  (sqlite3 *db, const char *sql, int length, sqlite3_stmt **statement, const char **tail),
	  (db, sql, length, statement, tail))
LAZY_CALL(library, int, sqlite3_step, (ROW), (statement))
LAZY_CALL(library, int, sqlite3_finalize, (ROW), (statement))

LAZY_CALL(library, int, sqlite3_bind_blob,
	  (ROW, int index, const void *bytes, int size, void (*drop)(void *)),
	  (statement, index, bytes, size, drop))
LAZY_CALL(library, int, sqlite3_bind_text,
	  (ROW, int index, const char *text, int size, void (*drop)(void *)),
	  (statement, index, text, size, drop))
LAZY_CALL(library, int, sqlite3_bind_int, (ROW, int index, int value), (statement, index, value))
LAZY_CALL(library, int, sqlite3_bind_int64,
	  (ROW, int index, sqlite3_int64 value), (statement, index, value))

LAZY_CALL(library, int, sqlite3_column_bytes, (ROW, int index), (statement, index))
LAZY_CALL(library, const void *, sqlite3_column_blob, (ROW, int index), (statement, index))
LAZY_CALL(library, const unsigned char *, sqlite3_column_text, (ROW, int index), (statement, index))
LAZY_CALL(library, int, sqlite3_column_int, (ROW, int index), (statement, index))
LAZY_CALL(library, sqlite3_int64, sqlite3_column_int64, (ROW, int index), (statement, index))
/* clang-format on */
