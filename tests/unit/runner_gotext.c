/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/gotext.h"

#include "runner/exec.h"
#include "tests/tap.h"

static const struct {
	int64_t nanoseconds;
	const char *text;
} durations[] = {
	{ 0, "0s" },
	{ 1, "1ns" },
	{ 1500, "1.5\u00b5s" },
	{ 300000000, "300ms" },
	{ 1500000000, "1.5s" },
	{ 90000000000, "1m30s" },
	{ 3600000000000, "1h0m0s" },
	{ 5400000000001, "1h30m0.000000001s" },
	{ -2000000000, "-2s" },
	{ INT64_MAX, "2562047h47m16.854775807s" },
};

TEST(durations_read_as_go_prints_them)
{
	for (size_t i = 0; i < countof(durations); i++) {
		owned(buf) struct buf out = {};

		go_duration(&out, durations[i].nanoseconds);
		CHECK_STR(buf_text(&out), durations[i].text);
	}
}

static const struct {
	const char *text, *quoted;
} quotes[] = {
	{ "", "\"\"" },
	{ "a \"b\" \\ 'c'", "\"a \\\"b\\\" \\\\ 'c'\"" },
	{ "\t\n\a\v\x01\x7f", "\"\\t\\n\\a\\v\\x01\\x7f\"" },
	{ "\u00e9\u20ac\U0001f600", "\"\u00e9\u20ac\U0001f600\"" },
	{ "\xff\xc3", "\"\\xff\\xc3\"" },
};

TEST(strings_are_quoted_as_go_does)
{
	for (size_t i = 0; i < countof(quotes); i++) {
		owned(buf) struct buf out = {};

		go_quote(&out, quotes[i].text);
		CHECK_STR(buf_text(&out), quotes[i].quoted);
	}
}

static const struct {
	uint32_t number;
	const char *text;
} numbers[] = {
	{ 0, "'\\x00'" }, { 3, "'\\x03'" }, { 10, "'\\n'" },      { 39, "'\\''" },
	{ 35, "'#'" },    { 65, "'A'" },    { 128, "'\\u0080'" }, { 0xd800, "'\ufffd'" },
};

TEST(numbers_are_quoted_as_characters)
{
	for (size_t i = 0; i < countof(numbers); i++) {
		owned(buf) struct buf out = {};

		go_quote_number(&out, numbers[i].number);
		CHECK_STR(buf_text(&out), numbers[i].text);
	}
}

static const struct {
	const char *text;
	bool known;
} signal_cases[] = {
	{ "SIGTERM", true },  { "term", true },       { "9", true },        { "0", false },
	{ "99", true },       { "SIGRTMIN+3", true }, { "RTMAX-14", true }, { "RTMAX-15", false },
	{ "RTMIN+0", false }, { "SIG", false },       { "", false },        { "9x", false },
};

TEST(signals_are_known_by_name_and_number)
{
	struct error err;

	for (size_t i = 0; i < countof(signal_cases); i++)
		CHECK(!signal_check(signal_cases[i].text, &err) == signal_cases[i].known);
}
