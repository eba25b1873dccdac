/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Variables that FROM lines see, and that a stage imports by naming them.
 */
#ifndef RUNNER_PLAN_GLOBALS_H
#define RUNNER_PLAN_GLOBALS_H

#include "base/platform.h"
#include "runner/dockerfile.h"

/**
 * BUILD*, TARGET* and the ARGs before the first FROM, as build arguments leave them.
 * `target_stage` is the stage that was asked for, or NULL.
 */
result globals_make(const struct dockerfile *file, const struct strings *build_args,
		    const struct platform *target, const char *target_stage, struct strings *env,
		    struct error *err);

#endif
