/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which stages one platform needs: what FROM of each stage names, the triggers that it brings, and
 * what COPY --from and RUN --mount=from= read.
 */
#include "runner/plan_internal.h"

#include "base/mem.h"
#include "registry/registry.h"
#include "runner/mounts.h"
#include "runner/plan_from.h"
#include "runner/plan_support.h"

#include <stdlib.h>
#include <string.h>

/* ---- one platform ---- */

static void trigger_add(struct pass *pass, size_t index, const struct instruction *trigger)
{
	const struct instruction *from = pass->planner->stages[index].from;
	struct base *base = &pass->bases[index];
	struct instruction *copy;

	copy = arena_new_in(pass->planner->plan->arena, struct instruction);
	*copy = *trigger;
	array_grow(base->triggers, base->trigger_count);
	base->triggers[base->trigger_count++] = copy;
	/* It has no place in this file but the FROM that brought it. */
	copy->first_line = from->first_line;
	copy->last_line = from->last_line;
	copy->original = arena_printf(pass->planner->plan->arena, "ONBUILD %s", trigger->original);
}

/** A trigger of a stage is read again, as it would be from the image that the stage would be. */
static result trigger_reread(struct pass *pass, size_t index, const struct instruction *onbuild,
			     struct error *err)
{
	struct plan *plan = pass->planner->plan;
	owned(buf) struct buf text = {};
	struct dockerfile *document;

	instruction_trigger_text(onbuild, &text);
	if (trigger_parse(buf_text(&text), &document, err))
		return fail_at(pass->planner, pass->planner->stages[index].from, err);
	array_grow(plan->documents, plan->document_count);
	plan->documents[plan->document_count++] = document;
	trigger_add(pass, index, document->instructions);
	return OK;
}

/** The triggers that the image of a stage's FROM, or the stage that it names, leave to it. */
static result triggers_find(struct pass *pass, size_t index, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct plan_request *request = planner->request;
	const struct base *base = &pass->bases[index];
	const struct platform *platform = base->platform ? base->platform : pass->target;
	const struct named *named =
		base->image ? named_find(request->contexts, base->image, platform) : NULL;
	const struct triggers *known =
		base->image ? triggers_of(request->triggers, named ? named->value : base->image,
					  platform)
			    : NULL;

	for (size_t i = 0; known && i < known->count; i++)
		trigger_add(pass, index, known->documents[i]->instructions);
	for (size_t i = 0; !base->image && i < planner->stages[base->stage].count; i++) {
		const struct instruction *at =
			&request->dockerfile->instructions[planner->stages[base->stage].first + i];

		if (at->trigger && trigger_reread(pass, index, at, err))
			return FAILED;
	}
	return OK;
}

/** Whether --build-context gives something else for the whole stage. */
static bool is_replaced(const struct pass *pass, size_t index)
{
	const struct base *base = &pass->bases[index];
	const char *name = pass->planner->stages[index].name;

	return name && named_find(pass->planner->request->contexts, name,
				  base->platform ? base->platform : pass->target);
}

/** What FROM says, which must make sense in all stages, needed or not. */
static result base_find(struct pass *pass, size_t index, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct dockerfile *file = planner->request->dockerfile;
	const struct stage *stage = &planner->stages[index];
	struct base *base = &pass->bases[index];
	owned(str) char *name = NULL;
	struct reference ignored;
	struct platform platform;
	bool given;

	if (from_name(file, stage->from, pass->globals, &name, err) ||
	    from_platform(file, stage->from, pass->globals, &given, &platform, err))
		return fail_at(planner, stage->from, err);
	if (given) {
		base->platform = arena_new_in(planner->plan->arena, struct platform);
		*base->platform = platform;
	}
	if (is_replaced(pass, index)) {
		base->is_replaced = true;
		base->image = arena_strdup(planner->plan->arena, stage->name);
		return OK;
	}
	base->stage = stage_by_base(planner, name, index);
	if (base->stage != SIZE_MAX)
		return OK;
	if (strcmp(name, "scratch") != 0 && reference_parse(name, &ignored, err)) {
		(void)fail_in(err, "failed to parse stage name \"%s\"", name);
		return fail_at(planner, stage->from, err);
	}
	base->image = arena_strdup(planner->plan->arena, name);
	return OK;
}

/** And so must every COPY --from. */
static result bases_find(struct pass *pass, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct dockerfile *file = planner->request->dockerfile;

	for (size_t i = 0; i < planner->stage_count; i++) {
		if (base_find(pass, i, err))
			return FAILED;
	}
	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *at = &file->instructions[i];

		if (copy_from_check(file, at, planner->stage_count, err))
			return fail_at(planner, at, err);
	}
	return OK;
}

static void base_need(struct pass *pass, size_t index)
{
	if (!pass->bases[index].image)
		pass->needed[pass->bases[index].stage] = true;
}

const struct instruction *stage_instruction(const struct pass *pass, size_t index, size_t i)
{
	const struct planner *planner = pass->planner;
	const struct base *base = &pass->bases[index];

	if (i < base->trigger_count)
		return base->triggers[i];
	i -= base->trigger_count;
	return &planner->request->dockerfile->instructions[planner->stages[index].first + i];
}

size_t stage_instruction_count(const struct pass *pass, size_t index)
{
	if (pass->bases[index].is_replaced)
		return 0;
	return pass->bases[index].trigger_count + pass->planner->stages[index].count;
}

/* ---- circles ---- */

