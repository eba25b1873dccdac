/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Events made visible on standard error: for people at a terminal, for logs, for tools.
 */
#ifndef RUNNER_RENDER_H
#define RUNNER_RENDER_H

#include "base/progress.h"

struct render;

/**
 * A sink for `mode`: "plain", "json", "tty", "quiet", or "auto" (NULL too): tty where standard
 * error is a terminal that can move its cursor, else plain.  FAULT_USAGE on another word.
 *
 * NO_COLOR and JOURNAL_STREAM are obeyed.  `verbose`: a terminal keeps what steps write.
 */
result render_new(const char *mode, bool verbose, struct render **out, struct error *err);

/** Draw what is still owed and leave the terminal as it was. */
void render_drop(struct render **render);

struct progress *render_sink(struct render *render);

/** The last word of a program that failed: a line, or an event where `mode` is "json". */
void render_error(const char *mode, const struct error *err);

#endif
