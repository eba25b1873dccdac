/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "runner/packages.h"
#include "runner/packages_sqlite.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- headers, as rpm makes them ---- */

enum { CHAR = 1, INT32 = 4, STRING = 6, STRINGS = 8 };

struct header {
	struct buf index, store;
	uint32_t count;
};

static void header_drop(struct header *header)
{
	buf_drop(&header->index);
	buf_drop(&header->store);
}

static void put32(struct buf *out, uint32_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				  (uint8_t)(value >> 8), (uint8_t)value };

	buf_add(out, bytes, sizeof(bytes));
}

static void entry_put(struct header *header, uint32_t tag, uint32_t type, uint32_t count,
		      const void *data, size_t size)
{
	put32(&header->index, tag);
	put32(&header->index, type);
	put32(&header->index, (uint32_t)header->store.length);
	put32(&header->index, count);
	buf_add(&header->store, data, size);
	header->count++;
}

/** Texts are separated by bars. */
static void texts_put(struct header *header, uint32_t tag, uint32_t type, const char *texts)
{
	owned(str) char *bytes = xstrdup(texts);
	const size_t size = strlen(texts) + 1;
	uint32_t count = 1;

	for (char *at = bytes; *at; at++)
		if (*at == '|') {
			*at = '\0';
			count++;
		}
	entry_put(header, tag, type, count, bytes, size);
}

static void numbers_put(struct header *header, uint32_t tag, const uint32_t *numbers, size_t count)
{
	owned(buf) struct buf bytes = {};

	for (size_t i = 0; i < count; i++)
		put32(&bytes, numbers[i]);
	entry_put(header, tag, INT32, (uint32_t)count, bytes.data, bytes.length);
}

static void header_end(const struct header *header, struct buf *out)
{
	put32(out, header->count);
	put32(out, (uint32_t)header->store.length);
	buf_add(out, header->index.data, header->index.length);
	buf_add(out, header->store.data, header->store.length);
}

#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void names_put(struct header *header, const char *name, const char *arch)
{
	texts_put(header, 1000, STRING, name);
	texts_put(header, 1001, STRING, "9.1");
	texts_put(header, 1002, STRING, "12.fc38");
	if (arch)
		texts_put(header, 1022, STRING, arch);
}

static void files_put(struct header *header)
{
	static const uint32_t folders[] = { 0, 0, 1, 1, 2, 9, 3, 0 }, algorithm[] = { 8 };
	static const char states[] = { 0, 0, 0, 0, 0, 0, 0, 1 };

	texts_put(header, 1117, STRINGS, "cat|ls|link|../up|file|lost|relative|left-out");
	texts_put(header, 1035, STRINGS, ABC "|" EMPTY "||" ABC "|" ABC "|" ABC "|" ABC "|" ABC);
	numbers_put(header, 1116, folders, countof(folders));
	texts_put(header, 1118, STRINGS, "/usr/bin/|/usr/share/|/|usr/");
	numbers_put(header, 5011, algorithm, 1);
	entry_put(header, 1029, CHAR, sizeof(states), states, sizeof(states));
}

static void package_make(const char *name, const char *arch, uint32_t epoch, struct buf *out)
{
	owned(header) struct header header = {};

	names_put(&header, name, arch);
	if (epoch)
		numbers_put(&header, 1003, &epoch, 1);
	files_put(&header);
	header_end(&header, out);
}

/* ---- databases, as SQLite makes them ---- */

static sqlite3 *database_new(const char *path, const char *pragma)
{
	sqlite3 *db = NULL;

	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == 0);
	CHECK(sqlite3_exec(db, pragma, NULL, NULL, NULL) == 0);
	CHECK(sqlite3_exec(db,
			   "CREATE TABLE 'Name' (key TEXT NOT NULL, hnum INTEGER NOT NULL);"
			   "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, "
			   "blob BLOB NOT NULL)",
			   NULL, NULL, NULL) == 0);
	return db;
}

static void row_put(sqlite3 *db, const struct buf *blob)
{
	sqlite3_stmt *statement = NULL;

	CHECK(sqlite3_prepare_v2(db, "INSERT INTO Packages(blob) VALUES(?)", -1, &statement,
				 NULL) == 0);
	CHECK(sqlite3_bind_blob(statement, 1, blob->data, (int)blob->length, NULL) == 0);
	CHECK(sqlite3_step(statement) == SQLITE_DONE);
	sqlite3_finalize(statement);
}

static struct buf database_end(sqlite3 *db, const char *path)
{
	struct buf file = {};
	struct error err;

	sqlite3_close(db);
	CHECK(!read_file(AT_FDCWD, path, 64 << 20, &file, &err));
	unlink(path);
	return file;
}

static char *database_path(void)
{
	return xasprintf("/tmp/mpemu-rpmdb-%d", getpid());
}

