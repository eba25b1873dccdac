/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An instance of binfmt_misc, the system's or that of a user namespace, by its directory.
 */
#ifndef BINFMT_MISC_H
#define BINFMT_MISC_H

#include "binfmt/entry.h"

#define MISC_PATH "/proc/sys/fs/binfmt_misc"

/** The most entries that are looked at; a kernel has a few dozen. */
enum { MISC_ENTRIES_MAX = 1024 };

struct misc {
	int dir_fd; /* -1: not mounted, so nothing can be registered */
	struct entry *entries;
	size_t count;
};

void misc_drop(struct misc *misc);

/**
 * Open what is mounted at MISC_PATH and read all entries.  Not mounted is no failure, unless
 * `mount_it`, which mounts it first where necessary: FAULT_PRIVILEGE.  An entry that cannot be
 * understood is left out.
 */
result misc_open(bool mount_it, struct misc *out, struct error *err);

/** The entry of that name, or NULL. */
const struct entry *misc_find(const struct misc *misc, const char *name);

/**
 * The enabled entry that takes programs starting so: the one called `prefer` if it does, else the
 * first of another name.  NULL where none does.
 */
const struct entry *misc_match(const struct misc *misc, const void *head, size_t length,
			       const char *prefer);

/** Make binfmt_misc as a whole work ("echo 1 > status"), should somebody have switched it off. */
result misc_enable(const struct misc *misc, struct error *err);

/** Write a rule.  FAULT_PRIVILEGE where that is not allowed. */
result misc_register(const struct misc *misc, const char *rule, struct error *err);

/** Remove an entry; programs that run through it go on. */
result misc_remove(const struct misc *misc, const char *name, struct error *err);

#endif
