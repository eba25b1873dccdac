/* SPDX-License-Identifier: Apache-2.0 */
/**
 * "type=oci,dest=FILE": values of options that are lists of fields, by the rules of CSV.
 */
#ifndef RUNNER_FIELDS_H
#define RUNNER_FIELDS_H

#include "base/text.h"

/**
 * Split at commas; a field that begins with a quote goes to the closing one and may hold commas,
 * and "" in it is a quote.  FAULT_USAGE where a quote does not close or text follows it.
 */
result fields_split(const char *text, struct strings *out, struct error *err);

/** "true", "1", "false", "0" and what else Go takes for one; FAULT_USAGE names the field. */
result field_bool(const char *name, const char *value, bool *out, struct error *err);

#endif
