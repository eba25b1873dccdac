/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The same for many, on all CPUs.
 */
#ifndef BINFMT_PARALLEL_H
#define BINFMT_PARALLEL_H

#include "base/defs.h"

/** Call each(i, arg) for i from 0 to count - 1 on some threads, in no order; returns when done. */
void parallel_do(size_t count, void (*each)(size_t i, void *arg), void *arg);

#endif
