/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JSON from outside, read with limits and with errors that say the path
 * ("manifest.layers[2].size").
 *
 * A `struct json_at` is a borrowed value and where it was found; the getters below go one step down
 * and fail with FAULT_INPUT when what is there has another type.  An absent member and null are the
 * same.  Documents are parsed by json_parse() and belong to the caller (json_decref, owned(json)).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/text.h"

#include <jansson.h>

struct json_at {
	const json_t *value; /* borrowed; NULL where absent */
	char path[160];
};

static inline void json_drop(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

/** Parse a document (NUL bytes, duplicate keys, depth > 64 or trailing text are refused). */
result json_parse(const char *text, size_t length, const char *name, json_t **out,
		  struct error *err);

/** The root of a document for the getters; `name` starts the path. */
struct json_at json_root(const json_t *json, const char *name);

/** A member; its value is NULL where absent.  FAILED only if `at` is no object. */
result json_get(const struct json_at *at, const char *key, struct json_at *out, struct error *err);

/** An element of an array, which the caller has sized with json_length(). */
struct json_at json_element(const struct json_at *at, size_t index);

/** Elements of an array or members of an object; 0 where absent; fails on other types. */
result json_length(const struct json_at *at, size_t max, size_t *out, struct error *err);

/** A string member without NUL bytes; `*out` is borrowed from the document. */
result json_get_string(const struct json_at *at, const char *key, const char **out,
		       struct error *err);

/** The same, but NULL where it is absent. */
result json_find_string(const struct json_at *at, const char *key, const char **out,
			struct error *err);

/** An integer member from 0 to max. */
result json_get_number(const struct json_at *at, const char *key, uint64_t max, uint64_t *out,
		       struct error *err);

/** A member that is an array of strings; absent: adds nothing. */
result json_get_strings(const struct json_at *at, const char *key, size_t max, struct strings *out,
			struct error *err);

/** The document as text: two-space indent when `pretty`, else compact; keys in insertion order. */
char *json_text(const json_t *json, bool pretty);

#endif
