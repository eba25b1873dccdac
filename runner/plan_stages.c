/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which stages a Dockerfile has, and how they are found: by name, by number, as the target.
 */
#include "runner/plan_internal.h"

#include "base/mem.h"

#include <strings.h>

int fail_at(const struct planner *planner, const struct instruction *at, struct error *err)
{
	return fail_in(err, "%s:%u", planner->request->dockerfile->name, at->first_line);
}

/** The name after AS, or NULL. */
static const char *stage_name(const struct instruction *from)
{
	return from->arg_count == 3 ? from->args[2] : NULL;
}

result stages_find(struct planner *planner, struct error *err)
{
	const struct dockerfile *file = planner->request->dockerfile;

	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		if (instruction->kind == INSTRUCTION_FROM) {
			array_grow(planner->stages, planner->stage_count);
			planner->stages[planner->stage_count++] = (struct stage){
				.from = instruction,
				.first = i + 1,
				.name = stage_name(instruction),
			};
		} else if (planner->stage_count) {
			planner->stages[planner->stage_count - 1].count++;
		} else if (instruction->kind != INSTRUCTION_ARG) {
			(void)fail(err, FAULT_INPUT,
				   "no build stage in current context: %s before FROM",
				   instruction->name);
			return fail_at(planner, instruction, err);
		}
	}
	if (!planner->stage_count)
		return fail(err, FAULT_INPUT,
			    "%s: dockerfile contains no stages to build: there is no FROM",
			    file->name);
	return OK;
}

/** A stage before `limit` by name, the latest of equal names; SIZE_MAX where none. */
static size_t stage_by_name(const struct planner *planner, const char *name, size_t limit)
{
	for (size_t i = limit; i-- > 0;) {
		if (planner->stages[i].name && strcasecmp(planner->stages[i].name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

size_t stage_by_base(const struct planner *planner, const char *name, size_t limit)
{
	for (const char *c = name; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			return SIZE_MAX;
	}
	return stage_by_name(planner, name, limit);
}

size_t stage_by_reference(const struct planner *planner, const char *name, size_t limit)
{
	size_t found = stage_by_name(planner, name, limit);
	struct error ignored = {};
	uint64_t number;

	if (found == SIZE_MAX && !number_parse(name, SIZE_MAX - 1, &number, &ignored) &&
	    number < limit)
		found = (size_t)number;
	return found;
}

result target_find(const struct planner *planner, size_t *out, struct error *err)
{
	const char *names[64];
	char hint[HINT_MAX];
	size_t count = 0;

	*out = planner->stage_count - 1;
	if (!planner->request->target || !*planner->request->target)
		return OK;
	*out = stage_by_name(planner, planner->request->target, planner->stage_count);
	if (*out != SIZE_MAX)
		return OK;
	for (size_t i = 0; i < planner->stage_count && count < countof(names); i++) {
		if (planner->stages[i].name)
			names[count++] = planner->stages[i].name;
	}
	return fail(err, FAULT_INPUT, "target stage \"%s\" could not be found in %s%s",
		    planner->request->target, planner->request->dockerfile->name,
		    hint_text("", nearest_slip(planner->request->target, names, count), hint));
}
