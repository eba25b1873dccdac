/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether a user namespace can have its own binfmt_misc: tried for real, once a process.
 */
#include "binfmt/binfmt.h"
#include "binfmt/process.h"
#include "binfmt/userns.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FSCONFIG_CREATE = 6 };

static pthread_once_t tried = PTHREAD_ONCE_INIT;
static bool supported;

static int try_mount(const void *arg)
{
	const struct userns *userns = arg;
	int context;

	if (userns_make(userns) < 0)
		return 1;
	context = (int)syscall(SYS_fsopen, "binfmt_misc", 1 /* FSOPEN_CLOEXEC */);
	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CREATE, NULL, NULL, 0) < 0)
		return 2;
	if (syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0) < 0)
		return 3;
	_exit(0);
}

static void try_once(void)
{
	struct userns userns = userns_plan();
	struct process process;
	struct error ignored;

	supported =
		process_run(try_mount, &userns, PROCESS_PATIENCE_MS, &process, &ignored) == OK &&
		WIFEXITED(process.status) && WEXITSTATUS(process.status) == 0;
}

bool binfmt_private_supported(void)
{
	pthread_once(&tried, try_once);
	return supported;
}
