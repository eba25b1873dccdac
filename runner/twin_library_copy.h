/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Copies of libraries: what a loader, a C library and some others have otherwise than the files
 * that they are made of.
 */
#ifndef RUNNER_TWIN_LIBRARY_COPY_H
#define RUNNER_TWIN_LIBRARY_COPY_H

#include "runner/twin_source.h"

/**
 * Make the copy of a native library, `sum` its content, and part of the prepared root; for the C
 * library note what the copy can do.  Leaves NULL in `*reason`, or why there can be none.
 */
result library_copy(struct native_root *source, const struct found *found, const struct sum *sum,
		    const char *name, const char **reason, struct error *err);

#endif
