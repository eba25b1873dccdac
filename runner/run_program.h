/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The program that `run` starts: what the image's config says, and the command line over it.
 */
#ifndef RUNNER_RUN_PROGRAM_H
#define RUNNER_RUN_PROGRAM_H

#include "base/json.h"
#include "base/text.h"

/** What is typed instead of the config's; NULL where it is not. */
struct program_options {
	const char *entrypoint, *user, *workdir;
	const char *hostname;
	bool terminal;                 /* it has one, which a variable names */
	struct strings env, env_files; /* NAME=VALUE or NAME; files of such lines */
};

/** Starts empty. */
struct run_program {
	struct strings env, argv; /* PATH and HOSTNAME are always set, and there is a program */
	char *user;               /* "": root */
	const char *hostname;
	char *cwd; /* relative only where it was given so */
};

/**
 * Put the config of an image and the options together as Docker does; `arguments`, up to a NULL,
 * stand for its default command.  FAULT_USAGE where there is no program, FAULT_INPUT for a
 * config that is none.  `out` is to be dropped after a failure too.
 */
result run_program_read(const json_t *image_config, const struct program_options *wanted,
			char *const *arguments, struct run_program *out, struct error *err);
void run_program_drop(struct run_program *program);

#endif
