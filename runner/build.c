/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/build.h"

#include "base/mem.h"
#include "runner/bases.h"
#include "runner/flights.h"
#include "runner/outside.h"
#include "runner/publish.h"
#include "runner/sched.h"

#include <stdlib.h>
#include <time.h>

static void build_done(struct build *build)
{
	flights_drop(&build->flights);
	outside_drop(&build->outside);
	bases_drop(&build->bases);
	plan_drop(&build->plan);
	triggers_drop(&build->triggers);
	dockerfile_drop(&build->dockerfile);
	context_drop(&build->context);
	cache_drop(&build->cache);
	store_drop(&build->store);
}

static result load(struct build *build, struct error *err)
{
	const struct build_request *request = build->request;
	struct context *context;

	if (context_open(request->context, request->file, &build->context, err))
		return FAILED;
	context = build->context;
	return dockerfile_parse(buf_text(&context->dockerfile), context->dockerfile.length,
				context->dockerfile_name, &build->dockerfile, err);
}

static result compile(struct build *build, struct error *err)
{
	const struct plan_request request = {
		.dockerfile = build->dockerfile,
		.platforms = build->request->platforms,
		.platform_count = build->request->platform_count,
		.build_args = &build->request->build_args,
		.target = build->request->target,
		.triggers = build->triggers,
	};
	struct plan *plan;

	if (plan_compile(&request, &plan, err))
		return FAILED;
	plan_drop(&build->plan);
	build->plan = plan;
	return OK;
}

/**
 * Learn the triggers of one base image; `*more` tells that there are some.  An image that cannot be
 * had is no failure here: its own step will say so, on its platform and line.
 */
static result triggers_learn(struct build *build, const struct step *step, bool *more,
			     struct error *err)
{
	owned(image) struct image *image = NULL;
	struct error missing = {};

	if (base_image(build, step->image, step->platform, &image, &missing)) {
		if (missing.fault != FAULT_CANCELLED)
			return triggers_read(&build->triggers, step->image, step->platform, NULL,
					     err);
		*err = missing;
		return FAILED;
	}
	if (triggers_read(&build->triggers, step->image, step->platform, image->config, err))
		return FAILED;
	*more |= build->triggers->count > 0;
	return OK;
}

/** Triggers of base images are part of the plan, and may bring other images into it. */
static result compile_triggers(struct build *build, struct error *err)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < build->plan->step_count; i++) {
			const struct step *step = build->plan->steps[i];

			if (step->kind != STEP_IMAGE ||
			    step->instruction->kind != INSTRUCTION_FROM ||
			    triggers_of(build->triggers, step->image, step->platform))
				continue;
			if (triggers_learn(build, step, &more, err))
				return FAILED;
		}
		if (more && compile(build, err))
			return FAILED;
	}
	return OK;
}

/* What is wrong with the input is said before anything is written. */
static result open_all(struct build *build, struct error *err)
{
	if (load(build, err) || compile(build, err) ||
	    store_open(build->request->root, &build->store, err) ||
	    cache_open(build->ctx, build->request->root, &build->cache, err))
		return FAILED;
	build->flights = flights_new();
	build->outside = outside_new(build->request->root);
	build->bases = bases_new();
	return compile_triggers(build, err);
}

result build_run(const struct ctx *ctx, const struct build_request *request,
		 const struct privilege *privilege, struct descriptor *index, struct error *err)
{
	struct build build = {
		.ctx = ctx,
		.request = request,
		.privilege = privilege,
		.time = time(NULL),
	};
	result status = FAILED;

	if (!open_all(&build, err) && !sched_run(&build, err) && !publish(&build, index, err))
		status = OK;
	build_done(&build);
	return status;
}
