/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNNER_DOCKERFILE_PRINT_H
#define RUNNER_DOCKERFILE_PRINT_H

#include "runner/dockerfile.h"

#include <stdio.h>

/** What `mpemu dockerfile parse` prints: a JSON document. */
void dockerfile_print(const struct dockerfile *dockerfile, FILE *file);

#endif
