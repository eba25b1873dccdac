/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One short-lived child that is watched: it has its output read, a limit of time, and leaves
 * nothing behind.  Works from any thread, because the child only makes system calls.
 */
#ifndef BINFMT_PROCESS_H
#define BINFMT_PROCESS_H

#include "base/error.h"

/** What a child of ours takes in a blink may take seconds on a machine that is busy, or emulated.
 */
enum { PROCESS_OUTPUT_MAX = 1024, PROCESS_PATIENCE_MS = 30000 };

/** How a child ended. */
struct process {
	int status;      /* as of waitpid() */
	bool timed_out;  /* and was killed */
	int failed_step; /* what body() returned, or 0 where it became another program or ended */
	int failed_errno;
	size_t length;
	char output[PROCESS_OUTPUT_MAX + 1]; /* NUL-terminated; what is beyond is thrown away */
};

/**
 * Run body(arg) in a child with /dev/null for input and errors and a pipe for output.  body() may
 * only make system calls; it executes a program, or calls _exit(), or returns the number (from 1)
 * of the step that failed, with errno.  Other descriptors are closed on exec.
 */
result process_run(int (*body)(const void *arg), const void *arg, int timeout_ms,
		   struct process *out, struct error *err);

#endif
