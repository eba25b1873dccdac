/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the databases are in a root, and how they are read: through descriptors that nothing leads
 * out of, and only what is a regular file.
 */
#include "base/fd.h"
#include "runner/packages.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int root_open(int root_fd, const char *path)
{
	owned(fd) int found = open_in_root(root_fd, path, O_PATH, 0);
	char name[64];
	struct stat stat;

	if (found < 0)
		return -1;
	if (fstat(found, &stat) < 0 || !S_ISREG(stat.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	/* By its descriptor: what was looked at is what is opened. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
	return open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/** The file's content; `*found` is false where there is no such regular file. */
static result root_read(int root_fd, const char *path, size_t limit, struct buf *out, bool *found,
			struct error *err)
{
	owned(fd) int fd = root_open(root_fd, path);

	*found = fd >= 0;
	if (fd < 0)
		return OK;
	if (read_all(fd, limit, out, err))
		return fail_in(err, "%s", path);
	return OK;
}

/** Where databases are, in the order they are looked for. */
static const struct place {
	const char *path;
	result (*parse)(const char *text, size_t length, struct packages **out, struct error *err);
} places[] = {
	{ "/var/lib/dpkg/status", dpkg_status_parse },
	{ "/lib/apk/db/installed", apk_installed_parse },
	{ "/usr/lib/apk/db/installed", apk_installed_parse },
	{ "/usr/lib/sysimage/rpm/rpmdb.sqlite", rpm_database_parse },
	{ "/var/lib/rpm/rpmdb.sqlite", rpm_database_parse },
};

/** Where rpm had its databases before SQLite, which nothing here reads. */
static const char *const old_places[] = {
	"/var/lib/rpm/Packages",
	"/var/lib/rpm/Packages.db",
	"/usr/lib/sysimage/rpm/Packages",
	"/usr/lib/sysimage/rpm/Packages.db",
};

/** None, and what there is that could not be read. */
static result packages_none(int root_fd, const char *unread, struct packages **out,
			    struct error *err)
{
	for (size_t i = 0; !unread && i < countof(old_places); i++) {
		owned(fd) int fd = root_open(root_fd, old_places[i]);

		if (fd >= 0)
			unread = "rpm's database is of an older format";
	}
	if (dpkg_status_parse("", 0, out, err))
		return FAILED;
	(*out)->kind = PACKAGES_NONE;
	(*out)->unread = unread;
	return OK;
}

/** What rpm wrote last and did not move into the database yet: then that is not all there is. */
static bool has_journal(int root_fd, const char *path)
{
	owned(str) char *journal = xasprintf("%s-wal", path);
	owned(fd) int fd = root_open(root_fd, journal);
	struct stat stat;

	return fd >= 0 && fstat(fd, &stat) == 0 && stat.st_size > 0;
}

result packages_open(int root_fd, struct packages **out, struct error *err)
{
	const char *unread = NULL;

	for (size_t i = 0; i < countof(places); i++) {
		owned(buf) struct buf text = {};
		struct error damage;
		bool found;

		/* What is too large or damaged is as good as none. */
		if (root_read(root_fd, places[i].path, PACKAGE_DATABASE_MAX, &text, &found,
			      &damage)) {
			unread = "the package database is too large";
			continue;
		}
		if (!found)
			continue;
		if (has_journal(root_fd, places[i].path))
			unread = "rpm did not close its database";
		else if (!places[i].parse(buf_text(&text), text.length, out, &damage))
			return OK;
		else
			unread = "the package database is damaged";
	}
	return packages_none(root_fd, unread, out, err);
}

result packages_load(struct packages *packages, int root_fd, struct package *package,
		     struct error *err)
{
	owned(buf) struct buf text = {};
	char path[512];
	bool found;

	if (package->loaded)
		return OK;
	snprintf(path, sizeof(path), "/var/lib/dpkg/info/%s:%s.md5sums", package->name,
		 package->arch);
	if (!package->multi_arch)
		snprintf(path, sizeof(path), "/var/lib/dpkg/info/%s.md5sums", package->name);
	package->loaded = true; /* if it cannot be read now, it cannot be read later */
	if (root_read(root_fd, path, PACKAGE_LIST_MAX, &text, &found, err))
		return FAILED;
	return found ? dpkg_sums_parse(packages, package, buf_text(&text), text.length, err) : OK;
}

result packages_diverted(int root_fd, struct strings *out, struct error *err)
{
	owned(buf) struct buf text = {};
	bool found;

	if (root_read(root_fd, "/var/lib/dpkg/diversions", PACKAGE_LIST_MAX, &text, &found, err))
		return FAILED;
	return found ? dpkg_diversions_parse(buf_text(&text), text.length, out, err) : OK;
}
