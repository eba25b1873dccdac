/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "runner/trace.h"
#include "tests/tap.h"

static const struct platform arm64 = { "linux", "arm64", "" }, s390x = { "linux", "s390x", "" };

static void note(struct trace *trace, enum event_kind kind, size_t step,
		 const struct platform *platform, double seconds)
{
	struct event event = {
		.kind = kind,
		.step = step,
		.platform = platform,
		.name = "[linux/x 2/2] RUN \"make\"\xff",
		.line = 7,
		.text = "",
	};

	trace_note(trace, &event, seconds);
}

/** The numbers of an event: pid, tid, ts, dur. */
static bool is_at(const json_t *list, size_t index, int pid, int tid, int ts, int dur)
{
	static const char *const keys[] = { "pid", "tid", "ts", "dur" };
	const int want[] = { pid, tid, ts, dur };
	const json_t *event = json_array_get(list, index);

	for (size_t i = 0; i < 4; i++) {
		if (json_integer_value(json_object_get(event, keys[i])) != want[i])
			return false;
	}
	return true;
}

static json_t *parsed(struct trace *trace, double seconds)
{
	owned(buf) struct buf text = {};
	json_t *document = NULL;
	struct error err;

	trace_text(trace, seconds, &text);
	CHECK(json_parse(buf_text(&text), text.length, "trace", &document, &err) == OK);
	return document;
}

TEST(trace_has_a_process_a_platform_and_lanes_without_overlap)
{
	owned(trace) struct trace *trace = trace_new(NULL);
	owned(json) json_t *document = NULL;
	const json_t *list, *arguments;

	note(trace, EVENT_STEP_STARTED, 1, &arm64, 10);
	note(trace, EVENT_STEP_STARTED, 2, &arm64, 10.5);
	note(trace, EVENT_STEP_STARTED, 3, &s390x, 11);
	note(trace, EVENT_STEP_CACHED, 1, &arm64, 12);
	note(trace, EVENT_STEP_STARTED, 4, &arm64, 12);
	note(trace, EVENT_STEP_DONE, 4, &arm64, 13);
	note(trace, EVENT_STEP_FAILED, 2, &arm64, 14);
	document = parsed(trace, 15);
	list = json_object_get(document, "traceEvents");
	CHECK(json_array_size(list) == 2 + 4);
	CHECK(is_at(list, 2, 1, 1, 0, 2000000));
	CHECK(is_at(list, 3, 1, 2, 500000, 3500000));
	CHECK(is_at(list, 4, 2, 1, 1000000, 4000000));
	CHECK(is_at(list, 5, 1, 1, 2000000, 1000000));
	arguments = json_object_get(json_array_get(list, 2), "args");
	CHECK_STR(json_string_value(json_object_get(arguments, "platform")), "linux/arm64");
	CHECK_STR(json_string_value(json_object_get(arguments, "instruction")), "RUN");
	CHECK(json_integer_value(json_object_get(arguments, "line")) == 7);
	CHECK(json_is_true(json_object_get(arguments, "cached")));
	arguments = json_object_get(json_array_get(list, 4), "args");
	CHECK_STR(json_string_value(json_object_get(arguments, "outcome")), "stopped");
}

TEST(trace_has_a_span_a_transfer)
{
	owned(trace) struct trace *trace = trace_new(NULL);
	owned(json) json_t *document = NULL;
	struct event event = {
		.kind = EVENT_TRANSFER, .text = "pulling x", .text_length = 9, .total = 10
	};

	trace_note(trace, &event, 1);
	event.bytes = 10;
	trace_note(trace, &event, 2);
	trace_note(trace, &event, 3); /* again: another one */
	document = parsed(trace, 4);
	CHECK(json_array_size(json_object_get(document, "traceEvents")) == 3);
	CHECK(is_at(json_object_get(document, "traceEvents"), 1, 1, 1, 0, 1000000));
}

TEST(trace_without_events_is_valid)
{
	owned(trace) struct trace *trace = trace_new(NULL);
	owned(json) json_t *document = parsed(trace, 1);

	CHECK(json_is_array(json_object_get(document, "traceEvents")));
}
