/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The view for programs: an object an event, one a line.  Every field is in mpemu(1), "EVENTS";
 * new ones may be added, none changes its meaning.
 */
#include "runner/view.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static const char *const event_names[] = {
	[EVENT_PLAN] = "plan",
	[EVENT_STEP_STARTED] = "step-started",
	[EVENT_STEP_OUTPUT] = "step-output",
	[EVENT_STEP_CACHED] = "step-cached",
	[EVENT_STEP_DONE] = "step-done",
	[EVENT_STEP_FAILED] = "step-failed",
	[EVENT_STEP_STOPPED] = "step-stopped",
	[EVENT_STEP_ASSIST] = "step-assist",
	[EVENT_TRANSFER] = "transfer",
	[EVENT_NOTE] = "note",
	[EVENT_WARNING] = "warning",
	[EVENT_SUMMARY] = "summary",
};

/** Bytes that are not UTF-8, which JSON cannot hold, are escaped as \xNN. */
static void set_text(json_t *object, const char *key, const char *text, size_t length)
{
	json_t *value = json_stringn(text, length);
	owned(buf) struct buf escaped = {};

	if (!value) {
		text_escape(&escaped, text, length);
		value = json_string(buf_text(&escaped));
	}
	json_object_set_new(object, key, value);
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

/** More digits than `scale` has zeros would only be noise. */
static double rounded(double number, double scale)
{
	return (double)(int64_t)(number * scale + 0.5) / scale;
}

static void set_seconds(json_t *object, const char *key, double seconds)
{
	json_object_set_new(object, key, json_real(rounded(seconds, 1e6)));
}

static void set_platform(json_t *object, const struct platform *platform)
{
	char text[PLATFORM_TEXT_MAX];

	json_object_set_new(object, "platform", json_string(platform_text(platform, text)));
}

static void set_step(json_t *object, const struct event *event, const struct live *live)
{
	set_number(object, "step", live->number);
	if (event->platform)
		set_platform(object, event->platform);
	if (event->name && event->kind != EVENT_STEP_OUTPUT)
		set_text(object, "name", event->name, strlen(event->name));
	if (event->line && event->kind != EVENT_STEP_OUTPUT)
		set_number(object, "line", event->line);
	if (event->kind != EVENT_STEP_STARTED && event->kind != EVENT_STEP_OUTPUT &&
	    event->kind != EVENT_STEP_ASSIST)
		set_seconds(object, "seconds", event->seconds);
}

static json_t *summary_object(const struct summary *summary)
{
	json_t *object = json_object();

	set_platform(object, &summary->platform);
	json_object_set_new(object, "outcome", json_string(outcome_text(summary->outcome)));
	set_number(object, "run", summary->steps_run);
	set_number(object, "cached", summary->steps_cached);
	set_seconds(object, "seconds", summary->seconds);
	if (summary->failed_step)
		set_text(object, "failed", summary->failed_step, strlen(summary->failed_step));
	if (*summary->digest) {
		set_number(object, "size", summary->size);
		json_object_set_new(object, "digest", json_string(summary->digest));
	}
	return object;
}

static void set_summaries(json_t *object, const struct event *event)
{
	json_t *list = json_array();

	for (size_t i = 0; i < event->summary_count; i++)
		json_array_append_new(list, summary_object(&event->summaries[i]));
	json_object_set_new(object, "platforms", list);
}

static void set_programs(json_t *object, const struct event *event)
{
	json_t *list = json_array();

	for (size_t i = 0; i < event->program_count; i++) {
		const struct ran_program *program = &event->programs[i];
		json_t *item = json_object();

		set_text(item, "name", program->name, strlen(program->name));
		set_text(item, "why", program->why, strlen(program->why));
		if (*program->reason)
			set_text(item, "reason", program->reason, strlen(program->reason));
		set_number(item, "count", program->count);
		json_array_append_new(list, item);
	}
	set_number(object, "native", event->native);
	set_number(object, "emulated", event->emulated);
	json_object_set_new(object, "programs", list);
}

static void set_times(json_t *object, const struct event *event)
{
	json_t *list = json_array();

	for (size_t i = 0; i < event->time_count; i++) {
		const struct ran_time *time = &event->times[i];
		json_t *item = json_object();

		set_text(item, "name", time->name, strlen(time->name));
		if (*time->script)
			set_text(item, "script", time->script, strlen(time->script));
		json_object_set_new(item, "mode",
				    json_string(time->emulated ? "emulated" : "native"));
		json_object_set_new(item, "share", json_real(rounded(time->share, 1e4)));
		if (*time->why)
			set_text(item, "why", time->why, strlen(time->why));
		if (*time->reason)
			set_text(item, "reason", time->reason, strlen(time->reason));
		json_array_append_new(list, item);
	}
	if (event->cpu_seconds > 0)
		set_seconds(object, "cpu-seconds", event->cpu_seconds);
	json_object_set_new(object, "emulated-share",
			    json_real(rounded(event->emulated_share, 1e4)));
	json_object_set_new(object, "times", list);
}

static void json_event(struct view *view, const struct event *event, struct live *live,
		       struct moment now, struct buf *out)
{
	owned(json) json_t *object = json_object();
	owned(str) char *text = NULL;

	(void)view;
	json_object_set_new(object, "event", json_string(event_names[event->kind]));
	set_seconds(object, "time", now.wall);
	if (live)
		set_step(object, event, live);
	if (event->text && (event->text_length || event->kind == EVENT_STEP_OUTPUT))
		set_text(object, "text", event->text, event->text_length);
	if (event->kind == EVENT_TRANSFER)
		set_number(object, "bytes", event->bytes);
	if (event->kind == EVENT_TRANSFER || event->kind == EVENT_PLAN)
		set_number(object, "total", event->total);
	if (event->kind == EVENT_STEP_ASSIST)
		set_programs(object, event);
	if (event->kind == EVENT_STEP_ASSIST && event->time_count)
		set_times(object, event);
	if (event->kind == EVENT_SUMMARY)
		set_summaries(object, event);
	/* 16 digits hold microseconds of our century and show no rounding. */
	text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
	buf_printf(out, "%s\n", text ? text : "{}");
}

const struct view_kind view_json = { .name = "json", .event = json_event };
