/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache.h"

#include "base/mem.h"
#include "base/progress.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	BUSY_MS = 20000,
	USED_GRAIN = 3600, /* seconds: looking something up is no write each time */
};

struct cache {
	sqlite3 *db; /* serialised by SQLite itself */
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

void cache_drop(struct cache **cache)
{
	if (!*cache)
		return;
	sqlite3_close(*cache ? (*cache)->db : NULL);
	free(*cache);
	*cache = NULL;
}

static int fail_db(struct cache *cache, const char *what, struct error *err)
{
	return fail(err, FAULT_SYSTEM, "cache.db: %s: %s", what, sqlite3_errmsg(cache->db));
}

static int open_once(struct cache *cache, const char *path)
{
	int status = sqlite3_open_v2(
		path, &cache->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);

	if (status == SQLITE_OK) {
		sqlite3_busy_timeout(cache->db, BUSY_MS);
		status = sqlite3_exec(cache->db, schema, NULL, NULL, NULL);
	}
	return status & 0xff;
}

result cache_open(const struct ctx *ctx, const char *root, struct cache **out, struct error *err)
{
	owned(cache) struct cache *cache = xnew(struct cache);
	owned(str) char *path = xasprintf("%s/cache.db", root);
	owned(str) char *aside = xasprintf("%s.bad", path);
	int status = open_once(cache, path);

	if (status == SQLITE_NOTADB || status == SQLITE_CORRUPT) {
		progress_warn(ctx, "%s is damaged; it is kept as %s and a new one begun", path,
			      aside);
		sqlite3_close(cache->db);
		cache->db = NULL;
		if (rename(path, aside) < 0)
			return fail_sys(err, "rename %s", path);
		status = open_once(cache, path);
	}
	if (status != SQLITE_OK)
		return fail_db(cache, path, err);
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
	if (!column_digest(row, 0, &layer.diff_id) || !column_digest(row, 1, &layer.blob.digest))
		return false;
	*out = (struct made){ layer, sqlite3_column_int64(row, 4) };
	return true;
}

static void bind_digest(sqlite3_stmt *statement, int at, const struct digest *digest)
{
	sqlite3_bind_blob(statement, at, digest->bytes, sizeof(digest->bytes), SQLITE_STATIC);
}

static result run_once(struct cache *cache, sqlite3_stmt *statement, const char *what,
		       struct error *err)
{
	int status = sqlite3_step(statement);

	sqlite3_finalize(statement);
	return status == SQLITE_DONE ? OK : (result)fail_db(cache, what, err);
}

static result mark_used(struct cache *cache, const struct digest *key, struct error *err)
{
	static const char sql[] = "UPDATE steps SET used = ? WHERE key = ?";
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(cache->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return fail_db(cache, "prepare", err);
	sqlite3_bind_int64(statement, 1, time(NULL));
	bind_digest(statement, 2, key);
	return run_once(cache, statement, "update", err);
}

result cache_lookup(struct cache *cache, const struct digest *key, struct made *out, bool *found,
		    struct error *err)
{
	static const char sql[] =
		"SELECT diff_id, blob, size, media, made, used FROM steps WHERE key = ?";
	sqlite3_stmt *statement;
	struct made made;
	bool good, is_stale = false;
	int status;

	if (sqlite3_prepare_v2(cache->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return fail_db(cache, "prepare", err);
	bind_digest(statement, 1, key);
	status = sqlite3_step(statement);
	good = status == SQLITE_ROW && row_read(statement, &made);
	if (good)
		is_stale = time(NULL) - sqlite3_column_int64(statement, 5) > USED_GRAIN;
	sqlite3_finalize(statement);
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return fail_db(cache, "look up", err);
	if (is_stale && mark_used(cache, key, err))
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
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(cache->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return fail_db(cache, "prepare", err);
	bind_digest(statement, 1, key);
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
	sqlite3_stmt *row;
	int status;

	if (sqlite3_prepare_v2(cache->db, sql, -1, &row, NULL) != SQLITE_OK)
		return fail_db(cache, "prepare", err);
	while ((status = sqlite3_step(row)) == SQLITE_ROW) {
		struct digest key;
		struct made made;

		if (row_read(row, &made) && column_digest(row, 5, &key))
			visit(arg, &key, &made.layer);
	}
	sqlite3_finalize(row);
	return status == SQLITE_DONE ? OK : (result)fail_db(cache, "list", err);
}

result cache_forget(struct cache *cache, const struct digest *key, struct error *err)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(cache->db, "DELETE FROM steps WHERE key = ?", -1, &statement,
			       NULL) != SQLITE_OK)
		return fail_db(cache, "prepare", err);
	bind_digest(statement, 1, key);
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

result cache_note_find(struct cache *cache, const struct digest *key, struct buf *out, bool *found,
		       struct error *err)
{
	sqlite3_stmt *row;
	int status;

	if (sqlite3_prepare_v2(cache->db, "SELECT text FROM notes WHERE key = ?", -1, &row, NULL) !=
	    SQLITE_OK)
		return fail_db(cache, "prepare", err);
	bind_digest(row, 1, key);
	status = sqlite3_step(row);
	*found = status == SQLITE_ROW;
	if (*found)
		buf_add(out, sqlite3_column_text(row, 0), (size_t)sqlite3_column_bytes(row, 0));
	sqlite3_finalize(row);
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return fail_db(cache, "look up", err);
	return OK;
}

result cache_note_keep(struct cache *cache, const struct digest *key, const char *text,
		       struct error *err)
{
	static const char sql[] = "INSERT OR REPLACE INTO notes (key, text, used) VALUES (?, ?, ?)";
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(cache->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return fail_db(cache, "prepare", err);
	bind_digest(statement, 1, key);
	sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, time(NULL));
	return run_once(cache, statement, "record", err);
}
