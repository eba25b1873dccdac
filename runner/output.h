/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a step writes: read from a pipe on a thread of its own, cut into lines, emitted as events.
 *
 * A line is cut at OUTPUT_LINE_MAX bytes; lines past a rate or a total are dropped with a notice
 * that says how many, so that no program can fill the memory or the log.  It never notices.
 */
#ifndef RUNNER_OUTPUT_H
#define RUNNER_OUTPUT_H

#include "base/ctx.h"
#include "runner/plan.h"

struct output_pump;

/** The step must outlive the pump. */
result output_new(const struct ctx *ctx, const struct step *step, struct output_pump **out,
		  struct error *err);

/** The writing end, for the step's stdout and stderr; borrowed. */
int output_fd(const struct output_pump *pump);

/** Close the writing end and wait until all that was written is emitted. */
void output_finish(struct output_pump *pump);
void output_pump_drop(struct output_pump **pump);

#endif
