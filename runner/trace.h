/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the time of a build went: a trace for chrome://tracing and Perfetto.
 *
 * A process of the trace is a platform, its threads are lanes in which no two steps overlap; bytes
 * on their way have a process of their own.
 */
#ifndef RUNNER_TRACE_H
#define RUNNER_TRACE_H

#include "base/progress.h"
#include "base/text.h"

struct trace;

/** A trace that hears all events and passes them on to `next` (or NULL), which is borrowed. */
struct trace *trace_new(struct progress *next);
void trace_drop(struct trace **trace);

struct progress *trace_sink(struct trace *trace);

/** Take note of an event; `seconds` never goes back.  What the sink calls, for tests too. */
void trace_note(struct trace *trace, const struct event *event, double seconds);

/** The trace event format as JSON; what has not ended yet ends at `seconds`. */
void trace_text(struct trace *trace, double seconds, struct buf *out);

/** Replace the file by what happened until now. */
result trace_write(struct trace *trace, const char *path, struct error *err);

#endif
