/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running an emulator's program through the kernel, to see whether that works.
 */
#ifndef BINFMT_PROBE_H
#define BINFMT_PROBE_H

#include "binfmt/program.h"

enum probe_verdict {
	PROBE_RAN,
	PROBE_NOT_STARTED, /* ENOEXEC, ENOENT: no entry, or none that works in an empty root */
	PROBE_SHIFTED,     /* the emulator does not understand flag P: argv is off by one */
	PROBE_FAILED,      /* it started and did the wrong thing */
	PROBE_IMPOSSIBLE,  /* the probe itself could not be made */
};

enum probe_root { PROBE_EMPTY_ROOT, PROBE_THIS_ROOT };

struct probe {
	enum probe_verdict verdict;
	int error;     /* errno where it was not started */
	char why[256]; /* "" where it ran */
};

/** Run the program in a fresh process; thread-safe, leaves nothing. */
result probe_run(const struct program *program, enum probe_root root, struct probe *out,
		 struct error *err);

/** The same in an empty root and with a binfmt_misc of its own, in which `rule` is registered. */
result probe_run_private(const struct program *program, const char *rule, struct probe *out,
			 struct error *err);

/** Whether this CPU and kernel run the emulator's programs in some mode: i386 on x86_64. */
bool host_may_run(const struct emulator *emulator);

#endif
