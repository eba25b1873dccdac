/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the time of a sandbox goes, seen from outside: from time to time, which of its programs
 * run.
 *
 * Nothing inside takes part in it, or can do more to it than to run under another name.  A program
 * is seen as often as it runs, however short each of its processes is.
 */
#ifndef SANDBOX_SAMPLING_H
#define SANDBOX_SAMPLING_H

#include "sandbox/sandbox.h"

/** A sandbox has been started.  NULL instead of a sampling is one that never looks. */
void sampling_begin(struct sampling *sampling);

/** Milliseconds until it wants to look again; INT_MAX: never. */
int sampling_patience(const struct sampling *sampling);

/** Look, if it is time to.  `main` is a pidfd of the main process; -1: not known yet. */
void sampling_look(struct sampling *sampling, int main);

/** It has ended, and took so much time of CPUs; 0: unknown. */
void sampling_end(struct sampling *sampling, uint64_t cpu_us);

/** The number that a process has here, which is its own as long as it is alive; 0: none. */
int process_number(int pidfd);

/* ---- for tests ---- */

/** What is wanted of /proc/PID/stat. */
struct process_state {
	char name[16];
	char state;
	long threads;
};

bool process_state_parse(const char *text, struct process_state *out);

/**
 * What runs in a process with this name and the beginning of a command line, which is of `length`
 * bytes.
 */
void timed_program_read(const char *name, const char *command, size_t length,
			struct timed_program *out);

#endif
