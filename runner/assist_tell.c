/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_tell.h"

#include "base/mem.h"

#include <string.h>

enum {
	TOLD_MAX = 4,   /* programs that are told in one line */
	SEEN_MIN = 10,  /* looks that a share can be told from */
	TIMES_MAX = 16, /* parts of the time, for programs */
};

static const double told_share_min = 0.02; /* what is less is noise */
static const double slow_share_min = 0.2;  /* of the time, that one program took ... */
static const double slow_seconds_min = 2;  /* ... which is at least so long */

/** "812 programs ran native, 31 emulated: cmake 29 (no twin: ...), ld 2 (its arguments)" */
static void counts_text(const struct event *event, struct buf *out)
{
	buf_printf(out, "%llu programs ran native, %llu emulated",
		   (unsigned long long)event->native, (unsigned long long)event->emulated);
	for (size_t i = 0; i < event->program_count && i < TOLD_MAX; i++) {
		const struct ran_program *program = &event->programs[i];

		buf_printf(out, "%s %s %llu (%s%s%s)", i ? "," : ":", program->name,
			   (unsigned long long)program->count, program->why,
			   *program->reason ? ": " : "", program->reason);
	}
	if (event->program_count > TOLD_MAX)
		buf_printf(out, ", and %zu more", event->program_count - TOLD_MAX);
}

/** "emulated perl running automake (its script)" */
static void time_text(const struct ran_time *time, struct buf *out)
{
	buf_printf(out, "%s %s", time->emulated ? "emulated" : "native", time->name);
	if (*time->script)
		buf_printf(out, " running %s", time->script);
	if (*time->why)
		buf_printf(out, " (%s%s%s)", time->why, *time->reason ? ": " : "", time->reason);
}

static int percent(double share)
{
	return (int)(share * 100 + 0.5);
}

void assist_times_text(const struct event *event, struct buf *out)
{
	size_t told = 0;

	for (size_t i = 0; i < event->time_count && told < TOLD_MAX; i++) {
		const struct ran_time *time = &event->times[i];

		if (time->share < told_share_min)
			continue;
		if (!told && event->cpu_seconds > 0)
			buf_printf(out, "%.1f s of CPU time", event->cpu_seconds);
		else if (!told)
			buf_add_str(out, "time");
		buf_printf(out, "%s %d%% ", told++ ? "," : ":", percent(time->share));
		time_text(time, out);
	}
}

void assist_slow_text(const struct event *event, struct buf *out)
{
	bool first = true;

	if (event->cpu_seconds < slow_seconds_min)
		return;
	for (size_t i = 0; i < event->time_count; i++) {
		const struct ran_time *time = &event->times[i];

		if (!time->emulated || time->share < slow_share_min)
			continue;
		if (first)
			buf_printf(out, "%d%% of its %.1f s of CPU time is ", percent(time->share),
				   event->cpu_seconds);
		else
			buf_printf(out, ", %d%% ", percent(time->share));
		time_text(time, out);
		first = false;
	}
}

/** How programs of that name ran most often, as the dispatcher told; NULL: it did not. */
static const struct ran_program *program_of(const struct event *event, const char *name)
{
	for (size_t i = 0; i < event->program_count; i++) {
		if (strcmp(event->programs[i].name, name) == 0)
			return &event->programs[i];
	}
	return NULL;
}

static size_t times_collect(const struct event *event, const struct program_times *times,
			    struct ran_time *out)
{
	size_t count = 0;

	for (size_t i = 0; times->seen >= SEEN_MIN && i < times->count && count < TIMES_MAX; i++) {
		const struct timed_program *program = &times->items[i];
		const struct ran_program *ran =
			program->emulated ? program_of(event, program->name) : NULL;

		out[count++] = (struct ran_time){
			.name = program->name,
			.script = program->script,
			.why = ran ? ran->why : "",
			.reason = ran ? ran->reason : "",
			.emulated = program->emulated,
			.share = (double)program->seen / (double)times->seen,
		};
	}
	return count;
}

static const char *program_reason(const struct assist *assist, const struct assist_program *program)
{
	return program->has_twin ? "" : assist_reason(assist, program->name);
}

static size_t programs_collect(const struct assist *assist, const struct assist_counts *counts,
			       struct ran_program *out)
{
	for (size_t i = 0; i < counts->program_count; i++)
		out[i] = (struct ran_program){
			.name = counts->programs[i].name,
			.why = counts->programs[i].why,
			.reason = program_reason(assist, &counts->programs[i]),
			.count = counts->programs[i].count,
		};
	return counts->program_count;
}

void assist_tell(const struct ctx *ctx, struct assist *assist, const struct event *about,
		 struct buf *slow)
{
	struct ran_program programs[ASSIST_PROGRAMS_MAX];
	struct ran_time parts[TIMES_MAX];
	owned(buf) struct buf text = {}, time = {};
	struct assist_counts counts;
	struct program_times times;
	struct event event = *about;

	assist_counts(assist, &counts);
	assist_times(assist, &times);
	event.programs = programs;
	event.program_count = programs_collect(assist, &counts, programs);
	event.native = counts.native;
	event.emulated = counts.emulated;
	event.times = parts;
	event.time_count = times_collect(&event, &times, parts);
	if (event.time_count) {
		event.cpu_seconds = (double)times.cpu_us / 1e6;
		event.emulated_share = (double)times.emulated / (double)times.seen;
	}
	counts_text(&event, &text);
	assist_times_text(&event, &time);
	if (time.length)
		buf_printf(&text, "; %s", buf_text(&time));
	event.text = buf_text(&text);
	event.text_length = text.length;
	progress_emit(ctx, &event);
	if (slow)
		assist_slow_text(&event, slow);
}
