/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What native assist is asked for.
 */
#ifndef RUNNER_ASSIST_REQUEST_H
#define RUNNER_ASSIST_REQUEST_H

#include "runner/toolchain.h"
#include "runner/twins.h"
#include "sandbox/sandbox.h"

enum assist_mode {
	ASSIST_OFF,
	ASSIST_SAFE,   /* tools of which it is known that their output is the same on any CPU */
	ASSIST_FULL,   /* also compilers of another revision, and interpreters */
	ASSIST_VERIFY, /* as safe; each step also runs without, and what they left is compared */
	ASSIST_VERIFY_FULL, /* the same as full */
};

/** A native stack of layers in which twins may be. */
struct assist_source {
	enum twin_origin origin;
	const struct strings *lowers; /* topmost first */
	const struct strings *peer;   /* the foreign stack that it corresponds to; NULL: as it is */
	bool is_published; /* it and its peer are variants of one image as its author gave it */
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
	const char *upper;       /* what the sandbox writes to: what it installs gets twins,
				    too; NULL: it does not */
};

/** Which rows of tools are in force. */
enum tool_mode assist_tool_mode(const struct assist_request *request);

/** Whether each step runs both ways. */
bool assist_mode_verifies(enum assist_mode mode);

/** The native stack that toolchains are made on; there is at least one source. */
const struct strings *assist_toolchain_base(const struct assist_request *request);

/** What is asked of twins_find(), but for the roots, which are the caller's; `trip` is borrowed. */
struct twin_request assist_twins_wanted(const struct assist_request *request,
					const struct trip *trip);

#endif
