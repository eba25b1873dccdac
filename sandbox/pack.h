/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A child as one piece of memory that another process can run, if it has it at the same address.
 */
#ifndef SANDBOX_PACK_H
#define SANDBOX_PACK_H

#include "sandbox/ops.h"

/**
 * Copy `child`, its slots, its ops and all that they point to to `room`, the child itself first;
 * what only people read stays behind.  The bytes used, or 0 where there is no room for it or an op
 * has data of a kind that is not known here.
 */
size_t child_pack(const struct child *child, void *room, size_t size);

#endif
