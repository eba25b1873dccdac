/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a main process gives up, in advance or when it is known what to run.
 */
#ifndef SANDBOX_RIGHTS_H
#define SANDBOX_RIGHTS_H

#include "sandbox/oplist.h"

/** The keyring and the reactions to signals of whoever made it. */
void inheritance_drop(struct plan *plan);

/** Capabilities that no program it executes shall have either. */
void bound_add(struct plan *plan, uint64_t set);

/** Sockets and signals of others, where the kernel can. */
void scope_add(struct plan *plan);

/** System calls; where it `asks`, the parent is asked about some. */
void filter_add(struct plan *plan, const struct filter *filter, bool asks, const char *whose);

#endif
