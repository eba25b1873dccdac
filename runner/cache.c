/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache.h"

#include "base/mem.h"
#include "base/progress.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	BUSY_MS = 20000,
	USED_GRAIN = 3600, /* seconds: looking something up is no write each time */
	NOTES_SECONDS = 30 * 24 * 3600,
};

struct cache {
	sqlite3 *db; /* serialised by SQLite itself */
	const struct ctx *ctx;
	char *path;
	struct stat opened;
	atomic_bool damaged; /* nothing is found in it any more, nor recorded */
};

static const char schema[] = "PRAGMA journal_mode = WAL;"
			     "PRAGMA synchronous = NORMAL;"
			     "CREATE TABLE IF NOT EXISTS steps ("
			     " key BLOB PRIMARY KEY, diff_id BLOB NOT NULL, blob BLOB NOT NULL,"
			     " size INTEGER NOT NULL, media INTEGER NOT NULL, title TEXT NOT NULL,"
			     " made INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
			     "CREATE TABLE IF NOT EXISTS notes ("
			     " key BLOB PRIMARY KEY, text TEXT NOT NULL, used INTEGER NOT NULL"
			     ") WITHOUT ROWID;";

static bool is_damage(int status)
{
	return (status & 0xff) == SQLITE_NOTADB || (status & 0xff) == SQLITE_CORRUPT;
}

/** Unless another process has done it already: what is there now is not what was opened. */
static void put_aside(const struct cache *cache)
{
	owned(str) char *aside = xasprintf("%s.bad", cache->path);
	struct stat now;

	if (stat(cache->path, &now) == 0 && now.st_ino == cache->opened.st_ino &&
	    now.st_dev == cache->opened.st_dev)
		(void)!rename(cache->path, aside);
}

void cache_drop(struct cache **cache)
{
	if (!*cache)
		return;
	sqlite3_close((*cache)->db);
	if ((*cache)->damaged)
		put_aside(*cache);
	free((*cache)->path);
	free(*cache);
	*cache = NULL;
}

static int fail_db(struct cache *cache, const char *what, struct error *err)
{
	int sys = sqlite3_system_errno(cache->db);

	return fail(err, FAULT_SYSTEM, "cache.db: %s: %s%s%s", what, sqlite3_errmsg(cache->db),
		    sys ? ": " : "", sys ? strerror(sys) : "");
}

/**
 * What to do about a call that failed: a hint that cannot be read is none, and the next one who
 * opens the cache begins a new one.
 */
static result lose(struct cache *cache, int status, const char *what, struct error *err)
{
	if (!cache->damaged && !is_damage(status))
		return fail_db(cache, what, err);
	if (!atomic_exchange(&cache->damaged, true))
		progress_warn(cache->ctx,
			      "%s is damaged: nothing is taken from it, and it will be kept as "
			      "%s.bad",
			      cache->path, cache->path);
	return OK;
}

static int open_once(struct cache *cache)
{
	int status = sqlite3_open_v2(
		cache->path, &cache->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);

	if (status == SQLITE_OK) {
		sqlite3_busy_timeout(cache->db, BUSY_MS);
		status = sqlite3_exec(cache->db, schema, NULL, NULL, NULL);
	}
	if (stat(cache->path, &cache->opened) < 0 && status == SQLITE_OK)
		status = SQLITE_CANTOPEN;
	return status;
}

result cache_open(const struct ctx *ctx, const char *root, struct cache **out, struct error *err)
{
	owned(cache) struct cache *cache = xnew(struct cache);
	int status;

	cache->ctx = ctx;
	cache->path = xasprintf("%s/cache.db", root);
	status = open_once(cache);
	if (is_damage(status)) {
		progress_warn(ctx, "%s is damaged; it is kept as %s.bad and a new one begun",
			      cache->path, cache->path);
		sqlite3_close(cache->db);
		cache->db = NULL;
		put_aside(cache);
		status = open_once(cache);
	}
	if (status != SQLITE_OK)
		return fail_db(cache, "open", err), fail_in(err, "%s", root);
	*out = take(cache);
	return OK;
}

static bool column_digest(sqlite3_stmt *row, int column, struct digest *out)
{
	if (sqlite3_column_bytes(row, column) != (int)sizeof(out->bytes))
		return false;
	memcpy(out->bytes, sqlite3_column_blob(row, column), sizeof(out->bytes));
	return true;
}

static bool row_read(sqlite3_stmt *row, struct made *out)
{
	struct layer layer = {};

	layer.blob.size = (uint64_t)sqlite3_column_int64(row, 2);
	layer.blob.media = (enum media)sqlite3_column_int(row, 3);
	if (!media_is_layer(layer.blob.media) || !column_digest(row, 0, &layer.diff_id) ||
	    !column_digest(row, 1, &layer.blob.digest))
		return false;
	*out = (struct made){ layer, sqlite3_column_int64(row, 4) };
	return true;
}

static void bind_digest(sqlite3_stmt *statement, int at, const struct digest *digest)
{
	sqlite3_bind_blob(statement, at, digest->bytes, sizeof(digest->bytes), SQLITE_STATIC);
}

/** Prepare what is about one key, which is its first parameter. */
static result prepare(struct cache *cache, const char *sql, const struct digest *key,
		      sqlite3_stmt **out, struct error *err)
{
	int status = sqlite3_prepare_v2(cache->db, sql, -1, out, NULL);

	/* Of what is damaged there is no statement: to bind and step nothing is an error, no more.
	 */
	if (status != SQLITE_OK)
		return lose(cache, status, "prepare", err);
	bind_digest(*out, 1, key);
	return OK;
}

