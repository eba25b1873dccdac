/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/** What an errno of an op means where strerror() does not tell. */
static const struct {
	enum op_kind kind;
	int sys;
	const char *path; /* NULL: any */
	enum fault fault;
	const char *hint;
} hints[] = {
	{ OP_COVER, ELOOP, NULL, FAULT_INPUT, "the image has a symbolic link there" },
	{ OP_COVER, EINVAL, NULL, FAULT_INPUT,
	  "a file would cover a directory, or the other way round" },
	{ OP_COVER, ENOTDIR, NULL, FAULT_INPUT, "something on its path is no directory" },
	{ OP_COVER, EROFS, NULL, FAULT_INPUT,
	  "it is inside of a read-only mount that has no such directory" },
	{ OP_WORKDIR, ELOOP, NULL, FAULT_INPUT, "it leads out of the root, or in circles" },
	{ OP_WORKDIR, ENOTDIR, NULL, FAULT_INPUT, "there is something else in the image" },
	{ OP_COVER, EEXIST, NULL, FAULT_INPUT, "something else changes it all the time" },
	{ OP_COVER, ENOENT, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_COVER, EACCES, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, ENOENT, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EACCES, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EPERM, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EROFS, NULL, FAULT_INPUT, "it is inside of a read-only mount" },
	{ OP_CHDIR, EXDEV, NULL, FAULT_INPUT, "it is outside of the root" },
	{ OP_FILESYSTEM, EPERM, "binfmt_misc", FAULT_PRIVILEGE,
	  "it takes Linux 6.7; else run 'sudo mpemu setup'" },
	{ OP_FILESYSTEM, EPERM, "proc", FAULT_PRIVILEGE,
	  "a container around us hides parts of /proc; run it with "
	  "--security-opt systempaths=unconfined" },
	{ OP_FILESYSTEM, EPERM, "sysfs", FAULT_PRIVILEGE,
	  "a container around us hides parts of /sys; run it with "
	  "--security-opt systempaths=unconfined" },
};

static void hint_add(const char *hint, struct error *err)
{
	size_t length = strlen(err->text);

	snprintf(err->text + length, sizeof(err->text) - length, " (%s)", hint);
}

void refusal_explain(int sys, struct error *err)
{
	if (sys != ENOSYS)
		return;
	err->fault = FAULT_PRIVILEGE;
	hint_add("it takes Linux 5.12; in a container that refuses the call, run it with "
		 "--security-opt seccomp=unconfined",
		 err);
}

int op_fail(const struct op *op, int sys, struct error *err)
{
	errno = sys;
	(void)fail_sys(err, "sandbox: %s", op->text);
	refusal_explain(sys, err);
	for (size_t i = 0; i < countof(hints); i++) {
		if (hints[i].kind != op->kind || hints[i].sys != sys ||
		    (hints[i].path && strcmp(hints[i].path, op->path) != 0))
			continue;
		err->fault = hints[i].fault;
		hint_add(hints[i].hint, err);
	}
	return FAILED;
}
