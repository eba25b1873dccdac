/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/build.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/assist_image.h"
#include "runner/bases.h"
#include "runner/build_checks.h"
#include "runner/cache_export.h"
#include "runner/cache_import.h"
#include "runner/call.h"
#include "runner/deadline.h"
#include "runner/flights.h"
#include "runner/forecast.h"
#include "runner/lint_rules.h"
#include "runner/outside.h"
#include "runner/publish.h"
#include "runner/sched.h"
#include "runner/slow_steps.h"
#include "runner/summary.h"
#include "runner/tree_key.h"
#include "runner/verify.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static void build_done(struct build *build)
{
	flights_drop(&build->flights);
	imports_drop(&build->imports);
	tree_keys_drop(&build->tree_keys);
	bases_drop(&build->bases);
	slow_steps_drop(&build->slow_steps);
	toolchains_drop(&build->toolchains);
	strings_drop(&build->native_tools);
	plan_drop(&build->plan);
	triggers_drop(&build->triggers);
	dockerfile_drop(&build->dockerfile);
	lint_drop(&build->lint);
	context_drop(&build->context);
	outside_drop(&build->outside);
	cache_drop(&build->cache);
	store_drop(&build->store);
}

static bool is_switched_on(const char *value)
{
	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}

/** Frontends that speak the language of this program, whatever their version. */
static bool is_known_frontend(const char *image)
{
	static const char *const known[] = { "docker/dockerfile", "docker/dockerfile-upstream",
					     "dockerfile", "dockerfile.v0" };
	const char *name = starts_with(image, "docker.io/") ? image + strlen("docker.io/") : image;
	size_t length = strcspn(name, ":@");

	for (size_t i = 0; i < countof(known); i++) {
		if (strlen(known[i]) == length && strncmp(name, known[i], length) == 0)
			return true;
	}
	return false;
}

/** "# syntax=" names a program that BuildKit would run; here it is only looked at. */
static void syntax_warn(const struct build *build)
{
	const struct dockerfile *file = build->dockerfile;

	for (size_t i = 0; i < file->directive_count; i++) {
		const struct directive *at = &file->directives[i];

		if (strcmp(at->key, "syntax") == 0 && !is_known_frontend(at->value))
			progress_warn(build->ctx,
				      "%s:%u: syntax=%s is another frontend, which is not run: the "
				      "file is read as a Dockerfile",
				      file->name, at->line, at->value);
	}
}

static result load(struct build *build, struct error *err)
{
	const struct build_request *request = build->request;
	struct context *context;
	const struct context_source source = {
		.ctx = build->ctx,
		.root = request->root,
		.outside = build->outside,
		.keep_git_dir = is_switched_on(
			env_get(&request->build_args, "BUILDKIT_CONTEXT_KEEP_GIT_DIR")),
	};

	if (context_open(&source, request->context, request->file, &build->context, err))
		return FAILED;
	context = build->context;
	if (dockerfile_parse_begin(buf_text(&context->dockerfile), context->dockerfile.length,
				   context->dockerfile_name, &build->dockerfile, err)) {
		checks_begin(build, LINT_READ);
		return FAILED;
	}
	syntax_warn(build);
	return OK;
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
		.contexts = &build->request->contexts,
		.no_cache = &build->request->no_cache_stages,
		.assist = build->request->assist != ASSIST_OFF,
	};
	struct plan *plan;

	if (plan_compile(&request, &plan, err)) {
		checks_begin(build, LINT_STAGES);
		return FAILED;
	}
	plan_drop(&build->plan);
	build->plan = plan;
	return OK;
}

/**
 * Learn the triggers of one base image, for a check only where the store has it; `*more` tells that
 * there are some.  An image that cannot be had is no failure here: its own step will say so, on its
 * platform and line.
 */
static result triggers_learn(struct build *build, const struct step *step, bool *more,
			     struct error *err)
{
	owned(image) struct image *image = NULL;
	struct error missing = {};

