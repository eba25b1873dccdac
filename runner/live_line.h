/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The line of those who wait to know whether a program of theirs has a twin: who asks while a step
 * runs, and a thread that looks, one name after another.
 */
#ifndef RUNNER_LIVE_LINE_H
#define RUNNER_LIVE_LINE_H

#include "base/text.h"
#include "sandbox/sandbox.h"

struct live_line;

/** `look` is called for each name, by the line's thread, before those who ask are answered. */
struct live_line *live_line_new(void (*look)(void *closure, const char *name), void *closure);

/** After live_line_end() and live_line_join(), or before anybody asks. */
void live_line_drop(struct live_line **line);

/** Where it is to answer, before anybody can ask. */
void live_line_begin(struct live_line *line, struct assist_hidden *hidden);

/** Somebody asks; the answer comes when it is known, or at once where nobody can look. */
void live_line_ask(struct live_line *line, const char *name);

/**
 * Packages are being installed, until it is told NULL: all others who wait already go on emulated,
 * unless it is made for them, too.  For `look` to call.
 */
void live_line_making(struct live_line *line, const struct strings *packages);

/** Nobody is waited for any more. */
void live_line_end(struct live_line *line);

/** Wait until `look` has returned and is not called again; after live_line_end(). */
void live_line_join(struct live_line *line);

#endif
