/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The libraries and modules of a native root: whether those that a program needs have their twins
 * in the foreign one, and copies of them.
 */
#ifndef RUNNER_TWIN_LIBRARIES_H
#define RUNNER_TWIN_LIBRARIES_H

#include "runner/twin_source.h"

/**
 * Make sure of all libraries that the native file at `path` needs: they are their packages' own,
 * and the foreign root has the same packages, unaltered.  Leaves NULL in `*reason` where all is
 * well.
 */
result native_root_needs(struct native_root *source, const struct native *native, const char *path,
			 bool is_cross, const char **reason, struct error *err);

/**
 * The same for what a program loads by itself: each library below the directory `theirs` of the
 * foreign root has its twin below `ours`, and the other way round.
 */
result native_root_modules(struct native_root *source, const char *ours, const char *theirs,
			   const char **reason, struct error *err);

#endif
