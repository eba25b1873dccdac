/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/mounts.h"
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** What is taken makes sense; `from` is found without variables, too. */
void fuzz_one(const char *text, size_t size)
{
	static const char *const entries[] = { "A=x,y", "B=", "C=\"", NULL };
	owned(strings) struct strings env = {};
	owned(str) char *from = NULL;
	struct mount mount = {};
	struct error err = {};

	(void)size;
	strings_add_all(&env, (char *const *)entries);
	if (!mount_parse(text, '\\', &env, &mount, &err)) {
		if (mount.kind > MOUNT_SSH || mount.sharing > SHARING_LOCKED || mount.mode > 07777)
			abort();
		if (mount.sharing && mount.kind != MOUNT_CACHE)
			abort();
		if (mount_from(text, &from, &err) && !strchr(text, '$'))
			abort();
	}
	mount_drop(&mount);
}
