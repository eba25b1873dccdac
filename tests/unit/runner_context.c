/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "runner/context.h"
#include "runner/exec.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct {
	const char *workdir, *path, *want;
} paths[] = {
	{ "", "/", "/" },
	{ "", "a", "/a" },
	{ "/app", "b/", "/app/b" },
	{ "/app", "/b", "/b" },
	{ "/app", ".", "/app" },
	{ "/app", "../x", "/x" },
	{ "/app", "../../../x", "/x" },
	{ "/a", "//b//c/.", "/b/c" },
};

TEST(path_in_cleans_and_never_climbs)
{
	for (size_t i = 0; i < countof(paths); i++) {
		char *got = path_in(paths[i].workdir, paths[i].path);

		CHECK_STR(got, paths[i].want);
		free(got);
	}
}
