/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Instructions times platforms become one graph of steps.  Pure: nothing is looked up or run.
 *
 * Each platform has its own instance of each stage that it needs; steps that turn out equal (same
 * key) are run once by the scheduler.  A step's needs stand before it in `steps`.
 */
#ifndef RUNNER_PLAN_H
#define RUNNER_PLAN_H

#include "base/platform.h"
#include "runner/dockerfile.h"
#include "runner/named.h"
#include "runner/onbuild.h"
#include "runner/snapshot.h"

enum step_kind {
	STEP_SCRATCH,     /* FROM scratch */
	STEP_IMAGE,       /* FROM IMAGE, COPY --from=IMAGE */
	STEP_FILES,       /* a further context: `image` is what context_obtain() takes */
	STEP_STAGE,       /* FROM STAGE: starts where `previous` ended */
	STEP_INSTRUCTION, /* all others, after `previous` */
};

enum step_state { STEP_WAITING, STEP_READY, STEP_RUNNING, STEP_CACHED, STEP_DONE, STEP_FAILED };

/** One instruction on one platform. */
struct step {
	size_t id; /* place in plan->steps */
	enum step_kind kind;
	const struct instruction *instruction; /* where it comes from; FROM for the first three */
	const char *image;                     /* STEP_IMAGE: the reference, expanded */
	const struct platform *platform;       /* that its programs are for */
	const struct platform *target;         /* that the image is for */
	const struct strings *globals;         /* NAME=value: global ARGs, platform arguments */
	const char *name;                      /* "[linux/arm64 build 3/7] RUN make" */
	const char *mark;      /* "[build 3/7] " where it makes a layer: see plan_marks.c */
	const char *context;   /* STEP_FILES: what the context is called */
	struct step *previous; /* or NULL */
	struct step *source;   /* what COPY --from reads, or NULL */
	bool no_cache;         /* its layer is always made */
	struct step *sibling;  /* of RUN: where the same instruction begins on the host's platform,
				  if that is built too; worth waiting for, and no need */
	struct step **mounts;  /* what each --mount of RUN reads, in their order; NULL: no step */

	/* The scheduler's, under its lock. */
	enum step_state state;
	size_t missing; /* needs that are not done */
	double seconds; /* that it took */
	bool broke;     /* STEP_FAILED by its own error, not because the build was stopped */
	struct step **dependants;
	size_t dependant_count;
	struct snapshot *result; /* in STEP_CACHED and STEP_DONE */
	bool passed_on;          /* its result went to the step behind it: see step_execute() */
};

struct plan {
	struct step **steps;
	size_t step_count;
	struct step *finals[PLATFORMS_MAX]; /* the last step of each platform, in their order */
	size_t final_count;
	struct strings *globals;       /* one list a platform */
	struct dockerfile **documents; /* triggers of stages, as they were read again */
	size_t document_count;
	struct arena *arena;
};

struct plan_request {
	const struct dockerfile *dockerfile;
	const struct platform *platforms;
	size_t platform_count;
	const struct strings *build_args;  /* NAME=value */
	const char *target;                /* name of a stage; NULL: the last */
	const struct named_list *contexts; /* or NULL */
	const struct strings *no_cache;    /* names of stages, or NULL */
	bool assist;                       /* find siblings */
	const struct triggers *triggers;   /* of base images, as far as they are known; must outlive
					      the plan */
};

/**
 * FAULT_INPUT with file and line: no FROM, an unknown target, an instruction or flag that this
 * version cannot do, a stage that is used before it is there.
 */
result plan_compile(const struct plan_request *request, struct plan **out, struct error *err);
void plan_drop(struct plan **plan);

/** Whether people hear of the step: FROM and what makes a layer; ARG and the like are noise. */
bool step_is_told(const struct step *step);

#endif
