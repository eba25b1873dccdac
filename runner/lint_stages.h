/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNNER_LINT_STAGES_H
#define RUNNER_LINT_STAGES_H

#include "runner/ignore.h"
#include "runner/lint_rules.h"

/** The rules that must know what is set and declared where: all of them in the file's order. */
void lint_stages(struct lint *lint, const struct dockerfile *dockerfile,
		 const struct ignore *ignore);

#endif
