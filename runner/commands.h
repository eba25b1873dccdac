/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The commands, one file each (cmd_NAME.c); main.c holds the table.
 */
#ifndef RUNNER_COMMANDS_H
#define RUNNER_COMMANDS_H

#include "runner/command.h"

extern const struct command command_setup;
extern const struct command command_status;
extern const struct command command_build;
extern const struct command command_run;
extern const struct command command_import;
extern const struct command command_export;
extern const struct command command_index;
extern const struct command command_images;
extern const struct command command_inspect;
extern const struct command command_tag;
extern const struct command command_rm;
extern const struct command command_volume;
extern const struct command command_fsck;
extern const struct command command_prune;
extern const struct command command_pull;
extern const struct command command_push;
extern const struct command command_copy;
extern const struct command command_login;
extern const struct command command_logout;
extern const struct command command_dockerfile;
extern const struct command command_lint; /* mpemu dockerfile lint */
extern const struct command command_platform;

#endif
