/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Device nodes of this host for a sandbox, which otherwise can open none.
 */
#ifndef SANDBOX_DEVICE_H
#define SANDBOX_DEVICE_H

#include "base/error.h"

#include <sys/types.h>

/** What the node is called in its mount. */
#define DEVICE_NODE "node"

/**
 * A detached mount of a file system in memory that holds nothing but a node for the same device as
 * `path`, with its mode, of this owner and group.  Takes real root; -1 where it fails.
 */
int device_open(const char *path, uid_t owner, struct error *err);

#endif
