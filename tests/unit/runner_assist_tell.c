/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "runner/assist_tell.h"
#include "tests/tap.h"

static const struct ran_time times[] = {
	{ "cmake", "", "no twin", "not reviewed", true, 0.62 },
	{ "perl", "automake", "its script", "", true, 0.256 },
	{ "cc1plus", "", "", "", false, 0.11 },
	{ "sh", "", "", "", true, 0.01 },
};

static struct event event(double seconds, size_t count)
{
	return (struct event){
		.kind = EVENT_STEP_ASSIST,
		.times = times,
		.time_count = count,
		.cpu_seconds = seconds,
	};
}

TEST(assist_tell_says_what_the_time_went_to)
{
	const struct event all = event(12.34, countof(times)), killed = event(0, 1),
			   none = event(12.34, 0);
	owned(buf) struct buf text = {};

	assist_times_text(&all, &text);
	CHECK_STR(buf_text(&text),
		  "12.3 s of CPU time: 62% emulated cmake (no twin: not reviewed), 26% emulated "
		  "perl running automake (its script), 11% native cc1plus");
	buf_clear(&text);
	assist_times_text(&killed, &text);
	CHECK_STR(buf_text(&text), "time: 62% emulated cmake (no twin: not reviewed)");
	buf_clear(&text);
	assist_times_text(&none, &text);
	CHECK_STR(buf_text(&text), "");
}

TEST(assist_tell_calls_a_step_slow_where_emulation_made_it_so)
{
	const struct event slow = event(12.34, countof(times)), quick = event(1.9, countof(times));
	struct event native = event(12.34, 1);
	owned(buf) struct buf text = {};

	assist_slow_text(&slow, &text);
	CHECK_STR(buf_text(&text),
		  "62% of its 12.3 s of CPU time is emulated cmake (no twin: not reviewed), 26% "
		  "emulated perl running automake (its script)");
	buf_clear(&text);
	assist_slow_text(&quick, &text);
	CHECK_STR(buf_text(&text), "");
	native.times = &times[2];
	assist_slow_text(&native, &text);
	CHECK_STR(buf_text(&text), "");
}
