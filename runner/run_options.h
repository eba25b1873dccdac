/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Options of a build that every RUN of it gets: --secret, --ssh, --add-host, --ulimit, --shm-size.
 */
#ifndef RUNNER_RUN_OPTIONS_H
#define RUNNER_RUN_OPTIONS_H

#include "runner/builder.h"

/** Parse what was typed into the request; FAULT_USAGE names the option.  `shm_size` may be NULL. */
result run_options_set(const struct strings *secrets, const struct strings *agents,
		       const struct strings *hosts, const struct strings *limits,
		       const char *shm_size, struct build_request *request, struct error *err);

#endif
