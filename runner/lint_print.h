/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the build checks found, for people and for programs.
 */
#ifndef RUNNER_LINT_PRINT_H
#define RUNNER_LINT_PRINT_H

#include "base/json.h"
#include "runner/lint.h"

/** "Dockerfile:7: RuleName: text", a line for each. */
void lint_text(const struct lint *lint, const char *name, struct buf *out);

/**
 * One document, as docker build --call=check,format=json.  `wrong` (or NULL) is why the file breaks
 * off, at `file->wrong` if that is there.
 */
void lint_json(const struct lint *lint, const struct dockerfile *file, const struct error *wrong,
	       struct buf *out);

/** {"ranges": [{"start": {"line": N}, "end": {"line": N}}]} */
json_t *location_json(unsigned first_line, unsigned last_line);

/** FAULT_INPUT names the rules, where "# check=error=true" makes warnings one. */
result lint_violations(const struct lint *lint, struct error *err);

#endif
