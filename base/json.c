/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

/** jansson recurses up to 2048 levels; look first, so that the stack is never in question. */
static bool is_too_deep(const char *text, size_t length)
{
	int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		if (quoted) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
			continue;
		}
		switch (text[i]) {
		case '"':
			quoted = true;
			break;
		case '[':
		case '{':
			if (++depth > DEPTH_MAX)
				return true;
			break;
		case ']':
		case '}':
			depth--;
			break;
		}
	}
	return false;
}

result json_parse(const char *text, size_t length, const char *name, json_t **out,
		  struct error *err)
{
	json_error_t reason;
	json_t *json;

	if (is_too_deep(text, length))
		return fail(err, FAULT_INPUT, "%s: JSON nested deeper than %d", name, DEPTH_MAX);
	json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
	if (!json)
		return fail(err, FAULT_INPUT, "%s:%d:%d: not JSON: %s", name, reason.line,
			    reason.column, reason.text);
	*out = json;
	return OK;
}

struct json_at json_root(const json_t *json, const char *name)
{
	struct json_at at = { .value = json };

	snprintf(at.path, sizeof(at.path), "%s", name);
	return at;
}

static result wrong_type(const struct json_at *at, const char *want, struct error *err)
{
	return fail(err, FAULT_INPUT, "%s: %s, want %s", at->path,
		    at->value ? "wrong type" : "missing", want);
}

result json_get(const struct json_at *at, const char *key, struct json_at *out, struct error *err)
{
	struct json_at member = {};

	if (!json_is_object(at->value))
		return wrong_type(at, "an object", err);
	member.value = json_object_get(at->value, key);
	if (json_is_null(member.value))
		member.value = NULL;
	/* A path too long for its buffer is cut; it only serves messages. */
	if (snprintf(member.path, sizeof(member.path), "%s.%s", at->path, key) >=
	    (int)sizeof(member.path))
		memcpy(member.path + sizeof(member.path) - 4, "...", 4);
	*out = member;
	return OK;
}

struct json_at json_element(const struct json_at *at, size_t index)
{
	struct json_at element = { .value = json_array_get(at->value, index) };

	if (json_is_null(element.value))
		element.value = NULL;
	if (snprintf(element.path, sizeof(element.path), "%s[%zu]", at->path, index) >=
	    (int)sizeof(element.path))
		memcpy(element.path + sizeof(element.path) - 4, "...", 4);
	return element;
}

result json_length(const struct json_at *at, size_t max, size_t *out, struct error *err)
{
	size_t length = 0;

	if (at->value && !json_is_array(at->value) && !json_is_object(at->value))
		return wrong_type(at, "an array or object", err);
	if (at->value)
		length = json_is_array(at->value) ? json_array_size(at->value)
						  : json_object_size(at->value);
	if (length > max)
		return fail(err, FAULT_INPUT, "%s: %zu elements, at most %zu are allowed", at->path,
			    length, max);
	*out = length;
	return OK;
}

result json_find_string(const struct json_at *at, const char *key, const char **out,
			struct error *err)
{
	struct json_at member;

	if (json_get(at, key, &member, err))
		return FAILED;
	if (member.value &&
	    (!json_is_string(member.value) ||
	     strlen(json_string_value(member.value)) != json_string_length(member.value)))
		return wrong_type(&member, "a string", err);
	*out = member.value ? json_string_value(member.value) : NULL;
	return OK;
}

result json_get_string(const struct json_at *at, const char *key, const char **out,
		       struct error *err)
{
	const char *text;

	if (json_find_string(at, key, &text, err))
		return FAILED;
	if (!text)
		return fail(err, FAULT_INPUT, "%s.%s: missing, want a string", at->path, key);
	*out = text;
	return OK;
}

result json_get_number(const struct json_at *at, const char *key, uint64_t max, uint64_t *out,
		       struct error *err)
{
	struct json_at member;
	json_int_t value;

	if (json_get(at, key, &member, err))
		return FAILED;
	if (!json_is_integer(member.value))
		return wrong_type(&member, "an integer", err);
	value = json_integer_value(member.value);
	if (value < 0 || (uint64_t)value > max)
		return fail(err, FAULT_INPUT, "%s: %lld is not from 0 to %llu", member.path,
			    (long long)value, (unsigned long long)max);
	*out = (uint64_t)value;
	return OK;
}

result json_get_strings(const struct json_at *at, const char *key, size_t max, struct strings *out,
			struct error *err)
{
	struct json_at list;
	size_t count;

	if (json_get(at, key, &list, err))
		return FAILED;
	if (list.value && !json_is_array(list.value))
		return wrong_type(&list, "an array of strings", err);
	if (json_length(&list, max, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		struct json_at element = json_element(&list, i);

		if (!json_is_string(element.value) ||
		    strlen(json_string_value(element.value)) != json_string_length(element.value))
			return wrong_type(&element, "a string", err);
	}
	for (size_t i = 0; i < count; i++)
		strings_add(out, json_string_value(json_array_get(list.value, i)));
	return OK;
}

char *json_text(const json_t *json, bool pretty)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT));

	if (!text)
		abort();
	return text;
}
