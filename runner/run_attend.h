/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sandbox in the foreground: our signals and our terminal are its program's.
 */
#ifndef RUNNER_RUN_ATTEND_H
#define RUNNER_RUN_ATTEND_H

#include "runner/command.h"
#include "sandbox/sandbox.h"

/** What of ours the program gets, besides signals. */
struct attendance {
	bool interactive; /* standard input is passed on */
	bool terminal;    /* it gets one of its own, shown on ours */
};

/**
 * Run it with our signals passed on, and our terminal if it is to have one: what `spec` gets for
 * that is gone afterwards.  However the program ended is in `ended`, and no failure.
 */
result run_attend(const struct invocation *in, const struct attendance *wanted,
		  struct sandbox_spec *spec, struct sandbox_exit *ended, struct error *err);

#endif
