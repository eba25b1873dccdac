/* SPDX-License-Identifier: Apache-2.0 */
/**
 * "type=oci,dest=FILE": values of options that are lists of fields, by the rules of CSV.
 */
#ifndef RUNNER_FIELDS_H
#define RUNNER_FIELDS_H

#include "base/text.h"

/**
 * Split one record of CSV at its commas: a field in quotes may hold commas, and "" in it is a
 * quote. FAULT_INPUT where a quote does not close, text follows it, or one stands anywhere else.
 */
result csv_split(const char *text, struct strings *out, struct error *err);

/** The same of a word on the command line: FAULT_USAGE. */
result fields_split(const char *text, struct strings *out, struct error *err);

/** "NAME=VALUE": the caller frees `name`, `value` is borrowed.  FAULT_USAGE. */
result field_cut(const char *field, char **name, const char **value, struct error *err);

/** A field that an option may have. */
struct field {
	const char *name;
	unsigned where; /* bits of what has it: kinds, directions */
	result (*set)(void *to, const char *name, const char *value, struct error *err);
};

/** Fields of an option that has a type, which is told in errors. */
struct field_table {
	const struct field *fields;
	size_t count;
};

/**
 * Set the field of that name, in any case, on what has all bits of `where`; FAULT_USAGE where it is
 * unknown or not of this type.
 */
result field_set(const struct field_table *table, unsigned where, const char *type, void *to,
		 const char *name, const char *value, struct error *err);

/** "true", "1", "false", "0" and what else Go takes for one; FAULT_USAGE names the field. */
result field_bool(const char *name, const char *value, bool *out, struct error *err);

#endif
