/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Files with several names: which name of an inode was met first.
 */
#ifndef SANDBOX_HARDLINKS_H
#define SANDBOX_HARDLINKS_H

#include "base/defs.h"

#include <sys/stat.h>

struct hardlinks;

struct hardlinks *hardlinks_new(void);
void hardlinks_drop(struct hardlinks **links);

/**
 * The path under which this inode was met before, or NULL after remembering `path` for it.  Files
 * with one name only, and directories, are never remembered.
 */
const char *hardlinks_meet(struct hardlinks *links, const struct stat *info, const char *path);

#endif
