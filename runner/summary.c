/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/summary.h"

#include "base/progress.h"

static void count_step(struct summary *summary, const struct step *step)
{
	bool told = step_is_told(step);

	if (told && step->state == STEP_DONE)
		summary->steps_run++;
	if (told && step->state == STEP_CACHED)
		summary->steps_cached++;
	if (step->broke) {
		summary->outcome = OUTCOME_FAILED;
		summary->failed_step = step->name;
	}
	summary->seconds += step->seconds;
}

static void add_image(struct summary *summary, const struct snapshot *snapshot,
		      const struct descriptor *manifest)
{
	for (size_t i = 0; i < snapshot->layer_count; i++)
		summary->size += snapshot->layers[i].blob.size;
	digest_text(&manifest->digest, summary->digest);
}

static struct summary summarise(const struct plan *plan, size_t number,
				const struct descriptor *manifest)
{
	const struct step *final = plan->finals[number];
	struct summary summary = {
		.platform = *final->target,
		.outcome = final->result ? OUTCOME_DONE : OUTCOME_STOPPED,
	};

	for (size_t i = 0; i < plan->step_count; i++) {
		if (platform_equal(plan->steps[i]->target, final->target))
			count_step(&summary, plan->steps[i]);
	}
	if (final->result && manifest && manifest->size)
		add_image(&summary, final->result, manifest);
	return summary;
}

void summary_tell(const struct build *build, const struct descriptor *manifests)
{
	const struct plan *plan = build->plan;
	struct summary summaries[PLATFORMS_MAX];
	const struct event event = {
		.kind = EVENT_SUMMARY,
		.summaries = summaries,
		.summary_count = plan->final_count,
	};

	if (plan->final_count < 2)
		return;
	for (size_t i = 0; i < plan->final_count; i++)
		summaries[i] = summarise(plan, i, manifests ? &manifests[i] : NULL);
	progress_emit(build->ctx, &event);
}
