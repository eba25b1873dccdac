/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/fields.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

/** A quoted field; returns what follows its closing quote, or NULL. */
static const char *quoted(const char *at, struct buf *field)
{
	for (at++; *at; at++) {
		if (*at == '"' && *++at != '"')
			return at;
		buf_add_char(field, *at);
	}
	return NULL;
}

result fields_split(const char *text, struct strings *out, struct error *err)
{
	for (const char *at = text;; at++) {
		owned(buf) struct buf field = {};

		if (*at == '"') {
			at = quoted(at, &field);
			if (!at)
				return fail(err, FAULT_USAGE, "%s: a quote is not closed", text);
		} else {
			size_t length = strcspn(at, ",");

			buf_add(&field, at, length);
			at += length;
		}
		if (*at && *at != ',')
			return fail(err, FAULT_USAGE, "%s: text after a closing quote", text);
		strings_add(out, buf_text(&field));
		if (!*at)
			return OK;
	}
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
