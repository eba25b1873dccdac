/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Completion of command lines by shells, made of the tables of commands and options.
 */
#ifndef RUNNER_COMPLETE_H
#define RUNNER_COMPLETE_H

#include "runner/command.h"

/** A script for "bash", "zsh" or "fish"; FAULT_USAGE on another shell. */
result complete_script(const struct command *top, const char *shell, struct buf *out,
		       struct error *err);

#endif
