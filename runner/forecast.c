/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/forecast.h"

#include "base/mem.h"
#include "runner/exec.h"

#include <stdlib.h>

/** Whether the step is the last one, or one that it stands on. */
static bool is_in_row(const struct step *step, const struct step *final)
{
	while (final && final != step)
		final = final->previous;
	return final != NULL;
}

static bool has_others(const struct plan *plan, const struct step *final)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i]->target == final->target && !is_in_row(plan->steps[i], final))
			return true;
	}
	return false;
}

/** All steps of a platform, in an order in which needs come first. */
static bool platform_is_known(struct build *build, const struct step *final)
{
	const struct plan *plan = build->plan;

	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = plan->steps[i];
		bool in_row = is_in_row(step, final), known = false;
		struct error ignored = {};

		if (step->target != final->target)
			continue;
		if (step_forecast(build, step, in_row, &step->result, &known, &ignored) ||
		    (in_row && !known))
			return false;
	}
	return true;
}

static void platform_forecast(struct build *build, const struct step *final)
{
	const struct plan *plan = build->plan;
	bool known = platform_is_known(build, final);

	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = plan->steps[i];

		if (step->target == final->target && (!known || is_in_row(step, final)))
			snapshot_drop(&step->result);
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
		if (has_others(plan, plan->finals[i]))
			platform_forecast(build, plan->finals[i]);
	}
}
