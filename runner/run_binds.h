/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What else `run` shows inside, as it is typed: --volume and --tmpfs.
 */
#ifndef RUNNER_RUN_BINDS_H
#define RUNNER_RUN_BINDS_H

#include "sandbox/sandbox.h"

/** All of them as typed. */
struct bind_options {
	struct strings volumes; /* SOURCE:TARGET[:ro] */
	struct strings tmpfs;   /* DIR[:size=SIZE,ro] */
};

/** Starts empty. */
struct run_binds {
	struct bind *items;
	size_t count;
	struct strings texts; /* that the items point to */
};

/**
 * Parse them, volumes first; FAULT_USAGE names the option, and a source that is not there is a
 * fault of its own.  `out` is to be dropped after a failure too.
 */
result run_binds_parse(const struct bind_options *options, struct run_binds *out,
		       struct error *err);
void run_binds_drop(struct run_binds *binds);

#endif
