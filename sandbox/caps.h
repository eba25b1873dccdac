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

/** "chown dac_override ...", in the order of their numbers. */
void capabilities_text(uint64_t set, struct buf *out);

#endif
