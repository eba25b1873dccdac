/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why an op failed, for people.
 */
#ifndef SANDBOX_REFUSAL_H
#define SANDBOX_REFUSAL_H

#include "sandbox/ops.h"

#include "base/error.h"

/** FAILED, with what was tried, the errno, and what it means where strerror() does not tell. */
int op_fail(const struct op *op, int sys, struct error *err);

#endif