static void check_coreutils(const struct package *package)
{
	CHECK_STR(package->version, "2:9.1-12.fc38");
	CHECK(package->loaded && package->file_count == 3);
	CHECK_STR(package->files[0].path, "/file");
	CHECK_STR(package->files[1].path, "/usr/bin/cat");
	CHECK_STR(package->files[2].path, "/usr/bin/ls");
	CHECK(package->files[1].sum.kind == SUM_SHA256 && package->files[1].sum.bytes[0] == 0xba &&
	      package->files[1].sum.bytes[31] == 0xad);
}

TEST(rpm_has_packages_and_their_files)
{
	static const char *const pragmas[] = {
		"PRAGMA page_size=4096",
		"PRAGMA page_size=512",
		"PRAGMA page_size=65536",
		"PRAGMA page_size=4096; PRAGMA journal_mode=WAL",
	};

	for (size_t i = 0; i < countof(pragmas); i++) {
		owned(str) char *path = database_path();
		owned(buf) struct buf blob = {}, key = {}, file = {};
		owned(packages) struct packages *packages = NULL;
		sqlite3 *db = database_new(path, pragmas[i]);
		struct error err = {};

		package_make("coreutils", "aarch64", 2, &blob);
		package_make("gpg-pubkey", NULL, 0, &key);
		row_put(db, &blob);
		row_put(db, &key);
		for (int j = 0; j < 300; j++) {
			owned(buf) struct buf other = {};
			owned(str) char *name = xasprintf("other-%d", j);

			package_make(name, "noarch", 0, &other);
			row_put(db, &other);
		}
		file = database_end(db, path);
		CHECK(!rpm_database_parse(file.data, file.length, &packages, &err));
		CHECK_STR(err.text, "");
		CHECK(packages && packages->kind == PACKAGES_RPM && packages->count == 301);
		check_coreutils(packages_find(packages, "coreutils", "aarch64"));
		CHECK_STR(packages_find(packages, "other-299", "noarch")->version, "9.1-12.fc38");
	}
}

TEST(rpm_packages_of_many_pages_are_whole)
{
	owned(str) char *path = database_path();
	owned(header) struct header header = {};
	owned(buf) struct buf names = {}, digests = {}, blob = {}, file = {};
	owned(packages) struct packages *packages = NULL;
	sqlite3 *db = database_new(path, "PRAGMA page_size=4096");
	uint32_t folders[5000] = {}, algorithm = 8;
	const struct package *package;
	struct error err;

	for (int i = 0; i < 5000; i++) {
		buf_printf(&names, "%sname-%d", i ? "|" : "", i);
		buf_printf(&digests, "%s" ABC, i ? "|" : "");
	}
	names_put(&header, "large", "x86_64");
	texts_put(&header, 1117, STRINGS, buf_text(&names));
	texts_put(&header, 1035, STRINGS, buf_text(&digests));
	numbers_put(&header, 1116, folders, 5000);
	texts_put(&header, 1118, STRINGS, "/usr/share/");
	numbers_put(&header, 5011, &algorithm, 1);
	header_end(&header, &blob);
	row_put(db, &blob);
	file = database_end(db, path);
	CHECK(!rpm_database_parse(file.data, file.length, &packages, &err));
	package = packages_find(packages, "large", "x86_64");
	CHECK(package && package->file_count == 5000);
	CHECK(package_file_find(package, "/usr/share/name-4999"));
}

