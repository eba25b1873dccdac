/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which instructions and flags the executor can do, and which of them change files.
 */
#ifndef RUNNER_PLAN_SUPPORT_H
#define RUNNER_PLAN_SUPPORT_H

#include "runner/dockerfile.h"

/** Whether RUN, COPY and so on of this kind change files and so make a layer. */
bool instruction_makes_layer(const struct instruction *instruction);

/** FAULT_INPUT for an instruction, a flag or a heredoc that this version cannot do. */
result instruction_check_supported(const struct instruction *instruction, struct error *err);

#endif
