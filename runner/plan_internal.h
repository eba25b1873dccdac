/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the planner share: stages and what one platform needs in, steps out.
 */
#ifndef RUNNER_PLAN_INTERNAL_H
#define RUNNER_PLAN_INTERNAL_H

#include "runner/plan.h"

/** From one FROM to the next. */
struct stage {
	const struct instruction *from;
	size_t first, count; /* instructions after FROM */
	const char *name;    /* or NULL */
};

/** A plan in the making, for all platforms. */
struct planner {
	const struct plan_request *request;
	struct plan *plan;
	struct stage *stages;
	size_t stage_count;
	bool is_alone; /* see stage_is_alone() */
};

/** What FROM of a stage names, and the ONBUILD instructions that it brings. */
struct base {
	bool is_replaced; /* a context has the stage's name: `image` is that, and nothing is run */
	char *image;      /* NULL: a stage */
	size_t stage;     /* where image is NULL */
	struct platform *platform;
	const struct instruction **triggers;
	size_t trigger_count;
};

/** One platform being planned. */
struct pass {
	struct planner *planner;
	const struct platform *target;
	const struct strings *globals;
	struct base *bases; /* per stage */
	bool *needed;       /* per stage */
	struct step **last; /* per stage: its last step, once planned */
};

/** Say where in the Dockerfile it went wrong, in front of `err`; FAILED. */
int fail_at(const struct planner *planner, const struct instruction *at, struct error *err);

/** Cut the Dockerfile into `planner->stages`; FAULT_INPUT where something stands before FROM. */
result stages_find(struct planner *planner, struct error *err);

/**
 * The stage before `limit` that FROM names: the latest of equal names, in lower case only.
 * SIZE_MAX where there is none: it is an image.
 */
size_t stage_by_base(const struct planner *planner, const char *name, size_t limit);

/** The stage before `limit` that --from names, in any case, or numbers; SIZE_MAX. */
size_t stage_by_reference(const struct planner *planner, const char *name, size_t limit);

/** The stage that the request asks for, else the last; FAULT_INPUT where there is none. */
result target_find(const struct planner *planner, size_t *out, struct error *err);

/**
 * Fill in the bases of all stages, which must make sense whether needed or not, and mark those that
 * `target` needs, with their triggers.  FAULT_INPUT with file and line.
 */
result needs_find(struct pass *pass, size_t target, struct error *err);

/** Whether the file has but one stage, which reads from no other image or context. */
bool stage_is_alone(const struct planner *planner);

/** Set the `mark` of the steps of a stage, which begin with `first` and end with `last`. */
void stage_mark(struct pass *pass, size_t index, const struct step *first, const struct step *last);

/**
 * What a stage runs after FROM: the triggers of its base, then its own instructions.  Known after
 * needs_find().
 */
const struct instruction *stage_instruction(const struct pass *pass, size_t index, size_t i);
size_t stage_instruction_count(const struct pass *pass, size_t index);

#endif
