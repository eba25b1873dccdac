/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "tests/tap.h"

#include <errno.h>

TEST(error_reads_from_the_outside_in)
{
	struct error err = {};

	errno = ENOENT;
	CHECK(fail_sys(&err, "open %s", "blob") == -1);
	CHECK(fail_in(&err, "layer %d", 3) == -1);
	CHECK_STR(err.text, "layer 3: open blob: No such file or directory");
	CHECK(err.fault == FAULT_SYSTEM && err.sys == ENOENT);
}

TEST(error_marks_where_it_was_cut)
{
	struct error err = {};

	fail(&err, FAULT_INPUT, "%1200s", "x");
	CHECK_STR(err.text + sizeof(err.text) - 4, "...");
	fail_in(&err, "outer");
	CHECK(strncmp(err.text, "outer: ", 7) == 0);
	CHECK_STR(err.text + sizeof(err.text) - 4, "...");
}
