/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/trace.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** A stretch of time on a track. */
struct span {
	const char *category; /* "step" or "transfer" */
	size_t step;          /* or 0 */
	char *name;
	size_t process, lane;
	unsigned line;
	double start, end;
	const char *outcome; /* NULL while it goes on */
	uint64_t bytes;      /* of a transfer */
};

struct trace {
	struct progress sink; /* first: a pointer to it is a pointer to us */
	struct progress *next;
	pthread_mutex_t lock;
	struct span *spans; /* in the order in which they began */
	size_t span_count;
	struct strings processes; /* their names */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- gathering ---- */

static size_t process_find(struct trace *trace, const char *name)
{
	size_t at = 0;

	while (at < trace->processes.count && strcmp(trace->processes.items[at], name) != 0)
		at++;
	if (at == trace->processes.count)
		strings_add(&trace->processes, name);
	return at;
}

static size_t lane_find(const struct trace *trace, size_t process)
{
	size_t lane = 0;

	for (size_t i = 0; i < trace->span_count; i++) {
		const struct span *span = &trace->spans[i];

		if (!span->outcome && span->process == process && span->lane == lane) {
			lane++;
			i = SIZE_MAX; /* a lower one may have been passed: from the start again */
		}
	}
	return lane;
}

static struct span *span_open(struct trace *trace, size_t step, const char *name)
{
	for (size_t i = 0; i < trace->span_count; i++) {
		struct span *span = &trace->spans[i];

		if (!span->outcome && span->step == step && (step || strcmp(span->name, name) == 0))
			return span;
	}
	return NULL;
}

static struct span *span_begin(struct trace *trace, const char *process, const char *name,
			       double seconds)
{
	size_t number = process_find(trace, process);
	struct span span = {
		.name = xstrdup(name),
		.process = number,
		.lane = lane_find(trace, number),
		.start = seconds,
		.end = seconds,
	};

	array_grow(trace->spans, trace->span_count);
	trace->spans[trace->span_count++] = span;
	return &trace->spans[trace->span_count - 1];
}

static void note_step(struct trace *trace, const struct event *event, double seconds)
{
	static const char *const outcomes[] = {
		[EVENT_STEP_CACHED] = "cached",
		[EVENT_STEP_DONE] = "done",
		[EVENT_STEP_FAILED] = "failed",
		[EVENT_STEP_STOPPED] = "stopped",
	};
	struct span *span = span_open(trace, event->step, "");
	char platform[PLATFORM_TEXT_MAX] = "build";

	if (event->kind == EVENT_STEP_OUTPUT)
		return;
	if (!span) {
		if (event->platform)
			platform_text(event->platform, platform);
		span = span_begin(trace, platform, event->name ? event->name : "", seconds);
		span->category = "step";
		span->step = event->step;
		span->line = event->line;
	}
	if (event->kind != EVENT_STEP_STARTED) {
		span->end = seconds;
		span->outcome = outcomes[event->kind];
	}
}

static void note_transfer(struct trace *trace, const struct event *event, double seconds)
{
	owned(str) char *name = xstrndup(event->text, event->text_length);
	struct span *span = span_open(trace, 0, name);

	if (!span) {
		span = span_begin(trace, "registry", name, seconds);
		span->category = "transfer";
	}
	span->end = seconds;
	span->bytes = event->bytes;
	if (event->bytes == event->total)
		span->outcome = "done";
}

void trace_note(struct trace *trace, const struct event *event, double seconds)
{
	pthread_mutex_lock(&trace->lock);
	if (event->kind == EVENT_TRANSFER)
		note_transfer(trace, event, seconds);
	else if (event->step)
		note_step(trace, event, seconds);
	pthread_mutex_unlock(&trace->lock);
}

static void emit(struct progress *progress, const struct event *event)
{
	struct trace *trace = (struct trace *)progress;

	trace_note(trace, event, now());
	if (trace->next)
		trace->next->emit(trace->next, event);
}

/* ---- writing ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
	owned(buf) struct buf escaped = {};

	text_escape(&escaped, text, strlen(text));
	json_object_set_new(object, key, json_string(buf_text(&escaped)));
}

static json_t *name_object(const char *kind, size_t process, const char *name)
{
	json_t *object = json_pack("{s:s, s:s, s:I, s:I}", "name", kind, "ph", "M", "pid",
				   (json_int_t)process + 1, "tid", (json_int_t)0);
	json_t *arguments = json_object();

	set_text(arguments, "name", name);
	json_object_set_new(object, "args", arguments);
	return object;
}

/** "RUN" of "[linux/arm64 2/5] RUN make" */
static void set_instruction(json_t *arguments, const char *name)
{
	const char *text = strstr(name, "] ");
	owned(str) char *word = NULL;

	text = text ? text + 2 : name;
	word = xstrndup(text, strcspn(text, " "));
	set_text(arguments, "instruction", word);
}

static json_t *span_arguments(const struct trace *trace, const struct span *span)
{
	json_t *arguments = json_object();

	if (span->step) {
		set_text(arguments, "platform", trace->processes.items[span->process]);
		set_instruction(arguments, span->name);
		json_object_set_new(arguments, "line", json_integer(span->line));
		json_object_set_new(
			arguments, "cached",
			json_boolean(span->outcome && strcmp(span->outcome, "cached") == 0));
	} else {
		json_object_set_new(arguments, "bytes", json_integer((json_int_t)span->bytes));
	}
	json_object_set_new(arguments, "outcome",
			    json_string(span->outcome ? span->outcome : "stopped"));
	return arguments;
}

/** Times are whole microseconds since the first event. */
static json_t *span_object(const struct trace *trace, const struct span *span, double seconds)
{
	double start = span->start - trace->spans[0].start;
	double end = (span->outcome ? span->end : seconds) - trace->spans[0].start;
	json_int_t from = (json_int_t)(start * 1e6 + 0.5), to = (json_int_t)(end * 1e6 + 0.5);
	json_t *object = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "cat", span->category, "ph",
				   "X", "pid", (json_int_t)span->process + 1, "tid",
				   (json_int_t)span->lane + 1, "ts", from, "dur", to - from);

