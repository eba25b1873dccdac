/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Finished filters on disk, below the store: making one takes libseccomp longer than the kernel
 * takes to start a program.
 *
 * A file is named by what its filter was made from and holds the filter with a digest of it.  It
 * counts only where nobody but us can have written it; whatever is wrong with it, it is made anew.
 */
#ifndef SANDBOX_FILTER_CACHE_H
#define SANDBOX_FILTER_CACHE_H

#include "sandbox/filter.h"

#include "base/digest.h"

/** A hasher that has taken what all filters depend on: machine and library. */
struct hasher *filter_key_new(void);

/** False where there is none that can be trusted; the caller frees its instructions. */
bool filter_load(const struct digest *key, struct filter *out);

/** Best effort. */
void filter_save(const struct digest *key, const struct filter *filter);

#endif
