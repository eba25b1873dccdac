/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNNER_DOCKERFILE_PRINT_H
#define RUNNER_DOCKERFILE_PRINT_H

#include "runner/dockerfile.h"

#include "base/json.h"

/** What `mpemu dockerfile parse` prints; the caller owns it. */
json_t *dockerfile_json(const struct dockerfile *dockerfile);

#endif
