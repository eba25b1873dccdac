/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Extended attributes by directory descriptor and name.
 *
 * The calls take no descriptor before Linux 6.13, so that files which cannot be opened (links,
 * devices, FIFOs) are named through /proc/self/fd.
 */
#include "sandbox/attribute.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* The first match decides; what matches none is dropped. */
static const struct {
	const char *prefix;
	bool whole, is_image;
} namespaces[] = {
	{ "user.overlay.", false, false },          { "user.", false, true },
	{ "security.capability", true, true },      { "system.posix_acl_access", true, true },
	{ "system.posix_acl_default", true, true },
};

bool attribute_is_image(const char *name)
{
	for (size_t i = 0; i < countof(namespaces); i++)
		if (namespaces[i].whole ? strcmp(name, namespaces[i].prefix) == 0
					: starts_with(name, namespaces[i].prefix))
			return namespaces[i].is_image;
	return false;
}

bool attribute_is_recorded(const char *name)
{
	return strcmp(name, "security.capability") == 0;
}

void attributes_drop(struct attributes *attributes)
{
	free(attributes->items);
	buf_drop(&attributes->bytes);
	*attributes = (struct attributes){};
}

enum { PROC_PATH_MAX = 320 };

static const char *proc_path(int dir_fd, const char *name, char path[PROC_PATH_MAX])
{
	snprintf(path, PROC_PATH_MAX, "/proc/self/fd/%d/%s", dir_fd, name);
	return path;
}

/** Errors that say "there are none here". */
static bool is_absent(int sys)
{
	return sys == EOPNOTSUPP || sys == ENODATA || sys == ENOSYS;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct attribute *)a)->name, ((const struct attribute *)b)->name);
}

/** Add one attribute; its place in the bytes is kept as an offset until they stop moving. */
static result add(const char *path, const char *name, struct attributes *out, struct error *err)
{
	size_t name_size = strlen(name) + 1;
	ssize_t length;
	char *room;

	if (out->count == ATTRIBUTE_COUNT_MAX)
		return fail(err, FAULT_INPUT, "more than %d extended attributes",
			    ATTRIBUTE_COUNT_MAX);
	room = buf_reserve(&out->bytes, name_size + ATTRIBUTE_VALUE_MAX);
	memcpy(room, name, name_size);
	length = lgetxattr(path, name, room + name_size, ATTRIBUTE_VALUE_MAX);
	if (length < 0)
		return is_absent(errno) ? OK : fail_sys(err, "read attribute %s", name);
	array_grow(out->items, out->count);
	out->items[out->count++] = (struct attribute){
		.name = (const char *)(uintptr_t)out->bytes.length,
		.length = (size_t)length,
	};
	out->bytes.length += name_size + (size_t)length;
	return OK;
}

static void offsets_to_pointers(struct attributes *out)
{
	for (size_t i = 0; i < out->count; i++) {
		struct attribute *item = &out->items[i];

		item->name = out->bytes.data + (uintptr_t)item->name;
		item->value = item->name + strlen(item->name) + 1;
	}
	if (out->count > 1)
		qsort(out->items, out->count, sizeof(*out->items), by_name);
}

result attributes_read(int dir_fd, const char *name, struct attributes *out, struct error *err)
{
	char path[PROC_PATH_MAX], few[1024];
	owned(str) char *many = NULL;
	const char *list = few;
	ssize_t length;

	attributes_drop(out);
	length = llistxattr(proc_path(dir_fd, name, path), few, sizeof(few));
	if (length < 0 && errno == ERANGE) {
		list = many = xcalloc(1, XATTR_LIST_MAX);
		length = llistxattr(path, many, XATTR_LIST_MAX);
	}
	if (length < 0)
		return is_absent(errno) ? OK : fail_sys(err, "list attributes");
	for (const char *at = list; at < list + length; at += strlen(at) + 1)
		if (attribute_is_image(at) && add(path, at, out, err))
			return FAILED;
	offsets_to_pointers(out);
	return OK;
}

bool attribute_is_opaque(int dir_fd, const char *name)
{
	char path[PROC_PATH_MAX], value;

	return lgetxattr(proc_path(dir_fd, name, path), "user.overlay.opaque", &value, 1) == 1 &&
	       value == 'y';
}

int attribute_set(int dir_fd, const char *name, const struct attribute *attribute)
{
	char path[PROC_PATH_MAX];

	return lsetxattr(proc_path(dir_fd, name, path), attribute->name, attribute->value,
			 attribute->length, 0);
}
