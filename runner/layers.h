/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Unpacked layers: ROOT/layers/<diff_id>, shared by all images, made once.
 *
 * An image may hold the same layer twice (two steps that change nothing); overlayfs takes each
 * directory once.  The topmost one decides: whatever a lower one says of a path, the topmost says
 * again.
 */
#ifndef RUNNER_LAYERS_H
#define RUNNER_LAYERS_H

#include "base/ctx.h"
#include "registry/registry.h"

/**
 * Make sure that every layer of the image is unpacked, and add the paths of their directories to
 * `lowers`, topmost first and each once.  Blob digest and diff_id are checked while unpacking
 * (FAULT_INTEGRITY); a directory that has its final name is complete.
 */
result layers_prepare(const struct ctx *ctx, struct store *store, const char *root,
		      const struct image *image, struct strings *lowers, struct error *err);

/**
 * The same for one layer on top of `lowers`; `path` is the directory's.  A layer that has no entry
 * for a directory in which it has something takes that directory's owner and mode from below, and
 * so has a directory of its own for each stack that it stands on.
 */
result layer_prepare(const struct ctx *ctx, struct store *store, const char *root,
		     const struct layer *layer, const struct strings *lowers, struct buf *path,
		     struct error *err);

/**
 * Whether the directory is there and has all that was put into it.  One that was not on disk before
 * the machine was started again is in doubt, and is removed.
 */
bool layer_is_whole(const char *root, const char *path);

/** Add the names of the image's directories that are there (in ROOT/layers) to `names`. */
void layers_known(const char *root, const struct image *image, struct strings *names);

/** Put a layer's directory on top of a stack, which holds each directory once. */
void lowers_push(struct strings *lowers, const char *path);

/** The path that the layer has or would have. */
void layer_path(const char *root, const struct digest *diff_id, struct buf *path);

/**
 * Give the directory `from` (an upper that is done) its final name as a layer; if another process
 * was faster, `from` stays and theirs is used.  Nothing is written to disk for it: a power failure
 * may take parts of it, so that it is unpacked from its blob again when the machine was started
 * anew.
 */
result layer_adopt(const char *root, const struct digest *diff_id, const char *from,
		   struct error *err);

#endif
