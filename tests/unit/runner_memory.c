/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/memory.h"
#include "tests/tap.h"

TEST(memory_is_read_from_what_the_kernel_says)
{
	struct memory memory = memory_parse("MemTotal:       2048 kB\nMemFree:  1 kB\n"
					    "MemAvailable:   1024 kB\n");

	CHECK(memory.total == 2048 << 10 && memory.available == 1024 << 10);
	memory = memory_parse("");
	CHECK(memory.total == 0 && memory.available == 0);
	memory = memory_now();
	CHECK(memory.total > 0 && memory.available <= memory.total);
}

TEST(programs_start_side_by_side_while_there_is_memory)
{
	const uint64_t gb = 1ull << 30;
	const struct {
		struct memory now;
		size_t running;
		uint64_t limit;
		bool allowed;
	} cases[] = {
		{ { 16 * gb, 8 * gb }, 0, 0, true },
		{ { 16 * gb, 8 * gb }, 5, 0, true },
		{ { 16 * gb, gb / 4 }, 0, 0, true }, /* the first one always */
		{ { 16 * gb, gb / 4 }, 1, 0, false },
		{ { 16 * gb, gb * 3 / 4 }, 1, 0, false }, /* less than a sixteenth */
		{ { 4 * gb, gb * 3 / 4 }, 1, 0, true },
		{ { 16 * gb, 8 * gb }, 3, 4 * gb, true },
		{ { 16 * gb, 8 * gb }, 4, 4 * gb, false }, /* all of them could not have theirs */
		{ { 16 * gb, gb / 4 }, 1, gb, false },
		{ { 16 * gb, gb / 4 }, 1, gb / 8, true },
		{ { 0, 0 }, 9, 0, true }, /* nobody knows */
	};

	for (size_t i = 0; i < countof(cases); i++)
		CHECK(memory_allows(&cases[i].now, cases[i].running, cases[i].limit) ==
		      cases[i].allowed);
}
