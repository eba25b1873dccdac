/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/base_config.h"

#include "base/mem.h"

#include <string.h>

enum type {
	TYPE_TEXT,
	TYPE_FLAG,
	TYPE_NUMBER,
	TYPE_LIST, /* of strings */
	TYPE_SET,  /* an object whose members say nothing but their name */
	TYPE_MAP,  /* of strings */
	TYPE_RECORD,
};

struct field {
	const char *name;
	enum type type;
	const struct field *fields; /* of TYPE_RECORD */
};

static const char *const type_names[] = {
	[TYPE_TEXT] = "a string",    [TYPE_FLAG] = "true or false",
	[TYPE_NUMBER] = "a number",  [TYPE_LIST] = "a list of strings",
	[TYPE_SET] = "an object",    [TYPE_MAP] = "an object of strings",
	[TYPE_RECORD] = "an object",
};

/* clang-format off */
static const struct field health_fields[] = {
	{ "Test",          TYPE_LIST,   NULL },
	{ "Interval",      TYPE_NUMBER, NULL },
	{ "Timeout",       TYPE_NUMBER, NULL },
	{ "StartPeriod",   TYPE_NUMBER, NULL },
	{ "StartInterval", TYPE_NUMBER, NULL },
	{ "Retries",       TYPE_NUMBER, NULL },
	{},
};

static const struct field config_fields[] = {
	{ "User",         TYPE_TEXT,   NULL },
	{ "ExposedPorts", TYPE_SET,    NULL },
	{ "Env",          TYPE_LIST,   NULL },
	{ "Entrypoint",   TYPE_LIST,   NULL },
	{ "Cmd",          TYPE_LIST,   NULL },
	{ "Volumes",      TYPE_SET,    NULL },
	{ "WorkingDir",   TYPE_TEXT,   NULL },
	{ "Labels",       TYPE_MAP,    NULL },
	{ "StopSignal",   TYPE_TEXT,   NULL },
	{ "ArgsEscaped",  TYPE_FLAG,   NULL },
	{ "Healthcheck",  TYPE_RECORD, health_fields },
	{ "OnBuild",      TYPE_LIST,   NULL },
	{ "Shell",        TYPE_LIST,   NULL },
	{},
};

static const struct field history_fields[] = {
	{ "created",     TYPE_TEXT, NULL },
	{ "created_by",  TYPE_TEXT, NULL },
	{ "author",      TYPE_TEXT, NULL },
	{ "comment",     TYPE_TEXT, NULL },
	{ "empty_layer", TYPE_FLAG, NULL },
	{},
};

static const struct field document_fields[] = {
	{ "author",       TYPE_TEXT,   NULL },
	{ "architecture", TYPE_TEXT,   NULL },
	{ "os",           TYPE_TEXT,   NULL },
	{ "os.version",   TYPE_TEXT,   NULL },
	{ "os.features",  TYPE_LIST,   NULL },
	{ "variant",      TYPE_TEXT,   NULL },
	{ "config",       TYPE_RECORD, config_fields },
	{},
};
/* clang-format on */

static bool are_strings(const json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach(value, i, member)
	{
		if (!json_is_string(member))
			return false;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
	{
		if (!json_is_string(member))
			return false;
	}
	return true;
}

static bool has_type(const json_t *value, enum type type)
{
	switch (type) {
	case TYPE_TEXT:
		return json_is_string(value);
	case TYPE_FLAG:
		return json_is_boolean(value);
	case TYPE_NUMBER:
		return json_is_integer(value);
	case TYPE_LIST:
		return json_is_array(value) && are_strings(value);
	case TYPE_MAP:
		return json_is_object(value) && are_strings(value);
	case TYPE_SET:
	case TYPE_RECORD:
		return json_is_object(value);
	}
	return false;
}

/** What Go's encoding/json leaves out. */
static bool is_empty(const json_t *value, enum type type)
{
	switch (type) {
	case TYPE_TEXT:
		return !*json_string_value(value);
	case TYPE_FLAG:
		return json_is_false(value);
	case TYPE_NUMBER:
		return json_integer_value(value) == 0;
	case TYPE_LIST:
		return json_array_size(value) == 0;
	case TYPE_MAP:
	case TYPE_SET:
		return json_object_size(value) == 0;
	case TYPE_RECORD:
		break;
	}
	return false;
}

static json_t *set_take(const json_t *set)
{
	json_t *out = json_object();
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)set, key, member)
		json_object_set_new(out, key, json_object());
	return out;
}

/** Records stand in records three deep at most: document, config, Healthcheck. */
static result record_take(const struct json_at *from, const struct field *fields, json_t **out,
			  struct error *err)
{
	owned(json) json_t *taken = json_object();

	for (const struct field *field = fields; field->name; field++) {
		struct json_at at;
		json_t *value;

		if (json_get(from, field->name, &at, err))
			return FAILED;
		if (!at.value)
			continue;
		if (!has_type(at.value, field->type))
			return fail(err, FAULT_INPUT, "%s: want %s", at.path,
				    type_names[field->type]);
		if (is_empty(at.value, field->type))
			continue;
		if (field->type == TYPE_SET)
			value = set_take(at.value);
		else if (field->type != TYPE_RECORD)
			value = json_deep_copy(at.value);
		else if (record_take(&at, field->fields, &value, err))
			return FAILED;
		json_object_set_new(taken, field->name, value);
	}
	*out = take(taken);
	return OK;
}

static result history_take(const struct json_at *document, json_t **out, struct error *err)
{
	owned(json) json_t *taken = json_array();
	struct json_at history;
	size_t count;

	if (json_get(document, "history", &history, err) ||
	    json_length(&history, 100000, &count, err))
		return FAILED;
	if (count && !json_is_array(history.value))
		return fail(err, FAULT_INPUT, "%s: want a list", history.path);
	for (size_t i = 0; i < count; i++) {
		const struct json_at entry = json_element(&history, i);
		json_t *value;

		if (record_take(&entry, history_fields, &value, err))
			return FAILED;
		json_array_append_new(taken, value);
	}
	*out = take(taken);
	return OK;
}

result base_config_take(const json_t *document, json_t **out, struct error *err)
{
	const struct json_at root = json_root(document, "config");
	owned(json) json_t *taken = NULL, *history = NULL;

	if (record_take(&root, document_fields, &taken, err) || history_take(&root, &history, err))
		return FAILED;
	if (json_array_size(history))
		json_object_set(taken, "history", history);
	*out = take(taken);
	return OK;
}
