/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is legal in a Dockerfile but seldom meant: BuildKit's build checks, under their names.
 */
#ifndef RUNNER_LINT_H
#define RUNNER_LINT_H

#include "runner/lint_rules.h"

/**
 * Check a file that was parsed, and is sound as far as it goes.  FAULT_INPUT on a bad "# check=",
 * or where a global ARG cannot be expanded.
 */
result lint_run(const struct dockerfile *dockerfile, const struct lint_options *options,
		struct lint **out, struct error *err);

#endif
