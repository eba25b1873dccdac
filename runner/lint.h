/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is legal in a Dockerfile but seldom meant: BuildKit's build checks, under their names.
 */
#ifndef RUNNER_LINT_H
#define RUNNER_LINT_H

#include "runner/ignore.h"
#include "runner/lint_rules.h"

struct lint_options {
	const struct ignore *ignore; /* the context's .dockerignore, or NULL */
	bool experimental;
	const char *check; /* in place of "# check="; or NULL */
};

/** Check a file that was parsed and is sound.  FAULT_INPUT on a bad "# check=". */
result lint_run(const struct dockerfile *dockerfile, const struct lint_options *options,
		struct lint **out, struct error *err);

#endif
