/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native assist for one sandbox: the twins of what it stands on, and everything that it takes for
 * its dispatcher to find them.
 */
#ifndef RUNNER_ASSIST_H
#define RUNNER_ASSIST_H

#include "runner/assist_request.h"

/** "off", "safe", "full", "verify" or "verify-full"; FAULT_USAGE. */
result assist_mode_parse(const char *text, enum assist_mode *out, struct error *err);

const char *assist_mode_text(enum assist_mode mode);

/** What this machine lacks for any native assist, as a reason; NULL: nothing. */
const char *assist_obstacle(void);

struct assist;

/**
 * Find the twins and get ready for one run, where assist_obstacle() has nothing.  `*out` stays NULL
 * where nothing can be run natively; `why` (may be NULL) then says why not, where that is worth a
 * word.  FAILED only for what would also keep the step from running: native assist is a help and no
 * condition.
 */
result assist_start(const struct assist_request *request, struct assist **out, struct buf *why,
		    struct error *err);

/** The rule of binfmt_misc and the rest, for the sandbox's spec; borrowed. */
const char *assist_rule(const struct assist *assist);
const struct assist_spec *assist_spec(const struct assist *assist);

/** After the sandbox has ended: how its programs ran, and which of them took the time. */
void assist_counts(struct assist *assist, struct assist_counts *out);
void assist_times(struct assist *assist, struct program_times *out);

/**
 * Whether a twin met what it cannot do as the foreign program would, so that the run counts for
 * nothing: it is to be made again, with `refuse_long_double`.  What it met, if that has a name.
 */
enum { ASSIST_NAME_SIZE = 48 };
bool assist_tripped(struct assist *assist, char at[ASSIST_NAME_SIZE]);

/** Why a program that was executed by that name (without directories) had no twin. */
const char *assist_reason(const struct assist *assist, const char *name);
void assist_drop(struct assist **assist);

#endif
