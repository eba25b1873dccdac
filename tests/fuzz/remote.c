/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/remote.h"
#include "sandbox/sandbox.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Nothing that parses is an option to git or a path that leads elsewhere. */
void fuzz_one(const char *text, size_t size)
{
	struct remote remote = {};
	struct mode_change change;
	struct error err = {};

	(void)size;
	if (!mode_parse(text, &change, &err) && mode_apply(&change, S_IFREG) & ~(S_IFMT | 07777))
		abort();
	if (remote_parse(text, &remote, &err))
		return;
	if ((remote.url && *remote.url == '-') || (remote.ref && *remote.ref == '-') ||
	    (remote.name && (strchr(remote.name, '/') || strcmp(remote.name, "..") == 0)))
		abort();
	remote_drop(&remote);
}