static result run_once(struct cache *cache, sqlite3_stmt *statement, const char *what,
		       struct error *err)
{
	int status = sqlite3_step(statement);

	sqlite3_finalize(statement);
	return status == SQLITE_DONE ? OK : lose(cache, status, what, err);
}

/** Remember that something was of use, unless that was written down a moment ago. */
static result mark_used(struct cache *cache, const char *sql, const struct digest *key,
			int64_t before, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	int64_t now = time(NULL);

	if (now - before <= USED_GRAIN)
		return OK;
	if (prepare(cache, sql, key, &statement, err))
		return FAILED;
	sqlite3_bind_int64(statement, 2, now);
	return run_once(cache, statement, "update", err);
}

result cache_lookup(struct cache *cache, const struct digest *key, struct made *out, bool *found,
		    struct error *err)
{
	sqlite3_stmt *statement = NULL;
	struct made made;
	int64_t used = 0;
	bool good;
	int status;

	if (prepare(cache,
		    "SELECT diff_id, blob, size, media, made, used FROM steps WHERE key = ?1", key,
		    &statement, err))
		return FAILED;
	status = sqlite3_step(statement);
	good = status == SQLITE_ROW && row_read(statement, &made);
	if (good)
		used = sqlite3_column_int64(statement, 5);
	sqlite3_finalize(statement);
	*found = false;
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return lose(cache, status, "look up", err);
	if (good && mark_used(cache, "UPDATE steps SET used = ?2 WHERE key = ?1", key, used, err))
		return FAILED;
	if (good)
		*out = made;
	*found = good;
	return OK;
}

result cache_record(struct cache *cache, const struct digest *key, const struct made *made,
		    const char *title, struct error *err)
{
	const struct layer *layer = &made->layer;
	static const char sql[] = "INSERT OR REPLACE INTO steps "
				  "(key, diff_id, blob, size, media, title, made, used) "
				  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
	sqlite3_stmt *statement = NULL;

	if (prepare(cache, sql, key, &statement, err))
		return FAILED;
	bind_digest(statement, 2, &layer->diff_id);
	bind_digest(statement, 3, &layer->blob.digest);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)layer->blob.size);
	sqlite3_bind_int(statement, 5, (int)layer->blob.media);
	sqlite3_bind_text(statement, 6, title, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 7, made->time);
	return run_once(cache, statement, "record", err);
}

result cache_each(struct cache *cache, cache_visit *visit, void *arg, struct error *err)
{
	static const char sql[] = "SELECT diff_id, blob, size, media, made, key FROM steps";
	sqlite3_stmt *row = NULL;
	int status = sqlite3_prepare_v2(cache->db, sql, -1, &row, NULL);

	while (row && (status = sqlite3_step(row)) == SQLITE_ROW) {
		struct digest key;
		struct made made;

		if (row_read(row, &made) && column_digest(row, 5, &key))
			visit(arg, &key, &made.layer);
	}
	sqlite3_finalize(row);
	if (status == SQLITE_DONE)
		return OK;
	cache->damaged |= is_damage(status);
	return (result)fail_db(cache, cache->damaged ? "list: begun anew the next time" : "list",
			       err);
}

result cache_forget(struct cache *cache, const struct digest *key, struct error *err)
{
	sqlite3_stmt *statement = NULL;

	if (prepare(cache, "DELETE FROM steps WHERE key = ?1", key, &statement, err))
		return FAILED;
	return run_once(cache, statement, "forget", err);
}

result cache_clear(struct cache *cache, struct error *err)
{
	static const char sql[] = "DELETE FROM steps; DELETE FROM notes; VACUUM;"
				  "PRAGMA wal_checkpoint(TRUNCATE);";

	if (sqlite3_exec(cache->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail_db(cache, "clear", err);
	return OK;
}

result cache_notes_expire(struct cache *cache, struct error *err)
{
	owned(str) char *sql = xasprintf("DELETE FROM notes WHERE used < %lld",
					 (long long)time(NULL) - NOTES_SECONDS);
	int status = sqlite3_exec(cache->db, sql, NULL, NULL, NULL);

	return status == SQLITE_OK ? OK : lose(cache, status, "forget notes", err);
}

result cache_note_find(struct cache *cache, const struct digest *key, struct buf *out, bool *found,
		       struct error *err)
{
	sqlite3_stmt *row = NULL;
	int64_t used = 0;
	int status;

	if (prepare(cache, "SELECT text, used FROM notes WHERE key = ?1", key, &row, err))
		return FAILED;
	status = sqlite3_step(row);
	if (status == SQLITE_ROW) {
		buf_add(out, sqlite3_column_text(row, 0), (size_t)sqlite3_column_bytes(row, 0));
		used = sqlite3_column_int64(row, 1);
	}
	sqlite3_finalize(row);
	*found = status == SQLITE_ROW;
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return lose(cache, status, "look up", err);
	return *found ? mark_used(cache, "UPDATE notes SET used = ?2 WHERE key = ?1", key, used,
				  err)
		      : OK;
}

result cache_note_keep(struct cache *cache, const struct digest *key, const char *text,
		       struct error *err)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO notes (key, text, used) VALUES (?1, ?2, ?3)";
	sqlite3_stmt *statement = NULL;

	if (prepare(cache, sql, key, &statement, err))
		return FAILED;
	sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, time(NULL));
	return run_once(cache, statement, "record", err);
}
