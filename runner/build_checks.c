/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/build_checks.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/bases.h"
#include "runner/lint_print.h"
#include "runner/onbuild.h"
#include "runner/table.h"

#include <string.h>

/** What the image of a stage sets; one that cannot be had is its own step's failure. */
static void image_look(struct build *build, const struct step *step, struct lint_base *out)
{
	const struct triggers *known = triggers_of(build->triggers, step->image, step->platform);
	owned(image) struct image *image = NULL;
	struct json_at config;
	struct error ignored;

	if (!known || !known->is_here ||
	    base_image(build, step->image, step->platform, &image, &ignored))
		return;
	config = json_root(json_object_get(image->config, "config"), "config");
	if (!json_is_object(config.value))
		return;
	(void)json_get_strings(&config, "Env", 10000, &out->env, &ignored);
	out->has_shell = json_array_size(json_object_get(config.value, "Shell")) > 0;
}

/** The steps behind a FROM that are for no instruction of the file. */
static void triggers_look(const struct build *build, size_t from, struct lint_base *out)
{
	const struct dockerfile *file = build->dockerfile;
	const struct instruction *end = file->instructions + file->instruction_count;

	for (size_t i = from + 1; i < build->plan->step_count; i++) {
		const struct step *step = build->plan->steps[i];

		if (step->instruction >= file->instructions && step->instruction < end)
			return;
		/* an image that one of them reads stands between them */
		if (step->kind != STEP_INSTRUCTION)
			continue;
		array_grow(out->triggers, out->trigger_count);
		out->triggers[out->trigger_count++] = step->instruction;
	}
}

/** The first platform stands for all: they differ in what TARGETPLATFORM is. */
static void stage_look(void *closure, const struct instruction *from, struct lint_base *out)
{
	const struct build *build = closure;

	/* --check without --target looks at all stages. */
	out->is_left_out = build->request->call != CALL_CHECK || build->request->target;
	for (size_t i = 0; i < build->plan->step_count; i++) {
		const struct step *step = build->plan->steps[i];

		if (step->instruction != from)
			continue;
		out->is_left_out = false;
		if (step->kind == STEP_IMAGE)
			image_look(closure, step, out);
		triggers_look(build, i, out);
		return;
	}
}

static bool is_told(const struct lint *lint, enum lint_rule rule, const char *text)
{
	for (size_t i = 0; i < lint->count; i++) {
		if (lint->warnings[i].rule == rule && strcmp(lint->warnings[i].text, text) == 0)
			return true;
	}
	return false;
}

/** Images for another platform than the step's, as far as they are known; each is told once. */
static void strays_check(struct build *build)
{
	const enum lint_rule rule = LINT_INVALID_BASE_IMAGE_PLATFORM;

	for (size_t i = 0; build->plan && i < build->plan->step_count; i++) {
		const struct step *step = build->plan->steps[i];
		char has[PLATFORM_TEXT_MAX], wanted[PLATFORM_TEXT_MAX];
		owned(str) char *text = NULL;
		struct platform platform;

		if (step->kind != STEP_IMAGE ||
		    !base_strays(build, step->image, step->platform, &platform))
			continue;
		text = xasprintf("Base image %s was pulled with platform \"%s\", expected \"%s\" "
				 "for current build",
				 step->image, platform_text(&platform, has),
				 platform_text(step->platform, wanted));
		lint_use(build->lint, step->instruction);
		if (!is_told(build->lint, rule, text))
			lint_add(build->lint, rule, step->instruction, "%s", text);
	}
	lint_sort(build->lint);
}

void checks_begin(struct build *build, enum lint_extent extent)
{
	const struct lint_options options = {
		.extent = extent,
		.build_args = &build->request->build_args,
		.platform = &build->request->platforms[0],
		.target = build->request->target,
	};
	struct error ignored;

	/* the file's own error is what counts */
	if (build->dockerfile)
		(void)lint_run(build->dockerfile, &options, &build->lint, &ignored);
}

result checks_run(struct build *build, struct error *err)
{
	const struct lint_options options = {
		.ignore = build->context->ignore,
		.build_args = &build->request->build_args,
		.platform = &build->request->platforms[0],
		.target = build->request->target,
		.look = stage_look,
		.closure = build,
	};

	if (lint_run(build->dockerfile, &options, &build->lint, err))
		return FAILED;
	strays_check(build);
	if (build->request->call != CALL_CHECK)
		return lint_violations(build->lint, err);
	/* A check shows warnings first, then what no build could get past. */
	if (!build->lint->fault.fault)
		return OK;
	*err = build->lint->fault;
	return FAILED;
}

void checks_tell(struct build *build)
{
	if (!build->lint)
		return;
	strays_check(build); /* what COPY and mounts took was not known before */
	for (size_t i = 0; i < build->lint->count; i++) {
		const struct lint_warning *warning = &build->lint->warnings[i];

		progress_warn(build->ctx, "%s:%u: %s: %s", build->dockerfile->name,
			      warning->first_line, lint_rules[warning->rule].name, warning->text);
	}
}

result checks_print(const struct build *build, result checked, struct error *err)
{
	const struct lint *lint = build->lint;
	owned(buf) struct buf out = {};
	struct error unwritten = {};

	if (build->request->call_json)
		lint_json(lint, build->dockerfile, checked ? err : NULL, &out);
	else if (lint && lint->count)
		lint_text(lint, build->dockerfile->name, &out);
	else if (!checked)
		buf_add_str(&out, "Check complete, no warnings found.\n");
	if (stdout_write(&out, checked ? &unwritten : err) || checked || lint_violations(lint, err))
		return FAILED;
	return lint->count ? fail(err, FAULT_INPUT, "%zu warning%s found", lint->count,
				  lint->count == 1 ? "" : "s")
			   : OK;
}
