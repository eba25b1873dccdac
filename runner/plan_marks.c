/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What BuildKit calls the steps of a stage: "[build 2/7] ".  It is what an image tells of a layer
 * that nothing in its history is for, so its numbers are counted as there: FROM of an image is one,
 * that of a context only counts in the sum, and so does each trigger, whatever it does.
 */
#include "runner/plan_internal.h"

#include "base/mem.h"
#include "runner/mounts.h"
#include "runner/plan_support.h"

#include <ctype.h>
#include <string.h>

/** Whether it reads something that is no stage of the file. */
static bool reads_others(const struct planner *planner, const struct instruction *at)
{
	const char *name = instruction_flag(at, "from");
	const struct flag *flag;
	size_t next = 0;
	struct error ignored;

	if (at->kind == INSTRUCTION_COPY && name &&
	    stage_by_reference(planner, name, planner->stage_count) == SIZE_MAX)
		return true;
	while (at->kind == INSTRUCTION_RUN && (flag = instruction_next_flag(at, "mount", &next))) {
		owned(str) char *from = NULL;

		if (!mount_from(flag->value ? flag->value : "", &from, &ignored) && from &&
		    stage_by_reference(planner, from, planner->stage_count) == SIZE_MAX)
			return true;
	}
	return false;
}

bool stage_is_alone(const struct planner *planner)
{
	const struct dockerfile *file = planner->request->dockerfile;

	for (size_t i = 0; planner->stage_count == 1 && i < file->instruction_count; i++) {
		if (reads_others(planner, &file->instructions[i]))
			return false;
	}
	return planner->stage_count == 1;
}

/** "linux/arm64 build " */
static void stage_title(const struct pass *pass, size_t index, const struct step *first,
			struct buf *out)
{
	const struct planner *planner = pass->planner;
	const char *name = planner->stages[index].name;
	char text[PLATFORM_TEXT_MAX];

	if (planner->request->platform_count > 1)
		buf_printf(out, "%s ", platform_text(first->platform, text));
	if (planner->is_alone)
		return;
	for (const char *c = name ? name : ""; *c; c++)
		buf_add_char(out, (char)tolower((unsigned char)*c));
	if (!name)
		buf_printf(out, "stage-%zu", index);
	buf_add_char(out, ' ');
}

static int digits(size_t number)
{
	return number < 10 ? 1 : 1 + digits(number / 10);
}

void stage_mark(struct pass *pass, size_t index, const struct step *first, const struct step *last)
{
	const struct planner *planner = pass->planner;
	const struct base *base = &pass->bases[index];
	struct plan *plan = planner->plan;
	owned(buf) struct buf title = {};
	size_t total = base->trigger_count, number = 0;

	total += first->kind == STEP_IMAGE || first->kind == STEP_FILES;
	for (size_t i = 0; i < planner->stages[index].count; i++)
		total += instruction_makes_layer(
			stage_instruction(pass, index, base->trigger_count + i));
	number += first->kind == STEP_IMAGE &&
		  !named_find(planner->request->contexts, base->image, first->platform);
	stage_title(pass, index, first, &title);
	for (size_t i = first->id + 1; i <= last->id; i++) {
		struct step *step = plan->steps[i];

		if (step->kind != STEP_INSTRUCTION || !instruction_makes_layer(step->instruction))
			continue;
		step->mark = arena_printf(plan->arena, "[%s%*zu/%zu] ", buf_text(&title),
					  digits(total), ++number, total);
	}
}
