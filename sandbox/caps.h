/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sets of capabilities as plain words: worked out in the parent, given to the kernel by the child.
 */
#ifndef SANDBOX_CAPS_H
#define SANDBOX_CAPS_H

#include "base/text.h"

/** Bit n stands for capability n. */
#define CAPABILITY_BIT(number) (UINT64_C(1) << (number))

/** What programs in containers may keep: the fourteen that Docker grants. */
uint64_t capabilities_default(void);

/** "net_admin", "CAP_NET_ADMIN" in any case, or "all"; FAULT_INPUT where there is no such. */
result capability_parse(const char *name, uint64_t *out, struct error *err);

/**
 * The default set with some dropped and some added, as docker does it: with "all" added, all but
 * those dropped; with "all" dropped, only those added; else a name in both lists is added.
 */
result capabilities_tweak(const char *const *added, size_t added_count, const char *const *dropped,
			  size_t dropped_count, uint64_t *out, struct error *err);

/** "chown dac_override ...", in the order of their numbers. */
void capabilities_text(uint64_t set, struct buf *out);

#endif
