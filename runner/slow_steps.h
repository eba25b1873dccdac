/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which steps of a build were slow, and by what: told at its end.
 */
#ifndef RUNNER_SLOW_STEPS_H
#define RUNNER_SLOW_STEPS_H

#include "base/ctx.h"

#include <stddef.h>

struct slow_steps;

struct slow_steps *slow_steps_new(void);
void slow_steps_drop(struct slow_steps **steps);

/** Safe from several threads; `number` is for the order. */
void slow_steps_add(struct slow_steps *steps, size_t number, const char *name, const char *why);

/** Emit a note for each, in their order. */
void slow_steps_tell(struct slow_steps *steps, const struct ctx *ctx);

#endif
