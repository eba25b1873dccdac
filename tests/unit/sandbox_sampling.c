/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "sandbox/sampling.h"
#include "tests/tap.h"

#include <limits.h>
#include <poll.h>
#include <string.h>

#define REST " 1 7 7 0 -1 4194560 130 0 0 0 12 3 0 0 20 0 2 0 8791 2600960 190 18446744073709551615"

TEST(sampling_reads_the_state_of_a_process_whatever_its_name_is)
{
	static const struct {
		const char *text, *name;
		char state;
	} cases[] = {
		{ "7 (cmake) R" REST, "cmake", 'R' },
		{ "7 (a) S 1 (b) D" REST, "a) S 1 (b", 'D' },
		{ "7 () R" REST, "", 'R' },
		{ "7 (fifteen_letters) Z" REST, "fifteen_letters", 'Z' },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct process_state state = {};

		CHECK(process_state_parse(cases[i].text, &state));
		CHECK_STR(state.name, cases[i].name);
		CHECK(state.state == cases[i].state);
		CHECK(state.threads == 2);
	}
}

TEST(sampling_passes_over_what_is_no_state)
{
	static const char *const cases[] = { "", "7", "7 (x", ")7 (", "7 (x)", "7 (x) R 1 2" };
	struct process_state state;

	for (size_t i = 0; i < countof(cases); i++)
		CHECK(!process_state_parse(cases[i], &state));
}

TEST(sampling_tells_what_an_emulator_runs)
{
#define QEMU          SANDBOX_ENGINE "/qemu-aarch64\0"
#define COMMAND(text) (text), sizeof(text)
	static const struct {
		const char *process, *name, *script;
		bool emulated;
		const char *command;
		size_t length;
	} cases[] = {
		{ "sed", "sed", "", false, COMMAND("sed\0-i") },
		{ "cmake", "cmake", "", true, COMMAND(QEMU "/usr/bin/cmake\0cmake\0-S\0.") },
		{ "automake", "perl", "automake", true,
		  COMMAND(QEMU "/usr/bin/perl\0perl\0-w\0/usr/bin/automake\0-a") },
		{ "pip", "python3.13", "pip", true,
		  COMMAND(QEMU "/usr/bin/python3.13\0python3\0-m\0pip\0install") },
		{ "sh", "sh", "", true, COMMAND(QEMU "/bin/sh\0/bin/sh\0-c\0make secret") },
		{ "cp", "cp", "", true, COMMAND(QEMU "/bin/cp\0cp\0/a\0/b") },
		{ "luac", "luac", "", true, COMMAND(QEMU "/bin/luac\0luac\0x.lua") },
		{ "x\x1b[2J y", "x?[2J?y", "", false, COMMAND("x") },
		{ "a", "a??", "", true, COMMAND(QEMU "/a\x80\n") },
		/* no more than the emulator is there, or it was cut off anywhere */
		{ "a", "a", "", false, COMMAND(SANDBOX_ENGINE "/qemu") },
		{ "perl", "perl", "", true, COMMAND(QEMU "/usr/bin/perl\0pe") },
		{ "gone", "gone", "", false, "", 0 },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct timed_program program;

		timed_program_read(cases[i].process, cases[i].command, cases[i].length, &program);
		CHECK_STR(program.name, cases[i].name);
		CHECK_STR(program.script, cases[i].script);
		CHECK(program.emulated == cases[i].emulated);
	}
}

TEST(sampling_looks_for_the_first_time_only_after_a_while)
{
	owned(sampling) struct sampling *sampling = sampling_new();
	struct program_times times;

	CHECK(sampling_patience(NULL) == INT_MAX);
	CHECK(sampling_patience(sampling) == INT_MAX);
	sampling_begin(sampling);
	CHECK(sampling_patience(sampling) > 200 && sampling_patience(sampling) <= 300);
	sampling_look(sampling, -1);
	sampling_end(sampling, 5);
	CHECK(sampling_patience(sampling) == INT_MAX);
	sampling_times(sampling, &times);
	CHECK(times.seen == 0);
	CHECK(times.cpu_us == 5);
}
