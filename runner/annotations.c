/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/annotations.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool has_platform;
} places[] = {
	[ANNOTATE_MANIFEST] = { "manifest", true },
	[ANNOTATE_INDEX] = { "index", false },
	[ANNOTATE_MANIFEST_DESCRIPTOR] = { "manifest-descriptor", true },
	[ANNOTATE_INDEX_DESCRIPTOR] = { "index-descriptor", false },
};

void annotations_drop(struct annotations *annotations)
{
	for (size_t i = 0; i < annotations->count; i++) {
		free(annotations->items[i].name);
		free(annotations->items[i].value);
	}
	free(annotations->items);
	*annotations = (struct annotations){};
}

static void add(struct annotations *out, const struct annotation *where, const char *name,
		const char *value)
{
	struct annotation made = *where;

	made.name = xstrdup(name);
	made.value = xstrdup(value);
	array_grow(out->items, out->count);
	out->items[out->count++] = made;
}

/** "manifest", "manifest[linux/amd64]". */
static result place_parse(const char *text, struct annotation *out, struct error *err)
{
	size_t length = strcspn(text, "["), rest = strlen(text + length), at = 0;
	owned(str) char *platform = NULL;

	while (at < countof(places) &&
	       (strlen(places[at].name) != length || strncmp(places[at].name, text, length) != 0))
		at++;
	if (at == countof(places))
		return fail(err, FAULT_USAGE,
			    "unknown place '%s': want manifest, index, manifest-descriptor or "
			    "index-descriptor",
			    text);
	*out = (struct annotation){ .place = (enum annotation_place)at };
	if (!rest)
		return OK;
	if (!places[at].has_platform)
		return fail(err, FAULT_USAGE, "%s: an index has no platform", text);
	if (rest < 3 || text[length + rest - 1] != ']')
		return fail(err, FAULT_USAGE, "%s: want %s[PLATFORM]", text, places[at].name);
	platform = xstrndup(text + length + 1, rest - 2);
	if (platform_parse(platform, &out->platform, err)) {
		err->fault = FAULT_USAGE;
		return FAILED;
	}
	return OK;
}

/** The text parses as annotations do in buildx: places end at the first colon before the "=". */
static result parse(const char *text, struct annotations *out, struct error *err)
{
	const char *equals = strchr(text, '='), *colon = strchr(text, ':'), *name = text;
	owned(strings) struct strings list = {};

	if (colon && equals && colon < equals) {
		owned(str) char *before = xstrndup(text, (size_t)(colon - text));

		strings_split(&list, before, ',');
		name = colon + 1;
	} else {
		strings_add(&list, "manifest");
	}
	if (!equals || equals == name)
		return fail(err, FAULT_USAGE, "want [PLACE:]NAME=VALUE");
	for (size_t i = 0; i < list.count; i++) {
		owned(str) char *key = xstrndup(name, (size_t)(equals - name));
		struct annotation where;

		if (place_parse(list.items[i], &where, err))
			return FAILED;
		add(out, &where, key, equals + 1);
	}
	return OK;
}

result annotations_parse(const char *text, struct annotations *out, struct error *err)
{
	return parse(text, out, err) ? (result)fail_in(err, "--annotation %s", text) : OK;
}

result annotations_field(const char *key, const char *value, struct annotations *out,
			 struct error *err)
{
	const char *rest = key + strlen("annotation"), *dot = strchr(rest, '.');
	const char *bracket = strchr(rest, ']');
	owned(str) char *place = NULL;
	struct annotation where = {};

	/* A variant such as v8.2 has a dot of its own. */
	if (bracket && dot && strchr(rest, '[') < dot)
		dot = strchr(bracket, '.');
	if (!dot || !dot[1])
		return fail(err, FAULT_USAGE, "%s: want annotation[-PLACE].NAME=VALUE", key);
	place = *rest == '-' ? xstrndup(rest + 1, (size_t)(dot - rest - 1))
			     : xasprintf("manifest%.*s", (int)(dot - rest), rest);
	if (place_parse(place, &where, err))
		return fail_in(err, "%s", key);
	add(out, &where, dot + 1, value);
	return OK;
}

json_t *annotations_json(const struct annotations *annotations, enum annotation_place place,
			 const struct platform *platform)
{
	json_t *json = NULL;

	for (size_t i = 0; i < annotations->count; i++) {
		const struct annotation *item = &annotations->items[i];

		if (item->place != place ||
		    (platform && *item->platform.os && !platform_equal(&item->platform, platform)))
			continue;
		if (!json)
			json = json_object();
		json_object_set_new(json, item->name, json_string(item->value));
	}
	return json;
}

bool annotations_have(const struct annotations *annotations, enum annotation_place place)
{
	for (size_t i = 0; i < annotations->count; i++) {
		if (annotations->items[i].place == place)
			return true;
	}
	return false;
}

void annotations_add_all(struct annotations *to, const struct annotations *from)
{
	for (size_t i = 0; i < from->count; i++)
		add(to, &from->items[i], from->items[i].name, from->items[i].value);
}
