/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A user and mount namespace with just the caller in it, as root; made between fork and exec.
 */
#ifndef BINFMT_USERNS_H
#define BINFMT_USERNS_H

#include "base/defs.h"

/** The maps, printed before the fork. */
struct userns {
	char uid_map[32], gid_map[32];
};

struct userns userns_plan(void);

/** Enter it: system calls only.  -1 with errno. */
int userns_make(const struct userns *userns);

#endif
