/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What Go's linker notes in each program: the version that compiled it, what it was made of and
 * how.
 */
#ifndef RUNNER_GO_INFO_H
#define RUNNER_GO_INFO_H

#include "base/text.h"

/**
 * Read it from a program in memory, as `go version -m` has it: the version in the first line; but
 * for the lines that say for which machine it is, and how C code would have been compiled into it.
 * False where there is none, or one of before Go 1.18.
 */
bool go_info_read(const uint8_t *data, size_t size, struct buf *out);

#endif
