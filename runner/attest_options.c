/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/attest_options.h"

#include "base/mem.h"
#include "runner/fields.h"

#include <stdlib.h>
#include <string.h>

void attest_drop(struct attest *attest)
{
	free(attest->builder_id);
	*attest = (struct attest){};
}

/** "true" and so on alone, as the fields of either option; `*on` is what it says. */
static bool is_bool(const char *text, bool *on)
{
	struct error ignored = {};

	return !field_bool("", text, on, &ignored);
}

static result mode_set(struct attest *attest, const char *value, struct error *err)
{
	if (strcmp(value, "min") == 0)
		attest->provenance = PROVENANCE_MIN;
	else if (strcmp(value, "max") == 0)
		attest->provenance = PROVENANCE_MAX;
	else
		return fail(err, FAULT_USAGE, "mode=%s: want min or max", value);
	return OK;
}

static result provenance_field(struct attest *attest, const char *name, const char *value,
			       bool *off, struct error *err)
{
	bool on = true;

	if (strcmp(name, "type") == 0)
		return OK;
	if (strcmp(name, "mode") == 0)
		return mode_set(attest, value, err);
	if (strcmp(name, "disabled") == 0)
		return field_bool(name, value, off, err);
	if (strcmp(name, "builder-id") == 0) {
		free(attest->builder_id);
		attest->builder_id = xstrdup(value);
		return OK;
	}
	if (strcmp(name, "version") == 0 && strcmp(value, "v1") == 0)
		return OK;
	if (strcmp(name, "version") == 0)
		return fail(err, FAULT_USAGE, "version=%s: only v1 is made", value);
	if (strcmp(name, "inline-only") == 0 || strcmp(name, "reproducible") == 0)
		return field_bool(name, value, &on, err) || on
			       ? (result)fail(err, FAULT_USAGE, "%s=%s is not supported yet", name,
					      value)
			       : OK;
	return fail(err, FAULT_USAGE,
		    "unknown field '%s': want mode, builder-id, version or disabled", name);
}

static result provenance_fields(struct attest *attest, const struct strings *fields,
				struct error *err)
{
	bool off = false;

	/* As with docker: who asks for it gets all of it, unless it says mode=min. */
	attest->provenance = PROVENANCE_MAX;
	for (size_t i = 0; i < fields->count; i++) {
		owned(str) char *name = NULL;
		const char *value;

		if (field_cut(fields->items[i], &name, &value, err) ||
		    provenance_field(attest, name, value, &off, err))
			return FAILED;
	}
	if (off)
		attest->provenance = PROVENANCE_NONE;
	return OK;
}

result attest_provenance_set(struct attest *attest, const char *text, struct error *err)
{
	owned(strings) struct strings fields = {};
	bool on;

	if (is_bool(text, &on)) {
		attest->provenance = on ? PROVENANCE_MAX : PROVENANCE_NONE;
		return OK;
	}
	if (fields_split(text, &fields, err) || provenance_fields(attest, &fields, err))
		return fail_in(err, "--provenance %s", text);
	return OK;
}

result attest_sbom_set(struct attest *attest, const char *text, struct error *err)
{
	bool on;

	(void)attest;
	if (is_bool(text, &on) && !on)
		return OK;
	return fail(
		err, FAULT_USAGE,
		"--sbom %s: lists of what is in an image are not made by this version of mpemu; "
		"want false",
		text);
}

result attest_add(struct attest *attest, const char *text, struct error *err)
{
	owned(strings) struct strings fields = {};
	const char *type, *disabled;
	bool off = false;

	if (fields_split(text, &fields, err))
		return fail_in(err, "--attest");
	type = env_get(&fields, "type");
	disabled = env_get(&fields, "disabled");
	if (disabled && field_bool("disabled", disabled, &off, err))
		return fail_in(err, "--attest %s", text);
	if (type && strcmp(type, "provenance") == 0)
		return provenance_fields(attest, &fields, err) ? fail_in(err, "--attest %s", text)
							       : OK;
	if (type && strcmp(type, "sbom") == 0)
		return off ? OK : attest_sbom_set(attest, text, err);
	return fail(err, FAULT_USAGE, "--attest %s: want type=provenance", text);
}
