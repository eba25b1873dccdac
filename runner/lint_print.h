/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the build checks found, for people and for programs.
 */
#ifndef RUNNER_LINT_PRINT_H
#define RUNNER_LINT_PRINT_H

#include "runner/lint.h"

/** "Dockerfile:7: RuleName: text", a line for each. */
void lint_text(const struct lint *lint, const char *name, struct buf *out);

/** One document, as docker build --call=check,format=json. */
void lint_json(const struct lint *lint, struct buf *out);

/** FAULT_INPUT names the rules, where "# check=error=true" makes warnings one. */
result lint_violations(const struct lint *lint, struct error *err);

#endif
