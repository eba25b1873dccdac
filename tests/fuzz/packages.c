/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Package databases: whatever they hold, every path they name is absolute and climbs nowhere.  The
 * first byte says which parser reads the rest.
 */
#include "runner/packages.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_path(const char *path)
{
	if (path[0] != '/' || strstr(path, "/../") || strstr(path, "//") ||
	    ends_with(path, "/..") || strchr(path, '\n'))
		abort();
}

static void check(const struct packages *packages)
{
	for (size_t i = 0; i < packages->count; i++) {
		const struct package *package = &packages->items[i];

		if (strchr(package->name, '/') || !packages_find(packages, package->name, NULL) ||
		    !packages_find(packages, package->name, package->arch))
			abort();
		for (size_t j = 0; j < package->file_count; j++) {
			check_path(package->files[j].path);
			if (!package_file_find(package, package->files[j].path))
				abort();
		}
	}
}

void fuzz_one(const char *text, size_t size)
{
	owned(packages) struct packages *packages = NULL;
	owned(strings) struct strings paths = {};
	struct error err;

	if (!size)
		return;
	if (text[0] == 'a') {
		if (!apk_installed_parse(text + 1, size - 1, &packages, &err))
			check(packages);
	} else if (text[0] == 'r') {
		if (!rpm_database_parse(text + 1, size - 1, &packages, &err))
			check(packages);
	} else if (text[0] == 'h') {
		if (!dpkg_status_parse("", 0, &packages, &err) &&
		    !rpm_header_parse(packages, text + 1, size - 1, &err))
			check(packages);
	} else if (text[0] == 'v') {
		if (!dpkg_diversions_parse(text + 1, size - 1, &paths, &err))
			for (size_t i = 0; i < paths.count; i++)
				check_path(paths.items[i]);
	} else if (!dpkg_status_parse(text + 1, size - 1, &packages, &err)) {
		if (packages->count &&
		    dpkg_sums_parse(packages, &packages->items[0], text + 1, size - 1, &err))
			return;
		check(packages);
	}
}
