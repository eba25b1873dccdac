/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "runner/columns.h"
#include "runner/view.h"
#include "tests/tap.h"

#include <string.h>

static const struct platform arm64 = { "linux", "arm64", "" };
static const struct screen screen = { .columns = 60, .rows = 10 };

/** A view with a clock that stands still until it is moved. */
struct stage {
	struct view *view;
	double now;
	struct buf out;
};

static void stage_drop(struct stage *stage)
{
	view_drop(&stage->view);
	buf_drop(&stage->out);
}

static struct stage stage_new(const char *kind, struct style style)
{
	return (struct stage){ .view = view_new(view_kind_find(kind), style), .now = 100 };
}

static struct moment moment(const struct stage *stage)
{
	return (struct moment){ .elapsed = stage->now, .wall = stage->now + 1e9 };
}

static void tell(struct stage *stage, struct event event)
{
	if (event.text)
		event.text_length = strlen(event.text);
	view_event(stage->view, &event, moment(stage), &stage->out);
}

static void draw(struct stage *stage)
{
	stage->view->kind->draw(stage->view, moment(stage), screen, &stage->out);
}

static struct event step(enum event_kind kind, size_t number, const char *name)
{
	return (struct event){
		.kind = kind, .step = number, .platform = &arm64, .name = name, .line = 3
	};
}

static struct event output(size_t number, const char *text)
{
	struct event event = step(EVENT_STEP_OUTPUT, number, "x");

	event.text = text;
	return event;
}

static struct event transfer(uint64_t bytes, uint64_t total)
{
	return (struct event){
		.kind = EVENT_TRANSFER, .text = "pulling sha256:01", .bytes = bytes, .total = total
	};
}

static struct event timed(struct event event, double seconds, const char *why)
{
	event.seconds = seconds;
	event.text = why;
	return event;
}

#define STAGE __attribute__((cleanup(stage_drop))) struct stage

TEST(render_plain_numbers_steps_from_1_without_gaps)
{
	STAGE stage = stage_new("plain", (struct style){});

	tell(&stage, step(EVENT_STEP_STARTED, 4, "[linux/arm64 1/2] FROM a"));
	tell(&stage, step(EVENT_STEP_STARTED, 9, "[linux/arm64 2/2] RUN make"));
	stage.now += 1.25;
	tell(&stage, output(9, "hello\x1b[2J"));
	tell(&stage, step(EVENT_STEP_CACHED, 4, "[linux/arm64 1/2] FROM a"));
	tell(&stage, timed(step(EVENT_STEP_DONE, 9, "x"), 2.5, NULL));
	tell(&stage, (struct event){ .kind = EVENT_WARNING, .text = "odd" });
	CHECK_STR(buf_text(&stage.out), "#1 [linux/arm64 1/2] FROM a\n"
					"#2 [linux/arm64 2/2] RUN make\n"
					"#2 1.250 hello\\x1b[2J\n"
					"#1 CACHED\n"
					"#2 DONE 2.5s\n"
					"warning: odd\n");
}

TEST(render_plain_shows_the_last_lines_of_a_failed_step_and_why)
{
	STAGE stage = stage_new("plain", (struct style){});

	tell(&stage, step(EVENT_STEP_STARTED, 1, "[linux/arm64 2/2] RUN make"));
	for (int i = 0; i < 22; i++)
		tell(&stage, output(1, i < 2 ? "early" : "late"));
	buf_clear(&stage.out);
	tell(&stage, timed(step(EVENT_STEP_FAILED, 1, "x"), 2, "make: status 1"));
	CHECK(starts_with(buf_text(&stage.out), "#1 FAILED 2.0s\n------\n > [linux/arm64 2/2] RUN "
						"make:\n   late\n"));
	CHECK(!strstr(buf_text(&stage.out), "early"));
	CHECK(ends_with(buf_text(&stage.out), "   late\n------\nmake: status 1\n"));
}

TEST(render_tells_of_a_step_that_fails_before_it_started)
{
	STAGE stage = stage_new("plain", (struct style){});

	tell(&stage, timed(step(EVENT_STEP_FAILED, 7, "[linux/arm64] ARG A"), 0, "bad"));
	CHECK_STR(buf_text(&stage.out), "#1 [linux/arm64] ARG A\n#1 FAILED 0.0s\n------\n"
					" > [linux/arm64] ARG A:\n------\nbad\n");
}

