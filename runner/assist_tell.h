/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Telling how programs ran under native assist, and what their time went to.
 */
#ifndef RUNNER_ASSIST_TELL_H
#define RUNNER_ASSIST_TELL_H

#include "base/progress.h"
#include "runner/assist.h"

/**
 * Emit an event like `about`, of kind EVENT_STEP_ASSIST, after the sandbox has ended.  Where
 * emulation of one program took a good part of a long time, `slow` (may be NULL) says so: "91% of
 * its 12.3 s of CPU time is emulated cmake (no twin: ...)".
 */
void assist_tell(const struct ctx *ctx, struct assist *assist, const struct event *about,
		 struct buf *slow);

/* ---- for tests ---- */

/** "12.3 s of CPU time: 91% emulated cmake (no twin), 5% native cc1"; nothing where it is short. */
void assist_times_text(const struct event *event, struct buf *out);

/** What `slow` gets. */
void assist_slow_text(const struct event *event, struct buf *out);

#endif
