/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a build takes over from the config of the image that it starts from.
 */
#ifndef RUNNER_BASE_CONFIG_H
#define RUNNER_BASE_CONFIG_H

#include "base/json.h"

/**
 * The fields that BuildKit knows, without those that are empty; everything else, "created" and
 * "rootfs" too, ends with the base.  FAULT_INPUT names a field that has another type.
 */
result base_config_take(const json_t *document, json_t **out, struct error *err);

#endif