TEST(render_plain_tells_of_a_transfer_every_five_seconds_and_at_its_end)
{
	STAGE stage = stage_new("plain", (struct style){});

	for (uint64_t i = 0; i <= 120; i++) {
		tell(&stage, transfer(i * 1000000, 120000000));
		stage.now += 0.125;
	}
	CHECK_STR(buf_text(&stage.out), "pulling sha256:01 40 MB / 120 MB  33%\n"
					"pulling sha256:01 80 MB / 120 MB  67%\n"
					"pulling sha256:01 120 MB DONE 15.0s\n");
	CHECK(view_is_idle(stage.view));
}

TEST(render_plain_marks_each_line_for_the_journal)
{
	STAGE stage = stage_new("plain", (struct style){ .journal = true });

	tell(&stage, (struct event){ .kind = EVENT_NOTE, .text = "good to know" });
	tell(&stage, (struct event){ .kind = EVENT_WARNING, .text = "odd" });
	tell(&stage, timed(step(EVENT_STEP_FAILED, 7, "RUN"), 0, "bad"));
	CHECK_STR(buf_text(&stage.out), "good to know\n<4>warning: odd\n#1 RUN\n"
					"<3>#1 FAILED 0.0s\n<3>------\n<3> > RUN:\n<3>------\n"
					"<3>bad\n");
}

TEST(render_quiet_shows_only_what_is_wrong)
{
	STAGE stage = stage_new("quiet", (struct style){});

	tell(&stage, step(EVENT_STEP_STARTED, 1, "[1/1] FROM a"));
	tell(&stage, output(1, "words"));
	tell(&stage, step(EVENT_STEP_DONE, 1, "[1/1] FROM a"));
	tell(&stage, (struct event){ .kind = EVENT_NOTE, .text = "note" });
	tell(&stage, (struct event){ .kind = EVENT_SUMMARY });
	CHECK_STR(buf_text(&stage.out), "");
}

static const struct summary summaries[] = {
	{ .platform = { "linux", "amd64", "" },
	  .outcome = OUTCOME_DONE,
	  .steps_run = 2,
	  .steps_cached = 1,
	  .seconds = 1.5,
	  .size = 12300000,
	  .digest = "sha256:0123" },
	{ .platform = { "linux", "arm64", "" },
	  .outcome = OUTCOME_FAILED,
	  .failed_step = "[linux/arm64 2/2] RUN make",
	  .seconds = 12.25 },
};

TEST(render_plain_ends_with_a_table_of_the_platforms)
{
	STAGE stage = stage_new("plain", (struct style){});

	tell(&stage, (struct event){ .kind = EVENT_SUMMARY,
				     .summaries = summaries,
				     .summary_count = countof(summaries) });
	CHECK_STR(buf_text(&stage.out),
		  "PLATFORM      STATE    STEPS             TIME    SIZE    IMAGE\n"
		  "linux/amd64   done     2 run, 1 cached   1.5s    12 MB   sha256:0123\n"
		  "linux/arm64   failed   0 run, 0 cached   12.2s   -       [linux/arm64 2/2] RUN "
		  "make\n");
}

TEST(render_json_is_an_object_a_line)
{
	STAGE stage = stage_new("json", (struct style){});

	tell(&stage, (struct event){ .kind = EVENT_PLAN, .total = 2 });
	tell(&stage, step(EVENT_STEP_STARTED, 8, "RUN"));
	tell(&stage, output(8, "a\"b"));
	tell(&stage, output(8, "\xff"));
	tell(&stage, timed(step(EVENT_STEP_FAILED, 8, "RUN"), 0.5, "bad"));
	tell(&stage, transfer(1, 2));
	CHECK_STR(buf_text(&stage.out),
		  "{\"event\":\"plan\",\"time\":1000000100.0,\"total\":2}\n"
		  "{\"event\":\"step-started\",\"time\":1000000100.0,\"step\":1,"
		  "\"platform\":\"linux/arm64\",\"name\":\"RUN\",\"line\":3}\n"
		  "{\"event\":\"step-output\",\"time\":1000000100.0,\"step\":1,"
		  "\"platform\":\"linux/arm64\",\"text\":\"a\\\"b\"}\n"
		  "{\"event\":\"step-output\",\"time\":1000000100.0,\"step\":1,"
		  "\"platform\":\"linux/arm64\",\"text\":\"\\\\xff\"}\n"
		  "{\"event\":\"step-failed\",\"time\":1000000100.0,\"step\":1,"
		  "\"platform\":\"linux/arm64\",\"name\":\"RUN\",\"line\":3,\"seconds\":0.5,"
		  "\"text\":\"bad\"}\n"
		  "{\"event\":\"transfer\",\"time\":1000000100.0,\"text\":\"pulling sha256:01\","
		  "\"bytes\":1,\"total\":2}\n");
}

