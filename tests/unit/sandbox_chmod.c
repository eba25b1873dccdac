/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"
#include "tests/tap.h"

#include <sys/stat.h>

static const struct {
	const char *text;
	mode_t old, want;
} cases[] = {
	{ "644", S_IFREG | 0777, 0644 },
	{ "0755", S_IFDIR | 0, 0755 },
	{ "7777", S_IFREG | 0, 07777 },
	{ "u=rwX,go=rX", S_IFREG | 0600, 0644 },
	{ "u=rwX,go=rX", S_IFREG | 0700, 0755 },
	{ "u=rwX,go=rX", S_IFDIR | 0, 0755 },
	{ "+x", S_IFREG | 0644, 0755 },
	{ "+w", S_IFREG | 0444, 0666 },
	{ "a+w", S_IFREG | 0444, 0666 },
	{ "go-w", S_IFREG | 0666, 0644 },
	{ "go=", S_IFREG | 0777, 0700 },
	{ "g=u", S_IFREG | 0740, 0770 },
	{ "go=u-w", S_IFREG | 0644, 0644 },
	{ "go=u-w", S_IFREG | 0700, 0755 },
	{ "o+g", S_IFREG | 0750, 0755 },
	{ "u+s,g+s", S_IFREG | 0755, 06755 },
	{ "o+s", S_IFREG | 0755, 0755 },
	{ "+t", S_IFDIR | 0777, 01777 },
	{ "a+t", S_IFDIR | 0777, 01777 },
	{ "u=rw+x", S_IFREG | 0, 0700 },
	{ "=", S_IFREG | 06777, 0 },
	{ "-X", S_IFREG | 0755, 0644 },
};

TEST(modes_are_changed_as_chmod_does)
{
	for (size_t i = 0; i < countof(cases); i++) {
		struct mode_change change;
		struct error err = {};
		mode_t got;

		if (mode_parse(cases[i].text, &change, &err)) {
			tap_check(false, __FILE__, __LINE__, "%s: %s", cases[i].text, err.text);
			continue;
		}
		got = mode_apply(&change, cases[i].old);
		tap_check(got == ((cases[i].old & S_IFMT) | cases[i].want), __FILE__, __LINE__,
			  "%s of %o is %o", cases[i].text, cases[i].old, got);
	}
}

TEST(modes_that_make_no_sense_are_refused)
{
	static const char *const texts[] = { "",  "8",     "17777",  "0o7", "7 ",
					     "u", "rw",    "u=rw,",  "u=q", "u!x",
					     ",", "u+x,,", "u+x o+x" };

	for (size_t i = 0; i < countof(texts); i++) {
		struct mode_change change;
		struct error err = {};

		tap_check(mode_parse(texts[i], &change, &err) && err.fault == FAULT_INPUT, __FILE__,
			  __LINE__, "'%s' is refused", texts[i]);
	}
}
