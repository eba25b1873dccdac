/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Registrations that outlive a reboot: a file of rules as binfmt.d(5) has it.
 */
#ifndef BINFMT_PERSIST_H
#define BINFMT_PERSIST_H

#include "base/text.h"

/** Replace the file by these rules; its directory is made where it is not there. */
result persist_write(const char *path, const struct strings *rules, struct error *err);

/** Take the rules of these names out, and the file away once none is left.  No file: fine. */
result persist_remove(const char *path, const struct strings *names, struct error *err);

/** Pure part of the above: add `text` to `out` without those rules; how many rules remain. */
size_t persist_filter(const char *text, const struct strings *names, struct buf *out);

#endif
