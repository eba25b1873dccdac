/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/fields.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 32 };

/** A quoted field from after its opening quote; past its closing one, or NULL. */
static const char *quoted_read(const char *at, struct buf *out)
{
	for (;; at++) {
		if (!*at)
			return NULL;
		if (*at == '"' && *++at != '"')
			return at;
		buf_add_char(out, *at);
	}
}

static const char *plain_read(const char *at, struct buf *out)
{
	size_t length = strcspn(at, ",\"");

	buf_add(out, at, length);
	return at + length;
}

/* Its errors do not repeat the text: it may be a secret. */
result csv_split(const char *text, struct strings *out, struct error *err)
{
	const char *at = text;

	for (;;) {
		owned(buf) struct buf field = {};
		bool is_quoted = *at == '"';

		at = is_quoted ? quoted_read(at + 1, &field) : plain_read(at, &field);
		if (!at || (*at && *at != ','))
			return fail(err, FAULT_INPUT, "%s",
				    is_quoted ? "an extraneous or missing \" in a quoted field"
					      : "a bare \" in a field that is not quoted");
		strings_add(out, buf_text(&field));
		if (!*at++)
			return OK;
	}
}

result fields_split(const char *text, struct strings *out, struct error *err)
{
	if (!csv_split(text, out, err))
		return OK;
	err->fault = FAULT_USAGE;
	return FAILED;
}

result field_cut(const char *field, char **name, const char **value, struct error *err)
{
	const char *equals = strchr(field, '=');

	if (!equals)
		return fail(err, FAULT_USAGE, "field '%s': want NAME=VALUE", field);
	*name = xstrndup(field, (size_t)(equals - field));
	*value = equals + 1;
	return OK;
}

result field_set(const struct field_table *table, unsigned where, const char *type, void *to,
		 const char *name, const char *value, struct error *err)
{
	const char *names[FIELDS_MAX];
	char hint[HINT_MAX];

	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		names[i] = field->name;
		if (strcasecmp(field->name, name) != 0)
			continue;
		if ((field->where & where) != where)
			return fail(err, FAULT_USAGE, "type=%s has no %s", type, name);
		return field->set(to, field->name, value, err);
	}
	return fail(err, FAULT_USAGE, "unknown field '%s'%s", name,
		    hint_text("", nearest(name, names, table->count), hint));
}

result field_bool(const char *name, const char *value, bool *out, struct error *err)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {
		{ "true", true },   { "1", true },  { "t", true },
		{ "false", false }, { "0", false }, { "f", false },
	};

	for (size_t i = 0; i < countof(words); i++) {
		if (strcasecmp(value, words[i].text) == 0) {
			*out = words[i].value;
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "%s=%s: want true or false", name, value);
}