	set_text(object, "name", span->name);
	json_object_set_new(object, "args", span_arguments(trace, span));
	return object;
}

void trace_text(struct trace *trace, double seconds, struct buf *out)
{
	owned(json) json_t *document = json_object();
	json_t *list = json_array();
	owned(str) char *text = NULL;

	pthread_mutex_lock(&trace->lock);
	for (size_t i = 0; i < trace->processes.count; i++)
		json_array_append_new(list,
				      name_object("process_name", i, trace->processes.items[i]));
	for (size_t i = 0; i < trace->span_count; i++)
		json_array_append_new(list, span_object(trace, &trace->spans[i], seconds));
	pthread_mutex_unlock(&trace->lock);
	json_object_set_new(document, "displayTimeUnit", json_string("ms"));
	json_object_set_new(document, "traceEvents", list);
	text = json_text(document, false);
	buf_printf(out, "%s\n", text);
}

result trace_write(struct trace *trace, const char *path, struct error *err)
{
	owned(buf) struct buf text = {};

	trace_text(trace, now(), &text);
	if (outfile_put(path, buf_text(&text), text.length, 0644, err))
		return fail_in(err, "--trace");
	return OK;
}

/* ---- the sink ---- */

struct trace *trace_new(struct progress *next)
{
	struct trace *trace = xnew(struct trace);

	trace->sink.emit = emit;
	trace->next = next;
	pthread_mutex_init(&trace->lock, NULL);
	return trace;
}

void trace_drop(struct trace **trace)
{
	struct trace *old = *trace;

	if (!old)
		return;
	*trace = NULL;
	for (size_t i = 0; i < old->span_count; i++)
		free(old->spans[i].name);
	free(old->spans);
	strings_drop(&old->processes);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

struct progress *trace_sink(struct trace *trace)
{
	return &trace->sink;
}