TEST(other_digests_than_the_known_ones_are_none)
{
	static const struct {
		uint32_t algorithm; /* 0: not told */
		const char *digest;
		size_t count;
	} cases[] = {
		{ 8, ABC, 1 },
		{ 0, "900150983cd24fb0d6963f7d28e17f72", 1 },
		{ 0, ABC, 0 },
		{ 8, "900150983cd24fb0d6963f7d28e17f72", 0 },
		{ 10, ABC, 0 },
		{ 8, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", 0 },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(header) struct header header = {};
		owned(buf) struct buf blob = {};
		owned(packages) struct packages *packages = NULL;
		const uint32_t folder = 0;
		struct error err;

		CHECK(!dpkg_status_parse("", 0, &packages, &err));
		names_put(&header, "p", "x86_64");
		texts_put(&header, 1117, STRINGS, "f");
		texts_put(&header, 1035, STRINGS, cases[i].digest);
		numbers_put(&header, 1116, &folder, 1);
		texts_put(&header, 1118, STRINGS, "/bin/");
		if (cases[i].algorithm)
			numbers_put(&header, 5011, &cases[i].algorithm, 1);
		header_end(&header, &blob);
		CHECK(!rpm_header_parse(packages, blob.data, blob.length, &err));
		tap_check(packages->count == 1 && packages->items[0].file_count == cases[i].count,
			  __FILE__, __LINE__, "case %zu", i);
	}
}

/** Every byte of a small database is spoiled in turn, and every length cut: it is read or refused.
 */
TEST(damaged_rpm_databases_are_refused_or_read_without_leaving_them)
{
	owned(str) char *path = database_path();
	owned(buf) struct buf blob = {}, file = {};
	sqlite3 *db = database_new(path, "PRAGMA page_size=512");
	struct error err;

	package_make("coreutils", "aarch64", 2, &blob);
	row_put(db, &blob);
	file = database_end(db, path);
	for (size_t i = 0; i < file.length; i++) {
		owned(packages) struct packages *packages = NULL;
		char saved = file.data[i];

		file.data[i] = (char)(saved ^ 0x81);
		(void)!rpm_database_parse(file.data, file.length, &packages, &err);
		file.data[i] = saved;
	}
	for (size_t i = 0; i < file.length; i++) {
		owned(packages) struct packages *packages = NULL;

		if (i < 512)
			CHECK(rpm_database_parse(file.data, i, &packages, &err) == FAILED);
		else
			(void)!rpm_database_parse(file.data, i, &packages, &err);
	}
	CHECK(err.fault == FAULT_INPUT);
}

TEST(a_database_whose_pages_lead_in_a_circle_is_refused)
{
	owned(str) char *path = database_path();
	owned(buf) struct buf file = {};
	struct packages *packages = NULL;
	sqlite3 *db = database_new(path, "PRAGMA page_size=512");
	struct error err;

	for (int i = 0; i < 40; i++) {
		owned(buf) struct buf blob = {};

		package_make("p", "noarch", 0, &blob);
		row_put(db, &blob);
	}
	file = database_end(db, path);
	/* Each inner page's last child becomes the schema's page's number, or its own. */
	for (size_t page = 512; page < file.length; page += 512)
		if (file.data[page] == 5)
			memcpy(file.data + page + 8,
			       (const uint8_t[]){ 0, 0, 0, (uint8_t)(page / 512 + 1) }, 4);
	CHECK(rpm_database_parse(file.data, file.length, &packages, &err) == FAILED);
	CHECK(err.fault == FAULT_INPUT && !packages);
}

TEST(a_file_without_the_table_has_no_packages)
{
	owned(str) char *path = database_path();
	owned(buf) struct buf file = {};
	struct packages *packages = NULL;
	sqlite3 *db = database_new(path, "PRAGMA page_size=4096");
	struct error err;

	/* A view is not looked at: nothing is run. */
	CHECK(sqlite3_exec(db,
			   "DROP TABLE Packages; CREATE VIEW Packages AS WITH RECURSIVE r(x) AS "
			   "(SELECT 1 UNION ALL SELECT x FROM r) SELECT x, x FROM r",
			   NULL, NULL, NULL) == 0);
	file = database_end(db, path);
	CHECK(rpm_database_parse(file.data, file.length, &packages, &err) == FAILED);
	CHECK_STR(err.text, "SQLite file: it does not have the table");
}

/* ---- where it is ---- */

static void file_put(int root, const char *path, const void *data, size_t size)
{
	const char *slash = strrchr(path, '/');
	owned(str) char *folder = xstrndup(path, (size_t)(slash - path));
	owned(fd) int dir = open_dirs(root, folder, 0755);
	owned(fd) int fd = openat(dir, slash + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct error err;

	CHECK(fd >= 0 && !write_all(fd, data, size, &err));
}

TEST(a_root_says_why_its_database_was_not_read)
{
	static const struct {
		const char *path, *second, *unread;
	} cases[] = {
		{ "usr/lib/sysimage/rpm/rpmdb.sqlite", NULL, NULL },
		{ "var/lib/rpm/rpmdb.sqlite", NULL, NULL },
		{ "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite-wal",
		  "rpm did not close its database" },
		{ "var/lib/rpm/Packages", NULL, "rpm's database is of an older format" },
		{ "usr/lib/sysimage/rpm/Packages.db", NULL,
		  "rpm's database is of an older format" },
		{ "lib/other", NULL, NULL },
	};
	owned(str) char *path = database_path();
	owned(buf) struct buf blob = {}, file = {};
	sqlite3 *db = database_new(path, "PRAGMA page_size=4096");

	package_make("coreutils", "aarch64", 2, &blob);
	row_put(db, &blob);
	file = database_end(db, path);
	for (size_t i = 0; i < countof(cases); i++) {
		char folder[] = "/tmp/mpemu-rpm-XXXXXX";
		owned(packages) struct packages *packages = NULL;
		owned(fd) int root = -1;
		struct error err;

		CHECK(mkdtemp(folder));
		root = open(folder, O_DIRECTORY | O_CLOEXEC);
		file_put(root, cases[i].path, file.data, file.length);
		if (cases[i].second)
			file_put(root, cases[i].second, "x", 1);
		CHECK(!packages_open(root, &packages, &err));
		CHECK_STR(packages->unread ? packages->unread : "",
			  cases[i].unread ? cases[i].unread : "");
		CHECK((packages->count == 1) ==
		      (ends_with(cases[i].path, "sqlite") && !cases[i].second));
		CHECK(!remove_tree(AT_FDCWD, folder, &err));
	}
}
