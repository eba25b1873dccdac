/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plan.h"

#include "base/mem.h"
#include "runner/mounts.h"
#include "runner/plan_globals.h"
#include "runner/plan_internal.h"
#include "runner/plan_support.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STEPS_MAX = 200000 };

bool step_is_told(const struct step *step)
{
	return step->kind != STEP_INSTRUCTION || instruction_makes_layer(step->instruction);
}

void plan_drop(struct plan **plan)
{
	if (!*plan)
		return;
	for (size_t i = 0; i < (*plan)->step_count; i++) {
		free((*plan)->steps[i]->dependants);
		snapshot_drop(&(*plan)->steps[i]->result);
	}
	for (size_t i = 0; i < (*plan)->final_count; i++)
		strings_drop(&(*plan)->globals[i]);
	for (size_t i = 0; i < (*plan)->document_count; i++)
		dockerfile_drop(&(*plan)->documents[i]);
	free((*plan)->documents);
	free((*plan)->globals);
	free((*plan)->steps);
	arena_drop(&(*plan)->arena);
	free(*plan);
	*plan = NULL;
}

static void depend(struct step *step, struct step *need)
{
	if (!need)
		return;
	array_grow(need->dependants, need->dependant_count);
	need->dependants[need->dependant_count++] = step;
	step->missing++;
}

static struct step *step_add(struct pass *pass, enum step_kind kind,
			     const struct instruction *instruction, const struct platform *platform,
			     struct step *previous, struct step *source)
{
	struct plan *plan = pass->planner->plan;
	struct step *step = arena_new_in(plan->arena, struct step);

	*step = (struct step){
		.id = plan->step_count,
		.kind = kind,
		.instruction = instruction,
		.platform = platform,
		.target = pass->target,
		.globals = pass->globals,
		.previous = previous,
		.source = source,
	};
	depend(step, previous);
	if (source != previous)
		depend(step, source);
	array_grow(plan->steps, plan->step_count);
	plan->steps[plan->step_count++] = step;
	return step;
}

/** " (first line...)" where a RUN is a heredoc and nothing else; "" for all others. */
static const char *heredoc_summary(const struct pass *pass, const struct instruction *at)
{
	const struct heredoc *heredoc = at->kind == INSTRUCTION_RUN && at->arg_count && !at->json
						? instruction_heredoc(at, at->args[0])
						: NULL;
	const char *text;
	size_t line;

	if (!heredoc)
		return "";
	text = heredoc->content + strspn(heredoc->content, " \t\r\n");
	line = strcspn(text, "\r\n");
	return arena_printf(pass->planner->plan->arena, " (%.*s%s)", (int)line, text,
			    text[line + strspn(text + line, " \t\r\n")] ? "..." : "");
}

/** "[linux/arm64 build 3/7] RUN make" */
static const char *step_title(const struct pass *pass, const struct step *step,
			      const struct stage *stage, size_t number, size_t total)
{
	char text[PLATFORM_TEXT_MAX];

	return arena_printf(pass->planner->plan->arena, "[%s%s%s %zu/%zu] %s%s",
			    platform_text(step->target, text), stage->name ? " " : "",
			    stage->name ? stage->name : "", number, total,
			    step->instruction->original, heredoc_summary(pass, step->instruction));
}

static struct step *image_step(struct pass *pass, const struct instruction *instruction,
			       const char *image, const struct platform *platform)
{
	char text[PLATFORM_TEXT_MAX];
	bool is_scratch = strcmp(image, "scratch") == 0;
	const struct named *named = named_find(pass->planner->request->contexts, image, platform);
	enum step_kind kind = named && named->kind == NAMED_FILES ? STEP_FILES
			      : !named && is_scratch              ? STEP_SCRATCH
								  : STEP_IMAGE;
	/* Nothing is for any platform, and what will be put there for the target. */
	struct step *step = step_add(pass, kind, instruction,
				     kind == STEP_SCRATCH ? pass->target : platform, NULL, NULL);

	step->image = named ? named->value : image;
	step->context = named ? named->name : NULL;
	step->name = arena_printf(pass->planner->plan->arena, "[%s] FROM %s",
				  platform_text(platform, text), image);
	return step;
}

/** How many steps of a stage are worth a number: FROM and what makes layers. */
static size_t numbered_steps(const struct pass *pass, size_t index)
{
	size_t count = 1;

	for (size_t i = 0; i < stage_instruction_count(pass, index); i++)
		count += instruction_makes_layer(stage_instruction(pass, index, i));
	return count;
}

/** What has the files that `from` names, for an instruction of the stage `index`. */
static struct step *named_step(struct pass *pass, size_t index, const struct instruction *at,
			       const char *name)
{
	size_t found = stage_by_reference(pass->planner, name, index);

	if (found != SIZE_MAX)
		return pass->last[found];
	return image_step(pass, at, arena_strdup(pass->planner->plan->arena, name), pass->target);
}

static struct step *source_step(struct pass *pass, size_t index, const struct instruction *at)
{
	const char *name = instruction_flag(at, "from");

	return at->kind == INSTRUCTION_COPY && name ? named_step(pass, index, at, name) : NULL;
}

/** What each --mount of a RUN reads; sources_mark() has looked at them. */
static struct step **mount_steps(struct pass *pass, size_t index, const struct instruction *at)
{
	struct step **steps =
		arena_alloc(pass->planner->plan->arena, (at->flag_count + 1) * sizeof(*steps));
	struct error ignored = {};
	const struct flag *flag;
	size_t next = 0;

	for (size_t i = 0; (flag = instruction_next_flag(at, "mount", &next)); i++) {
		owned(str) char *from = NULL;

		if (!mount_from(flag->value ? flag->value : "", &from, &ignored) && from)
			steps[i] = named_step(pass, index, at, from);
	}
	return steps;
}

