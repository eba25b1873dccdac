/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/sched.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/exec.h"
#include "runner/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MEMORY_WAIT_MS = 200 };

/**
 * The life of a step, all changes under `lock`:
 * WAITING -(last need done)-> READY -(worker)-> RUNNING -> CACHED or DONE or FAILED; a step behind
 * a failed one goes from WAITING to FAILED.
 */
struct sched {
	struct build *build;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct step **ready; /* a queue: from `head` to `tail` */
	size_t head, tail;
	size_t unfinished;
	size_t programs; /* RUNs that run */
	bool failed;
	bool only_optional; /* all that failed were platforms that may */
	struct error error; /* the first one, of a platform that may not fail if there is one */
};

static bool runs_program(const struct step *step)
{
	return step->kind == STEP_INSTRUCTION && step->instruction->kind == INSTRUCTION_RUN;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void tell(const struct sched *sched, const struct step *step, enum event_kind kind,
		 double seconds, const struct error *err)
{
	struct event event = {
		.kind = kind,
		.step = step->id + 1,
		.platform = step->target,
		.name = step->name,
		.line = step->instruction->first_line,
		.text = err ? err->text : "",
		.text_length = err ? strlen(err->text) : 0,
		.seconds = seconds,
	};

	if (kind != EVENT_STEP_FAILED && !step_is_told(step))
		return;
	progress_emit(sched->build->ctx, &event);
}

static void tell_plan(const struct build *build)
{
	struct event event = { .kind = EVENT_PLAN };

	for (size_t i = 0; i < build->plan->step_count; i++)
		event.total += step_is_told(build->plan->steps[i]);
	progress_emit(build->ctx, &event);
}

static void make_ready(struct sched *sched, struct step *step)
{
	step->state = STEP_READY;
	sched->ready[sched->tail++] = step;
}

/** A failed sibling is no need: the step goes on without it. */
static bool forgone(struct sched *sched, const struct step *failed, struct step *behind)
{
	if (behind->sibling != failed)
		return false;
	behind->sibling = NULL;
	if (--behind->missing == 0 && behind->state == STEP_WAITING)
		make_ready(sched, behind);
	return true;
}

/** Give up what can no longer run: all that stands behind a failed step. */
static void give_up(struct sched *sched, struct step *failed)
{
	struct step **stack = NULL;
	size_t count = 0;

	array_grow(stack, count);
	stack[count++] = failed;
	while (count) {
		struct step *step = stack[--count];

		for (size_t i = 0; i < step->dependant_count; i++) {
			struct step *behind = step->dependants[i];

			if (forgone(sched, step, behind) || behind->state != STEP_WAITING)
				continue;
			behind->state = STEP_FAILED;
			sched->unfinished--;
			array_grow(stack, count);
			stack[count++] = behind;
		}
	}
	free(stack);
}

static void step_failed(struct sched *sched, struct step *step, const struct error *err)
{
	const struct build_request *request = sched->build->request;
	bool optional =
		platform_is_optional(request, step->target) && err->fault != FAULT_CANCELLED;

	step->state = STEP_FAILED;
	if (!sched->failed || (sched->only_optional && !optional))
		sched->error = *err;
	sched->only_optional = optional && (!sched->failed || sched->only_optional);
	sched->failed = true;
	give_up(sched, step);
	if (!optional && (!request->keep_going || err->fault == FAULT_CANCELLED))
		cancel_fire(sched->build->ctx->cancel, err);
}

static void step_done(struct sched *sched, struct step *step, struct snapshot *snapshot,
		      bool cached)
{
	step->state = cached ? STEP_CACHED : STEP_DONE;
	step->result = snapshot;
	for (size_t i = 0; i < step->dependant_count; i++) {
		if (--step->dependants[i]->missing == 0 &&
		    step->dependants[i]->state == STEP_WAITING)
			make_ready(sched, step->dependants[i]);
	}
}

/** Run one step outside of the lock. */
static void step_run(struct sched *sched, struct step *step)
{
	const struct ctx *ctx = sched->build->ctx;
	struct snapshot *snapshot = NULL;
	struct timespec start;
	struct error err = {};
	bool cached = false, started = !cancel_fired(ctx->cancel);
	result ran;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (started)
		tell(sched, step, EVENT_STEP_STARTED, 0, NULL);
	ran = step_execute(sched->build, step, &snapshot, &cached, &err);
	step->seconds = seconds_since(&start);
	step->broke = ran && !cancel_fired(ctx->cancel);
	if (!ran)
		tell(sched, step, cached ? EVENT_STEP_CACHED : EVENT_STEP_DONE, step->seconds,
		     NULL);
	else if (step->broke)
		tell(sched, step, EVENT_STEP_FAILED, step->seconds, &err);
	else if (started)
		tell(sched, step, EVENT_STEP_STOPPED, step->seconds, NULL);

	pthread_mutex_lock(&sched->lock);
	if (ran)
		step_failed(sched, step, &err);
	else
		step_done(sched, step, snapshot, cached);
	sched->unfinished--;
	sched->programs -= runs_program(step);
	pthread_cond_broadcast(&sched->changed);
	pthread_mutex_unlock(&sched->lock);
}

/** The first ready step that memory is left for; others run meanwhile where there is none. */
static struct step *step_choose(struct sched *sched)
{
	const struct build_request *request = sched->build->request;
	bool asked = false, room = true;

	for (size_t at = sched->head; at < sched->tail; at++) {
		struct step *step = sched->ready[at];

		if (runs_program(step) && sched->programs && !asked) {
			const struct memory now = memory_now();

			room = memory_allows(&now, sched->programs, request->resources.memory);
			asked = true;
		}
		if (runs_program(step) && !room)
			continue;
		memmove(&sched->ready[sched->head + 1], &sched->ready[sched->head],
			(at - sched->head) * sizeof(struct step *));
		sched->head++;
		return step;
	}
	return NULL;
}

/** Until something changes; memory may come back without that. */
static void step_wait(struct sched *sched)
{
	struct timespec until;

	if (sched->head == sched->tail) {
		pthread_cond_wait(&sched->changed, &sched->lock);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += MEMORY_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&sched->changed, &sched->lock, &until);
}

/** The next step that may run, or NULL when nothing is left; waits for either. */
static struct step *step_take(struct sched *sched)
{
	struct step *step = NULL;

	pthread_mutex_lock(&sched->lock);
	while (sched->unfinished && !(step = step_choose(sched)))
		step_wait(sched);
	if (step) {
		step->state = STEP_RUNNING;
		sched->programs += runs_program(step);
	}
	pthread_mutex_unlock(&sched->lock);
	return step;
}

static void *worker(void *closure)
{
	struct sched *sched = closure;
	struct step *step;

	while ((step = step_take(sched)))
		step_run(sched, step);
	return NULL;
}

/** What has a result already need not run: see forecast.h. */
static void step_skip(struct sched *sched, struct step *step)
{
	if (!step->result && !step->passed_on)
		return;
	/* FROM is never said to be cached. */
	step->state = step->kind == STEP_INSTRUCTION ? STEP_CACHED : STEP_DONE;
	for (size_t i = 0; i < step->dependant_count; i++)
		step->dependants[i]->missing--;
	sched->unfinished--;
}

static void tell_skipped(const struct sched *sched)
{
	const struct plan *plan = sched->build->plan;

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = plan->steps[i];

		if (!step->result)
			continue;
		tell(sched, step, EVENT_STEP_STARTED, 0, NULL);
		tell(sched, step, step->state == STEP_CACHED ? EVENT_STEP_CACHED : EVENT_STEP_DONE,
		     0, NULL);
	}
}