TEST(render_tells_of_a_run_what_is_told_of_steps)
{
	static const struct ran_program programs[] = { { "cmake", "no twin", "not so", 29 } };
	static const struct ran_time times[] = {
		{ "perl", "automake", "its script", "", true, 0.666666 },
		{ "ld", "", "", "", false, 0.25 },
	};
	const struct event event = {
		.kind = EVENT_STEP_ASSIST,
		.text = "5 programs ran native",
		.native = 5,
		.emulated = 29,
		.programs = programs,
		.program_count = countof(programs),
		.times = times,
		.time_count = countof(times),
		.cpu_seconds = 2.5,
		.emulated_share = 0.75,
	};
	STAGE json = stage_new("json", (struct style){}),
	      plain = stage_new("plain", (struct style){}),
	      quiet = stage_new("quiet", (struct style){});

	tell(&json, event);
	CHECK_STR(
		buf_text(&json.out),
		"{\"event\":\"step-assist\",\"time\":1000000100.0,\"text\":\"5 programs ran "
		"native\",\"native\":5,\"emulated\":29,\"programs\":[{\"name\":\"cmake\",\"why\":"
		"\"no twin\",\"reason\":\"not "
		"so\",\"count\":29}],\"cpu-seconds\":2.5,\"emulated-share\":0.75,\"times\":"
		"[{\"name\":\"perl\",\"script\":\"automake\",\"mode\":\"emulated\",\"share\":0."
		"6667,\"why\":\"its script\"},{\"name\":\"ld\",\"mode\":\"native\",\"share\":0.25}"
		"]}\n");
	tell(&plain, event);
	CHECK_STR(buf_text(&plain.out), "5 programs ran native\n");
	tell(&quiet, event);
	CHECK_STR(buf_text(&quiet.out), "");
}

TEST(render_json_has_a_summary_of_the_platforms)
{
	STAGE stage = stage_new("json", (struct style){});
	owned(json) json_t *document = NULL;
	const json_t *list;
	struct error err;

	tell(&stage, (struct event){ .kind = EVENT_SUMMARY,
				     .summaries = summaries,
				     .summary_count = countof(summaries) });
	if (!CHECK(json_parse(buf_text(&stage.out), stage.out.length, "event", &document, &err) ==
		   OK))
		return;
	list = json_object_get(document, "platforms");
	CHECK(json_array_size(list) == 2);
	CHECK(json_integer_value(json_object_get(json_array_get(list, 0), "size")) == 12300000);
	CHECK_STR(json_string_value(json_object_get(json_array_get(list, 1), "outcome")), "failed");
	CHECK(!json_object_get(json_array_get(list, 1), "digest"));
}

TEST(render_tty_draws_running_steps_below_finished_ones)
{
	STAGE stage = stage_new("tty", (struct style){ .colour = true });

	tell(&stage, (struct event){ .kind = EVENT_PLAN, .total = 3 });
	tell(&stage, step(EVENT_STEP_STARTED, 1, "[linux/arm64 1/2] FROM a"));
	tell(&stage, step(EVENT_STEP_STARTED, 2, "[linux/arm64 2/2] RUN make"));
	draw(&stage);
	CHECK_STR(buf_text(&stage.out),
		  "building: 0 of 3 steps done                            0.0s\x1b[K\n"
		  "  [linux/arm64 1/2] FROM a                             0.0s\x1b[K\n"
		  "  [linux/arm64 2/2] RUN make                           0.0s\x1b[K\n");
	buf_clear(&stage.out);
	tell(&stage, step(EVENT_STEP_CACHED, 1, "x"));
	draw(&stage);
	CHECK_STR(buf_text(&stage.out),
		  "\r\x1b[3A\x1b[J \x1b[33mCACHED\x1b[0m    0.0s [linux/arm64 1/2] FROM a\n"
		  "building: 1 of 3 steps done, 1 cached                  0.0s\x1b[K\n"
		  "  [linux/arm64 2/2] RUN make                           0.0s\x1b[K\n");
}

