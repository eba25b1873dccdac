/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/output.h"
#include "tests/tap.h"

#include <string.h>

/** Hears what a step writes. */
struct ear {
	struct progress sink;
	struct strings lines;
};

static void hear(struct progress *progress, const struct event *event)
{
	struct ear *ear = (struct ear *)progress;

	strings_printf(&ear->lines, "%.*s", (int)event->text_length, event->text);
}

/** What comes of a text that a step writes. */
static void write_all_of(struct ear *ear, const char *text, size_t length)
{
	const struct ctx ctx = { .progress = &ear->sink };
	const struct step step = { .name = "RUN" };
	struct output_pump *pump = NULL;
	struct error err;

	ear->sink.emit = hear;
	if (!CHECK(output_new(&ctx, &step, &pump, &err) == OK))
		return;
	CHECK(write_all(output_fd(pump), text, length, &err) == OK);
	output_finish(pump);
	output_pump_drop(&pump);
}

TEST(output_is_cut_into_lines)
{
	struct ear ear = {};

	write_all_of(&ear, "one\r\n\ntwo", 9);
	CHECK(ear.lines.count == 3);
	if (ear.lines.count == 3) {
		CHECK_STR(ear.lines.items[0], "one");
		CHECK_STR(ear.lines.items[1], "");
		CHECK_STR(ear.lines.items[2], "two");
	}
	strings_drop(&ear.lines);
}

TEST(output_that_floods_is_dropped_with_a_notice_but_for_its_end)
{
	owned(buf) struct buf text = {};
	struct ear ear = {};
	size_t notices = 0;

	for (int i = 0; i < 200000; i++)
		buf_add_str(&text, "a line of a program that writes and writes and writes\n");
	buf_add_str(&text, "and fails\n");
	write_all_of(&ear, buf_text(&text), text.length);
	for (size_t i = 0; i < ear.lines.count; i++)
		notices += strstr(ear.lines.items[i], "lines were not shown") != NULL;
	CHECK(notices >= 1);
	CHECK(ear.lines.count < 150000);
	CHECK_STR(ear.lines.items[ear.lines.count - 1], "and fails");
	strings_drop(&ear.lines);
}

TEST(output_lines_have_a_greatest_length)
{
	owned(buf) struct buf text = {};
	struct ear ear = {};

	for (int i = 0; i < 10000; i++)
		buf_add_char(&text, 'x');
	buf_add_str(&text, "\nnext\n");
	write_all_of(&ear, buf_text(&text), text.length);
	CHECK(ear.lines.count == 2);
	if (ear.lines.count == 2) {
		CHECK(ends_with(ear.lines.items[0], "x [line clipped]"));
		CHECK_STR(ear.lines.items[1], "next");
	}
	strings_drop(&ear.lines);
}
