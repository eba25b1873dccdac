/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native assist for one sandbox: the twins of what it stands on, and everything that it takes for
 * its dispatcher to find them.
 */
#ifndef RUNNER_ASSIST_H
#define RUNNER_ASSIST_H

#include "runner/toolchain.h"
#include "runner/twins.h"
#include "sandbox/sandbox.h"

enum assist_mode {
	ASSIST_OFF,
	ASSIST_SAFE,   /* tools of which it is known that their output is the same on any CPU */
	ASSIST_FULL,   /* also compilers of another revision, and interpreters */
	ASSIST_VERIFY, /* as safe; each step also runs without, and what they left is compared */
};

/** "off", "safe", "full" or "verify"; FAULT_USAGE. */
result assist_mode_parse(const char *text, enum assist_mode *out, struct error *err);

const char *assist_mode_text(enum assist_mode mode);

/** A native stack of layers in which twins may be. */
struct assist_source {
	enum twin_origin origin;
	const struct strings *lowers; /* topmost first */
	const struct strings *peer;   /* the foreign stack that it corresponds to; NULL: as it is */
};

struct assist_request {
	const struct ctx *ctx;
	const char *root; /* of the store */
	struct cache *cache;
	const struct privilege *privilege;
	enum assist_mode mode;
	const struct platform *platform; /* of the programs */
	const struct strings *lowers;    /* that they are in, topmost first */
	const struct assist_source *sources;
	size_t source_count;
	struct toolchains *toolchains; /* to make what has no sibling; NULL: nothing is made */
	/* What they are made on, best what seldom changes; NULL: the first source. */
	const struct strings *toolchain_base;
	bool may_repeat;         /* the run can be made again if assist_tripped() */
	bool refuse_long_double; /* it is made again, because of that */
	const char *place;       /* directory of the sandbox's own; "assist" is made in it */
};

struct assist;

/**
 * Find the twins and get ready for one run.  `*out` stays NULL where nothing can be run natively;
 * `why` (may be NULL) then says why not, where that is worth a word.  FAILED only for what would
 * also keep the step from running: native assist is a help and no condition.
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
 * nothing: it is to be made again, with `refuse_long_double`.
 */
bool assist_tripped(struct assist *assist);

/** Why a program that was executed by that name (without directories) had no twin. */
const char *assist_reason(const struct assist *assist, const char *name);
void assist_drop(struct assist **assist);

#endif
