/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The prepared part of a twin root: a directory of links to copies, made once for what is in it.
 */
#ifndef RUNNER_TWIN_ROOT_H
#define RUNNER_TWIN_ROOT_H

#include "runner/twin_source.h"

/** Open STORE/twins and STORE/twins/files, making them where they are missing. */
result twin_store_open(const char *store, int *twins_fd, int *files_fd, struct error *err);

/** The name in STORE/twins of a directory with all entries of the source, made where needed. */
result twin_root_make(int twins_fd, int files_fd, struct native_root *source,
		      char name[COPY_NAME_MAX], struct error *err);

#endif
