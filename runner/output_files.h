/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The files of an image as a directory or one tar: --output type=local and type=tar.
 */
#ifndef RUNNER_OUTPUT_FILES_H
#define RUNNER_OUTPUT_FILES_H

#include "runner/builder.h"

/**
 * Write what the finished stages hold.  Several platforms get a directory each ("linux_arm64")
 * unless the output says otherwise.  A directory that is there is merged into and its files belong
 * to the caller; a tar keeps owners, and has its name only when it is complete.
 */
result files_export(const struct build *build, const struct output *output, struct error *err);

#endif