static void start_queue(struct sched *sched)
{
	const struct plan *plan = sched->build->plan;

	sched->ready = xcalloc(plan->step_count, sizeof(struct step *));
	sched->unfinished = plan->step_count;
	for (size_t i = 0; i < plan->step_count; i++)
		step_skip(sched, plan->steps[i]);
	for (size_t i = 0; i < plan->step_count; i++) {
		if (!plan->steps[i]->missing && plan->steps[i]->state == STEP_WAITING)
			make_ready(sched, plan->steps[i]);
	}
}

static result run_workers(struct sched *sched, struct error *err)
{
	size_t jobs = sched->build->request->jobs, started = 0;
	pthread_t *threads = xcalloc(jobs, sizeof(*threads));
	int status = 0;

	while (started < jobs && started < sched->build->plan->step_count &&
	       (status = pthread_create(&threads[started], NULL, worker, sched)) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	if (!started && status) {
		errno = status;
		return fail_sys(err, "start a worker thread");
	}
	return OK;
}

result sched_run(struct build *build, struct error *err)
{
	struct sched sched = { .build = build };
	result ran;

	pthread_mutex_init(&sched.lock, NULL);
	pthread_cond_init(&sched.changed, NULL);
	start_queue(&sched);
	tell_plan(build);
	tell_skipped(&sched);
	ran = run_workers(&sched, err);
	free(sched.ready);
	pthread_cond_destroy(&sched.changed);
	pthread_mutex_destroy(&sched.lock);
	if (!ran && sched.failed) {
		*err = sched.error;
		return FAILED;
	}
	return ran;
}
