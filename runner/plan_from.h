/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a FROM line says once its variables are resolved, and what no --from may say.
 */
#ifndef RUNNER_PLAN_FROM_H
#define RUNNER_PLAN_FROM_H

#include "base/platform.h"
#include "runner/dockerfile.h"

/** The name of the base; the caller frees it.  FAULT_INPUT where it is blank. */
result from_name(const struct dockerfile *file, const struct instruction *from,
		 const struct strings *globals, char **out, struct error *err);

/** Whether the stage has a --platform, and which.  FAULT_INPUT where it is empty or none. */
result from_platform(const struct dockerfile *file, const struct instruction *from,
		     const struct strings *globals, bool *given, struct platform *out,
		     struct error *err);

/**
 * COPY --from takes no variables, and no number that no stage has.  Its value is checked in all
 * stages, needed or not.
 */
result copy_from_check(const struct dockerfile *file, const struct instruction *copy,
		       size_t stage_count, struct error *err);

#endif
