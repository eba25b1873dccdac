/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Streams of a program that are our terminal: it gets pipes.  Who holds a terminal may read what is
 * typed, also by somebody who did not ask for -i, and change how it takes ^C.
 */
#ifndef RUNNER_RUN_STREAMS_H
#define RUNNER_RUN_STREAMS_H

#include "sandbox/sandbox.h"

struct run_streams;

/**
 * Replace those of the spec that are terminals, until the streams are finished; `*out` is NULL
 * where none are.
 */
result run_streams_new(struct sandbox_spec *spec, struct run_streams **out, struct error *err);

/** After the program has ended: show all that it wrote.  The spec has its own streams again. */
void run_streams_finish(struct run_streams **streams);

#endif
