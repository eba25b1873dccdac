/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What package databases say: which packages a root has, and which content their files have.
 *
 * Text in, values out: all of it is pure, and has limits, since images are outside data.
 */
#ifndef RUNNER_PACKAGES_H
#define RUNNER_PACKAGES_H

#include "base/mem.h"
#include "base/text.h"

enum package_kind { PACKAGES_NONE, PACKAGES_DPKG, PACKAGES_APK, PACKAGES_RPM };

enum sum_kind { SUM_MD5, SUM_SHA1, SUM_SHA256 };

struct sum {
	enum sum_kind kind;
	uint8_t bytes[32];
};

size_t sum_size(enum sum_kind kind);
bool sum_equal(const struct sum *a, const struct sum *b);

/** What the database says of one file. */
struct package_file {
	const char *path; /* absolute, as in the package: links on the way are not resolved */
	struct sum sum;
};

struct package {
	const char *name, *version, *arch;
	bool multi_arch;            /* dpkg: its lists are named NAME:ARCH */
	struct package_file *files; /* sorted by path */
	size_t file_count;
	bool loaded;        /* `files` are there; see packages_open() */
	const char *folder; /* of what is in no database, see unpacked.h; else NULL */
};

struct packages {
	enum package_kind kind;
	struct arena *arena;
	struct package *items; /* sorted by name, then arch */
	size_t count;
	const char *unread; /* there is a database, and why it was not read; else NULL */
};

void packages_drop(struct packages **packages);

/** The package, or NULL.  Without `arch` the first of that name. */
struct package *packages_find(const struct packages *packages, const char *name, const char *arch);

const struct package_file *package_file_find(const struct package *package, const char *path);

/** Limits; what is past them is FAULT_INPUT. */
enum {
	PACKAGES_MAX = 65536,
	PACKAGE_FILES_MAX = 1 << 20,
	PACKAGE_DATABASE_MAX = 128 << 20,
	PACKAGE_LIST_MAX = 32 << 20,
};

/** dpkg's status file: the packages that are installed, without their files. */
result dpkg_status_parse(const char *text, size_t length, struct packages **out, struct error *err);

/** dpkg's info/NAME.md5sums. */
result dpkg_sums_parse(struct packages *packages, struct package *package, const char *text,
		       size_t length, struct error *err);

/** Paths that dpkg-divert has moved (dpkg's diversions file): what is there is not the package's.
 */
result dpkg_diversions_parse(const char *text, size_t length, struct strings *out,
			     struct error *err);

/** apk's installed database: packages with their files. */
result apk_installed_parse(const char *text, size_t length, struct packages **out,
			   struct error *err);

/** rpm's database as an SQLite file: packages with their files. */
result rpm_database_parse(const char *data, size_t length, struct packages **out,
			  struct error *err);

/** One package of it: its header, as rpm keeps it.  What is no header adds nothing. */
result rpm_header_parse(struct packages *packages, const void *data, size_t size,
			struct error *err);

/** The version without Debian's suffix of a rebuild ("+b2"); as long as the text is returned. */
size_t version_source_length(const char *version);

/* ---- reading a root: packages_open.c ---- */

/**
 * Read the database of a root, whichever it has; PACKAGES_NONE where it has none or one that is
 * damaged.  dpkg's packages come without their files, see packages_load().
 */
result packages_open(int root_fd, struct packages **out, struct error *err);

/** Read which files a package has, where that was not done yet. */
result packages_load(struct packages *packages, int root_fd, struct package *package,
		     struct error *err);

/** Paths at which another file than the package's is expected; only dpkg has them. */
result packages_diverted(int root_fd, struct strings *out, struct error *err);

/** Open a regular file of a root for reading, links resolved inside it; -1 with errno. */
int root_open(int root_fd, const char *path);

#endif
