/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Looking a file up in a layer stack that is not mounted: for the few bytes that are needed before
 * there is a sandbox, without any privilege.
 */
#ifndef SANDBOX_STACK_H
#define SANDBOX_STACK_H

#include "base/text.h"

/**
 * Add the content of the regular file `path` (absolute), as the stack's merged view has it, to
 * `out`; links are followed inside the stack.  A file that is not there adds nothing.
 */
result stack_read(const char *const *lowers, size_t lower_count, const char *path, size_t limit,
		  struct buf *out, struct error *err);

#endif