	if ((build->request->call == CALL_CHECK &&
	     !base_offers(build, step->image, step->platform)) ||
	    base_image(build, step->image, step->platform, &image, &missing)) {
		if (cancel_check(build->ctx, err))
			return FAILED;
		return triggers_read(&build->triggers, step->image, step->platform, NULL, err);
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
	build->outside = outside_new(build->request->root);
	if (load(build, err) || compile(build, err) ||
	    store_open(build->ctx, build->request->root, &build->store, err) ||
	    cache_open(build->ctx, build->request->root, &build->cache, err))
		return FAILED;
	build->flights = flights_new();
	build->tree_keys = tree_keys_new(build->request->root, build->context);
	build->bases = bases_new();
	if (build->request->assist != ASSIST_OFF && build->request->network != NETWORK_NONE)
		build->toolchains = toolchains_new();
	if (build->request->assist_from &&
	    assist_image(build->ctx, build->store, build->request->root, &build->request->transport,
			 build->request->assist_from, true, &build->native_tools, err))
		return fail_in(err, "--assist-from %s", build->request->assist_from);
	if (compile_triggers(build, err) || checks_run(build, err))
		return FAILED;
	build->imports =
		imports_open(build->ctx, &build->request->cache_from, build->request->platforms,
			     build->request->platform_count, &build->request->transport);
	forecast_run(build);
	return cancel_check(build->ctx, err);
}

/** Go on without optional platforms, as long as one is left. */
static result forgive(const struct build *build)
{
	char text[PLATFORM_TEXT_MAX];
	size_t left = 0;

	if (cancel_fired(build->ctx->cancel))
		return FAILED;
	for (size_t i = 0; i < build->plan->final_count; i++) {
		const struct step *final = build->plan->finals[i];

		left += final->result != NULL;
		if (!final->result && !platform_is_optional(build->request, final->target))
			return FAILED;
	}
	for (size_t i = 0; left && i < build->plan->final_count; i++) {
		const struct step *final = build->plan->finals[i];

		if (!final->result)
			progress_warn(build->ctx, "%s failed and is left out, as it is optional",
				      platform_text(final->target, text));
	}
	return left ? OK : FAILED;
}

/** Every image that is to be published keeps what its platform promises. */
static result verify_all(struct build *build, struct error *err)
{
	result status = OK;

	for (size_t i = 0; i < build->plan->final_count; i++) {
		struct step *final = build->plan->finals[i];
		struct error wrong = {};

		if (!final->result || !verify_final(build, final, &wrong))
			continue;
		snapshot_drop(&final->result);
		if (!status)
			*err = wrong;
		status = FAILED;
		if (!build->request->keep_going &&
		    !platform_is_optional(build->request, final->target))
			return FAILED;
		progress_warn(build->ctx, "%s", wrong.text);
	}
	return status ? forgive(build) : OK;
}

static result run_all(struct build *build, struct descriptor *index, struct error *err)
{
	owned(deadline) struct deadline *deadline = NULL;

	if (deadline_start(build->ctx, build->request->timeout, &deadline, err) ||
	    open_all(build, err))
		return FAILED;
	if ((!sched_run(build, err) || !forgive(build)) && !verify_all(build, err))
		return publish(build, index, err) || caches_export(build, err) ? FAILED : OK;
	if (build->request->keep_going || build->request->optional_count)
		summary_tell(build, NULL);
	return FAILED;
}

static bool has_store(const char *root)
{
	owned(str) char *path = xasprintf("%s/oci", root);

	return access(path, F_OK) == 0;
}

/** Base images are looked at where the store has them; nothing is asked for, and nothing made. */
static result check(struct build *build, struct error *err)
{
	const char *root = build->request->root;

	if (load(build, err) || compile(build, err))
		return FAILED;
	if (has_store(root) && store_open(build->ctx, root, &build->store, err))
		return FAILED;
	build->bases = bases_new();
	if (build->store && compile_triggers(build, err))
		return FAILED;
	return checks_run(build, err);
}

static result outline(struct build *build, struct error *err)
{
	if (load(build, err) || compile(build, err) ||
	    store_open(build->ctx, build->request->root, &build->store, err))
		return FAILED;
	build->bases = bases_new();
	return compile_triggers(build, err) || outline_print(build, err) ? FAILED : OK;
}

result build_call(const struct ctx *ctx, const struct build_request *request, struct error *err)
{
	struct build build = { .ctx = ctx, .request = request };
	result status = FAILED;

	build.outside = outside_new(request->root);
	if (request->call == CALL_CHECK)
		status = checks_print(&build, check(&build, err), err);
	else if (request->call == CALL_OUTLINE)
		status = outline(&build, err);
	else if (!load(&build, err))
		status = targets_print(&build, err);
	build_done(&build);
	return status;
}

result build_run(const struct ctx *ctx, const struct build_request *request,
		 const struct privilege *privilege, struct descriptor *index, struct error *err)
{
	struct build build = {
		.ctx = ctx,
		.request = request,
		.privilege = privilege,
		.time = time(NULL),
		.slow_steps = slow_steps_new(),
	};
	result status = run_all(&build, index, err);

	slow_steps_tell(build.slow_steps, ctx);
	checks_tell(&build);
	if (build.tree_keys)
		tree_keys_save(build.tree_keys, ctx);
	build_done(&build);
	return status;
}
