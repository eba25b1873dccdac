/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/** What parses prints in full, and the full text means the same; nothing of it can steer a path. */
void fuzz_one(const char *text, size_t size)
{
	struct reference once, twice;
	struct error err = {};
	char printed[REFERENCE_TEXT_MAX], again[REFERENCE_TEXT_MAX];

	(void)size;
	if (reference_parse(text, &once, &err))
		return;
	if (reference_parse(reference_text(&once, printed), &twice, &err) ||
	    strcmp(reference_text(&twice, again), printed) != 0 || strstr(once.repository, "..") ||
	    strstr(once.host, "..") || strpbrk(printed, " \t\r\n%\\?#"))
		abort();
}
