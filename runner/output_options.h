/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Options of a build about what becomes of it: --output, --tag, --push, --annotation,
 * --source-date-epoch.
 */
#ifndef RUNNER_OUTPUT_OPTIONS_H
#define RUNNER_OUTPUT_OPTIONS_H

#include "runner/builder.h"

/** As typed. */
struct output_words {
	const struct strings *tags, *outputs, *annotations;
	const char *epoch; /* or NULL: SOURCE_DATE_EPOCH of the build arguments, or of the
			      environment */
	bool push;
};

/** Parse them into a request that has its platforms and build arguments; FAULT_USAGE. */
result output_options_set(const struct output_words *words, struct build_request *request,
			  struct error *err);

#endif