/** Stages that lead back to one another, as far as they are known to be reached. */
struct reach {
	const struct planner *planner;
	bool *seen;
	size_t *queue, count;
};

static void reach_add(struct reach *reach, size_t index)
{
	if (index == SIZE_MAX || reach->seen[index])
		return;
	reach->seen[index] = true;
	reach->queue[reach->count++] = index;
}

/** The stages, before or behind it, that an instruction reads. */
static void reach_sources(struct reach *reach, const struct instruction *at)
{
	size_t limit = reach->planner->stage_count, next = 0;
	const char *name = instruction_flag(at, "from");
	const struct flag *flag;
	struct error ignored;

	if (at->kind == INSTRUCTION_COPY && name)
		reach_add(reach, stage_by_reference(reach->planner, name, limit));
	while (at->kind == INSTRUCTION_RUN && (flag = instruction_next_flag(at, "mount", &next))) {
		owned(str) char *from = NULL;

		if (!mount_from(flag->value ? flag->value : "", &from, &ignored) && from)
			reach_add(reach, stage_by_reference(reach->planner, from, limit));
	}
}

/** Whether the stage `from` needs the stage `to`; `*first` is the first of all that it needs. */
static bool stage_reaches(const struct pass *pass, size_t from, size_t to, size_t *first)
{
	const struct planner *planner = pass->planner;
	const struct instruction *all = planner->request->dockerfile->instructions;
	struct reach reach = { .planner = planner };
	bool found;

	reach.seen = xcalloc(planner->stage_count, sizeof(*reach.seen));
	reach.queue = xcalloc(planner->stage_count, sizeof(*reach.queue));
	reach_add(&reach, from);
	for (size_t i = 0; i < reach.count; i++) {
		const struct stage *stage = &planner->stages[reach.queue[i]];
		const struct base *base = &pass->bases[reach.queue[i]];

		if (!base->image)
			reach_add(&reach, base->stage);
		for (size_t j = 0; j < stage->count; j++)
			reach_sources(&reach, &all[stage->first + j]);
	}
	found = reach.seen[to];
	for (*first = 0; !reach.seen[*first];)
		++*first;
	free(reach.seen);
	free(reach.queue);
	return found;
}

/** "stage-3" where it has no name of its own. */
static void stage_title(const struct planner *planner, size_t index, struct buf *out)
{
	if (planner->stages[index].name)
		buf_add_str(out, planner->stages[index].name);
	else
		buf_printf(out, "stage-%zu", index);
}

static int fail_behind(struct pass *pass, size_t index, size_t behind, const char *verb,
		       const char *name, struct error *err)
{
	owned(buf) struct buf title = {};
	size_t first;

	if (stage_reaches(pass, behind, index, &first)) {
		stage_title(pass->planner, first, &title);
		return fail(err, FAULT_INPUT, "circular dependency detected on stage: %s",
			    buf_text(&title));
	}
	stage_title(pass->planner, index, &title);
	return fail(err, FAULT_INPUT,
		    "cannot %s from stage \"%s\", it needs to be defined before current stage "
		    "\"%s\"",
		    verb, name, buf_text(&title));
}

/* ---- what is needed ---- */

/** Mark a stage that an instruction of the stage `index` reads from; an image is as good. */
static result source_mark(struct pass *pass, size_t index, const char *verb, const char *name,
			  struct error *err)
{
	const struct planner *planner = pass->planner;
	size_t found = stage_by_reference(planner, name, index);

	if (found == SIZE_MAX) {
		found = stage_by_reference(planner, name, planner->stage_count);
		return found == SIZE_MAX ? OK : fail_behind(pass, index, found, verb, name, err);
	}
	pass->needed[found] = true;
	return OK;
}

/** The same for all mounts of a RUN. */
static result mounts_mark(struct pass *pass, size_t index, const struct instruction *at,
			  struct error *err)
{
	const struct flag *flag;
	size_t next = 0;

	while ((flag = instruction_next_flag(at, "mount", &next))) {
		const char *value = flag->value ? flag->value : "";
		owned(str) char *from = NULL;

		if (mount_from(value, &from, err) ||
		    mount_precheck(value, pass->planner->request->dockerfile->escape, err))
			return fail_in(err, "RUN --mount=%s", value);
		if (from && source_mark(pass, index, "mount", from, err))
			return FAILED;
	}
	return OK;
}

/** Mark the stages that COPY --from and RUN --mount=from= of this stage read. */
static result sources_mark(struct pass *pass, size_t index, struct error *err)
{
	for (size_t i = 0; i < stage_instruction_count(pass, index); i++) {
		const struct instruction *at = stage_instruction(pass, index, i);
		const char *name = instruction_flag(at, "from");

		if (instruction_check_supported(at, err) ||
		    (at->kind == INSTRUCTION_RUN && mounts_mark(pass, index, at, err)) ||
		    (at->kind == INSTRUCTION_COPY && name &&
		     source_mark(pass, index, "copy", name, err)))
			return fail_at(pass->planner, at, err);
	}
	return OK;
}

result needs_find(struct pass *pass, size_t target, struct error *err)
{
	pass->needed[target] = true;
	if (bases_find(pass, err))
		return FAILED;
	for (size_t i = target + 1; i-- > 0;) {
		if (!pass->needed[i])
			continue;
		base_need(pass, i);
		if (triggers_find(pass, i, err) || sources_mark(pass, i, err))
			return FAILED;
	}
	return OK;
}
