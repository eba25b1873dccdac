/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/build.h"

#include "base/mem.h"
#include "runner/flights.h"
#include "runner/outside.h"
#include "runner/publish.h"
#include "runner/sched.h"
#include "runner/summary.h"

#include <stdlib.h>
#include <time.h>

static void build_done(struct build *build)
{
	flights_drop(&build->flights);
	outside_drop(&build->outside);
	plan_drop(&build->plan);
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
	};

	return plan_compile(&request, &build->plan, err);
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
	return OK;
}

static result run_all(struct build *build, struct descriptor *index, struct error *err)
{
	if (!sched_run(build, err))
		return publish(build, index, err);
	if (build->request->keep_going)
		summary_tell(build, NULL);
	return FAILED;
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

	if (!open_all(&build, err))
		status = run_all(&build, index, err);
	build_done(&build);
	return status;
}
