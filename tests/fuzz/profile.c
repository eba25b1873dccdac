/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/profile.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

/** What compiles is a program that the kernel could take; what does not is the input's fault. */
void fuzz_one(const char *text, size_t size)
{
	const struct profile_target target = { 0xa80425fb, "amd64", 6, 1 };
	struct filter filter = {};
	struct error err = {};

	if (profile_compile(text, size, &target, &filter, &err)) {
		if (err.fault != FAULT_INPUT)
			abort();
		return;
	}
	if (!filter.count || filter.count > BPF_MAXINSNS)
		abort();
	free(filter.instructions);
}
