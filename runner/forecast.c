/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/forecast.h"

#include "base/mem.h"
#include "runner/exec.h"

#include <stdlib.h>

/** By number, the last step and those that it stands on. */
static bool *row_mark(const struct plan *plan, const struct step *final)
{
	bool *row = xcalloc(plan->step_count, sizeof(*row));

	for (const struct step *step = final; step; step = step->previous)
		row[step->id] = true;
	return row;
}

static bool has_others(const struct plan *plan, const struct step *final, const bool *row)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i]->target == final->target && !row[i])
			return true;
	}
	return false;
}

/** All steps of a platform, in an order in which needs come first. */
static bool platform_is_known(struct build *build, const struct step *final, const bool *row)
{
	const struct plan *plan = build->plan;

	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = plan->steps[i];
		struct error ignored = {};
		bool known = false;

		if (step->target != final->target)
			continue;
		if (step_forecast(build, step, row[i], &step->result, &known, &ignored) ||
		    (row[i] && !known))
			return false;
	}
	return true;
}

static void platform_forecast(struct build *build, const struct step *final, const bool *row)
{
	const struct plan *plan = build->plan;
	bool known = platform_is_known(build, final, row);

	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = plan->steps[i];

		if (step->target != final->target || (known && !row[i]))
			continue;
		snapshot_drop(&step->result);
		step->passed_on = false;
	}
}

/** Not where steps are to be run in any case, nor where all of their layers are to be told. */
static bool is_wanted(const struct build_request *request)
{
	for (size_t i = 0; i < request->cache_to.count; i++) {
		if (request->cache_to.items[i].all_steps)
			return false;
	}
	return !request->no_cache && !request->no_cache_stages.count;
}

void forecast_run(struct build *build)
{
	const struct plan *plan = build->plan;

	if (!is_wanted(build->request))
		return;
	for (size_t i = 0; i < plan->final_count; i++) {
		bool *row = row_mark(plan, plan->finals[i]);

		if (has_others(plan, plan->finals[i], row))
			platform_forecast(build, plan->finals[i], row);
		free(row);
	}
}
