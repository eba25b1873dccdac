/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Entries of an archive become files below a root, and never outside of it.
 */
#ifndef SANDBOX_PLACE_H
#define SANDBOX_PLACE_H

#include "sandbox/inroot.h"
#include "sandbox/tar.h"

struct place;

/**
 * `root_fd` is borrowed, as is `lower_fd`: the tree that the root will lie on, whose links lead to
 * where an entry belongs and whose files may have a hard link here; -1 where nobody knows it.
 */
struct place *place_new(const struct ctx *ctx, int root_fd, int lower_fd, enum climbing climbing);
void place_drop(struct place **place);

/**
 * Make what an entry says at `path`, which has no "", "." or ".." parts ("" is the root).  What is
 * there already gives way, but a directory for a directory, whose attributes change only.  Content
 * comes from `tar`.
 */
result place_entry(struct place *place, struct tar *tar, const struct tar_entry *entry,
		   const char *path, struct error *err);

/** Hide `path` of the layers below; content of this layer stays, whichever comes first. */
result place_whiteout(struct place *place, const char *path, struct error *err);

/** Hide everything that the layers below have in the directory `path`. */
result place_opaque(struct place *place, const char *path, struct error *err);

/** Wait for all files, then set the times of directories and bring all of it to disk. */
result place_finish(struct place *place, struct error *err);

/**
 * The directories that were made only because entries are in them, parents first; "." too where
 * what was made depends on the lower tree in another way.
 */
void place_implicit(const struct place *place, struct strings *out);

#endif
