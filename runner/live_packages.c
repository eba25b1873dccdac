/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/live_packages.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ARCHIVED_MAX = 128 /* packages */ };

void live_packages_drop(struct live_packages *packages)
{
	strings_drop(&packages->items);
	strings_drop(&packages->were_there);
}

/* ---- the database ---- */

bool live_known_read(int view, struct assist_known *out)
{
	owned(fd) int fd = open_in_root(view, "/var/lib/dpkg/status", O_PATH, 0);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return false;
	*out = (struct assist_known){ info.st_mtim,           info.st_ctim, info.st_ino,
				      (uint64_t)info.st_size, false,        false };
	return true;
}

bool live_known_equal(const struct assist_known *a, const struct assist_known *b)
{
	return a->inode == b->inode && a->size == b->size && a->ctime.tv_sec == b->ctime.tv_sec &&
	       a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static void package_text(const struct package *package, struct strings *out)
{
	if (strcmp(package->arch, "all") == 0)
		strings_printf(out, "%s=%s", package->name, package->version);
	else
		strings_printf(out, "%s:%s=%s", package->name, package->arch, package->version);
}

static result packages_list(int root, struct strings *out, struct error *err)
{
	owned(packages) struct packages *packages = NULL;

	if (packages_open(root, &packages, err))
		return FAILED;
	for (size_t i = 0; packages->kind == PACKAGES_DPKG && i < packages->count; i++)
		package_text(&packages->items[i], out);
	return OK;
}

/* ---- what is new ---- */

static int text_compare(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static bool was_there(const struct live_packages *packages, const char *text)
{
	const struct strings *list = &packages->were_there;

	return list->count &&
	       bsearch(&text, list->items, list->count, sizeof(*list->items), text_compare);
}

static result packages_before(struct live_packages *packages, int before, struct error *err)
{
	struct strings *list = &packages->were_there;

	if (list->count)
		return OK;
	if (packages_list(before, list, err))
		return FAILED;
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), text_compare);
	return OK;
}

/** Those that were not there before the step. */
static result packages_new(struct live_packages *packages, int view, int before,
			   struct strings *out, struct error *err)
{
	owned(strings) struct strings all = {};

	if (packages_before(packages, before, err) || packages_list(view, &all, err))
		return FAILED;
	for (size_t i = 0; i < all.count; i++) {
		if (!was_there(packages, all.items[i]))
			strings_add(out, all.items[i]);
	}
	return OK;
}

static bool strings_equal(const struct strings *a, const struct strings *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->items[i], b->items[i]) == 0;
	return same;
}

result live_packages_look(struct live_packages *packages, int view, int before, bool *are_new,
			  struct error *err)
{
	owned(strings) struct strings items = {};

	if (packages_new(packages, view, before, &items, err))
		return FAILED;
	*are_new = !strings_equal(&items, &packages->items);
	if (*are_new) {
		strings_drop(&packages->items);
		packages->items = items;
		items = (struct strings){};
	}
	return OK;
}

/* ---- what the archive is asked for ---- */

char *live_package_name(const char *text)
{
	return xstrndup(text, strcspn(text, ":="));
}

/** What a native root was made for, or may be. */
static bool is_made_for(const char *name, enum tool_mode mode)
{
	static const char *const toolchain[] = { "binutils", "gcc-", "g++-", "cpp-" };

	for (size_t i = 0; i < countof(toolchain); i++) {
		if (starts_with(name, toolchain[i]))
			return true;
	}
	return tool_package_fetched(name, mode);
}

void live_packages_archived(const struct live_packages *packages, enum tool_mode mode,
			    struct packages *const *natives, size_t count, struct strings *out)
{
	for (size_t i = 0; i < packages->items.count && out->count < ARCHIVED_MAX; i++) {
		const char *text = packages->items.items[i];
		const bool is_script = text[strcspn(text, ":=")] == '='; /* for all machines */
		owned(str) char *name = live_package_name(text);
		bool wanted = is_script ? tool_package_known(name, mode) : is_made_for(name, mode);

		for (size_t j = 0; !wanted && !is_script && j < count; j++)
			wanted = packages_find(natives[j], name, NULL) != NULL;
		if (wanted)
			strings_add(out, text);
	}
}
