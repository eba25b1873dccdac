/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writing a list of ops: what every part of the compiler uses.
 */
#ifndef SANDBOX_OPLIST_H
#define SANDBOX_OPLIST_H

#include "sandbox/compiled.h"

#include <sys/mount.h>

#define ATTRIBUTES_SYSTEM (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/** A directory of layers that is on the stage. */
struct store_place {
	const char *path;
	int slot;
};

/** A sandbox being compiled: slots that its parts share. */
struct plan {
	struct sandbox *sandbox;
	const struct sandbox_spec *spec;
	struct strings skeleton; /* paths already in it */
	struct store_place *stores;
	size_t store_count;
	int root, work_dir;
};

/** Append an op; the text is what people read.  Valid until the next one is added. */
struct op *op_add(struct plan *plan, enum op_kind kind, const char *format, ...) PRINTF(3, 4);

/** Numbers for `count` more descriptors; the first. */
int slots_new(struct plan *plan, size_t count);

/** Copies that live as long as the sandbox; lists are NULL-terminated. */
const char *keep(struct plan *plan, const char *text);
const char **keep_list(struct plan *plan, const char *const *list);

/** Have the parent open `path` as a mount; its slot. */
int source_add(struct plan *plan, const char *path, bool is_layer, uint64_t attributes);

/** A new file system, or a piece of one that is there below slot `at` (-1: the host); its slot. */
int filesystem_add(struct plan *plan, const char *type, const char *const *options,
		   uint64_t attributes);
int clone_add(struct plan *plan, int at, const char *path, uint64_t attributes, bool recursive);

/** Make the mount point `path` and the directories above it in the skeleton. */
void skeleton_add(struct plan *plan, const char *path, bool is_directory);

#endif