TEST(render_tty_writes_only_lines_that_changed)
{
	STAGE stage = stage_new("tty", (struct style){});

	tell(&stage, step(EVENT_STEP_STARTED, 1, "one"));
	stage.now += 0.03;
	tell(&stage, step(EVENT_STEP_STARTED, 2, "two"));
	stage.now += 0.07;
	draw(&stage);
	buf_clear(&stage.out);
	draw(&stage);
	CHECK_STR(buf_text(&stage.out), "");
	tell(&stage, output(2, "日本"));
	draw(&stage);
	CHECK_STR(buf_text(&stage.out),
		  "\r\x1b[2A\n"
		  "  two | 日本                                           0.1s\x1b[K\n");
}

TEST(render_tty_lines_are_never_wider_than_the_screen)
{
	STAGE stage = stage_new("tty", (struct style){});
	owned(strings) struct strings lines = {};
	struct screen narrow = { .columns = 24, .rows = 6 };

	tell(&stage, (struct event){ .kind = EVENT_PLAN, .total = 30 });
	for (size_t i = 1; i <= 9; i++) {
		tell(&stage, step(EVENT_STEP_STARTED, i, "日本語日本語日本語日本語日本語"));
		tell(&stage, output(i, "漢字漢字漢字漢字漢字漢字漢字漢字"));
	}
	tell(&stage, transfer(5, 10));
	for (narrow.columns = 1; narrow.columns < 100; narrow.columns++) {
		buf_clear(&stage.out);
		stage.view->kind->draw(stage.view, moment(&stage), narrow, &stage.out);
		CHECK(stage.view->frame.count <= narrow.rows);
		for (size_t i = 0; i < stage.view->frame.count; i++)
			CHECK(columns_of(stage.view->frame.items[i]) <
			      (narrow.columns < 20 ? 20 : narrow.columns));
	}
}

TEST(render_tty_goes_up_by_the_rows_that_a_narrower_screen_has_broken_lines_into)
{
	STAGE stage = stage_new("tty", (struct style){});
	struct screen narrow = { .columns = 30, .rows = 10 };

	tell(&stage, step(EVENT_STEP_STARTED, 1, "one"));
	draw(&stage);
	buf_clear(&stage.out);
	stage.view->kind->draw(stage.view, moment(&stage), narrow, &stage.out);
	CHECK_STR(buf_text(&stage.out), "\r\x1b[2A\x1b[J  one                    0.0s\x1b[K\n");
}

TEST(render_tty_leaves_a_clean_screen)
{
	STAGE stage = stage_new("tty", (struct style){});

	tell(&stage, (struct event){ .kind = EVENT_PLAN, .total = 1 });
	tell(&stage, step(EVENT_STEP_STARTED, 1, "one"));
	tell(&stage, transfer(5, 10));
	draw(&stage);
	buf_clear(&stage.out);
	view_end(stage.view);
	draw(&stage);
	CHECK_STR(buf_text(&stage.out), "\r\x1b[3A\x1b[J");
	draw(&stage);
	CHECK_STR(buf_text(&stage.out), "\r\x1b[3A\x1b[J");
}

TEST(render_tty_has_a_bar_for_what_is_on_its_way)
{
	STAGE stage = stage_new("tty", (struct style){});
	struct screen large = { .columns = 90, .rows = 10 };

	tell(&stage, transfer(5000000, 10000000));
	stage.view->kind->draw(stage.view, moment(&stage), large, &stage.out);
	CHECK_STR(buf_text(&stage.out),
		  "  pulling sha256:01 [============>           ]                   "
		  "5.0 MB / 10 MB  50% 0.0s\x1b[K\n");
}

TEST(columns_count_wide_and_combining_characters)
{
	static const struct {
		const char *text;
		size_t columns;
	} cases[] = {
		{ "", 0 },          { "abc", 3 },  { "é", 1 },
		{ "e\xcc\x81", 1 }, { "日本", 4 }, { "🦊", 2 },
	};
	owned(buf) struct buf out = {};

	for (size_t i = 0; i < countof(cases); i++)
		CHECK(columns_of(cases[i].text) == cases[i].columns);
	columns_add(&out, "日本語", 4);
	CHECK_STR(buf_text(&out), "日…");
}
