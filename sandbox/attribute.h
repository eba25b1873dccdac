/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Extended attributes: which of them belong to an image, and reading them.
 */
#ifndef SANDBOX_ATTRIBUTE_H
#define SANDBOX_ATTRIBUTE_H

#include "base/error.h"
#include "base/text.h"

#include <sys/types.h>

/** Limits on what one file of an image may carry; Linux has the same for names and values. */
enum {
	ATTRIBUTE_NAME_MAX = 255,
	ATTRIBUTE_VALUE_MAX = 64 << 10,
	ATTRIBUTE_COUNT_MAX = 1024,
};

struct attribute {
	const char *name;
	const void *value;
	size_t length;
};

/** Sorted by name.  Starts as {}. */
struct attributes {
	struct attribute *items;
	size_t count;
	struct buf bytes; /* what names and values point into, or empty */
};

void attributes_drop(struct attributes *attributes);

/**
 * Whether an attribute is the image's own: not overlayfs's bookkeeping, nor what this host's
 * security modules attach (security.selinux, security.ima), nor trusted.*.
 */
bool attribute_is_image(const char *name);

/** Whether layers record it: file capabilities alone, as other builders have it. */
bool attribute_is_recorded(const char *name);

/**
 * Read the image's attributes of `name` in dir_fd (its links are not followed).  A file system
 * without attributes has none.
 */
result attributes_read(int dir_fd, const char *name, struct attributes *out, struct error *err);

/** Whether the directory `name` in dir_fd hides what lower layers have in it. */
bool attribute_is_opaque(int dir_fd, const char *name);

/** Set one on `name` in dir_fd, links not followed; -1 with errno. */
int attribute_set(int dir_fd, const char *name, const struct attribute *attribute);

#endif
