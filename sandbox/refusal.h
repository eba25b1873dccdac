/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why an op failed, for people.
 */
#ifndef SANDBOX_REFUSAL_H
#define SANDBOX_REFUSAL_H

#include "sandbox/ops.h"

#include "base/error.h"

/** Add to an error what its errno means where it is that of a call that the kernel does not know.
 */
void refusal_explain(int sys, struct error *err);

/** FAILED, with what was tried, the errno, and what it means where strerror() does not tell. */
int op_fail(const struct op *op, int sys, struct error *err);

#endif