static struct step *first_step(struct pass *pass, size_t index, size_t total)
{
	const struct stage *stage = &pass->planner->stages[index];
	const struct base *base = &pass->bases[index];
	struct step *step, *previous;

	if (base->image) {
		step = image_step(pass, stage->from, base->image,
				  base->platform ? base->platform : pass->target);
	} else {
		previous = pass->last[base->stage];
		/* A --platform has no say here. */
		step = step_add(pass, STEP_STAGE, stage->from, previous->platform, previous, NULL);
	}
	step->name = step_title(pass, step, stage, 1, total);
	return step;
}

/** Whether --no-cache-filter names the stage. */
static bool is_uncached(const struct planner *planner, const struct stage *stage)
{
	const struct strings *names = planner->request->no_cache;

	for (size_t i = 0; names && stage->name && i < names->count; i++) {
		if (strcasecmp(names->items[i], stage->name) == 0)
			return true;
	}
	return false;
}

static result stage_plan(struct pass *pass, size_t index, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct stage *stage = &planner->stages[index];
	size_t total = numbered_steps(pass, index), number = 1;
	struct step *first = first_step(pass, index, total), *step = first;

	for (size_t i = 0; i < stage_instruction_count(pass, index); i++) {
		const struct instruction *at = stage_instruction(pass, index, i);
		struct step *source = source_step(pass, index, at);
		struct step **mounts = mount_steps(pass, index, at);

		number += instruction_makes_layer(at);
		step = step_add(pass, STEP_INSTRUCTION, at, step->platform, step, source);
		step->no_cache = is_uncached(planner, stage);
		step->mounts = mounts;
		for (size_t j = 0; j < at->flag_count; j++)
			depend(step, mounts[j]);
		step->name = step_title(pass, step, stage, number, total);
	}
	if (planner->plan->step_count > STEPS_MAX)
		return fail(err, FAULT_INPUT, "%s: more than %d steps",
			    planner->request->dockerfile->name, STEPS_MAX);
	stage_mark(pass, index, first, step);
	pass->last[index] = step;
	return OK;
}

static result pass_run(struct pass *pass, size_t target, struct error *err)
{
	if (needs_find(pass, target, err))
		return FAILED;
	for (size_t i = 0; i <= target; i++) {
		if (pass->needed[i] && stage_plan(pass, i, err))
			return FAILED;
	}
	return OK;
}

static result platform_plan(struct planner *planner, size_t number, struct error *err)
{
	struct plan *plan = planner->plan;
	struct pass pass = {
		.planner = planner,
		.target = &planner->request->platforms[number],
		.globals = &plan->globals[number],
	};
	size_t target;
	result status;

	if (target_find(planner, &target, err) ||
	    globals_make(planner->request->dockerfile, planner->request->build_args, pass.target,
			 planner->request->target, &plan->globals[number], err))
		return FAILED;
	pass.bases = xcalloc(planner->stage_count, sizeof(*pass.bases));
	pass.needed = xcalloc(planner->stage_count, sizeof(*pass.needed));
	pass.last = xcalloc(planner->stage_count, sizeof(struct step *));
	status = pass_run(&pass, target, err);
	plan->finals[number] = pass.last[target];
	for (size_t i = 0; i < planner->stage_count; i++)
		free(pass.bases[i].triggers);
	free(pass.bases);
	free(pass.needed);
	free(pass.last);
	return status;
}

/** The step of an instruction on the host's platform, if there is one before `limit`. */
static struct step *native_step(const struct plan *plan, const struct instruction *instruction,
				const struct platform *host, size_t limit)
{
	for (size_t i = 0; i < limit; i++) {
		struct step *step = plan->steps[i];

		if (step->kind == STEP_INSTRUCTION && step->instruction == instruction &&
		    platform_equal(step->platform, host))
			return step;
	}
	return NULL;
}

/**
 * Let each RUN for another platform find the state that the same RUN begins with on the host's.
 * Steps only ever wait for those before them, so this cannot go in circles.
 */
static void siblings_find(struct plan *plan, const struct platform *host)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = plan->steps[i], *native;

		if (step->kind != STEP_INSTRUCTION || step->instruction->kind != INSTRUCTION_RUN ||
		    platform_equal(step->platform, host))
			continue;
		native = native_step(plan, step->instruction, host, i);
		if (native) {
			step->sibling = native->previous;
			depend(step, step->sibling);
		}
	}
}

/** With siblings, the host's platform comes first: the others wait for it. */
static result platforms_plan(struct planner *planner, struct error *err)
{
	const struct plan_request *request = planner->request;
	const struct platform host = platform_host();

	if (stages_find(planner, err))
		return FAILED;
	planner->is_alone = stage_is_alone(planner);
	planner->plan->final_count = request->platform_count;
	for (int round = request->assist ? 0 : 1; round < 2; round++) {
		for (size_t i = 0; i < request->platform_count; i++) {
			bool first =
				request->assist && platform_equal(&request->platforms[i], &host);

			if (first == (round == 0) && platform_plan(planner, i, err))
				return FAILED;
		}
	}
	if (request->assist)
		siblings_find(planner->plan, &host);
	return OK;
}

result plan_compile(const struct plan_request *request, struct plan **out, struct error *err)
{
	owned(plan) struct plan *plan = xnew(struct plan);
	struct planner planner = { .request = request, .plan = plan };
	result status;

	plan->arena = arena_new();
	plan->globals = xcalloc(request->platform_count, sizeof(*plan->globals));
	status = platforms_plan(&planner, err);
	free(planner.stages);
	if (status)
		return FAILED;
	*out = take(plan);
	return OK;
}
