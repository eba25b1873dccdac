/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/snapshot.h"

#include "base/mem.h"
#include "runner/layers.h"
#include "runner/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct snapshot *snapshot_new(void)
{
	struct snapshot *snapshot = xnew(struct snapshot);

	snapshot->document = json_object();
	return snapshot;
}

struct snapshot *snapshot_copy(const struct snapshot *from)
{
	struct snapshot *copy = xnew(struct snapshot);

	copy->document = json_deep_copy(from->document);
	copy->layers = xcalloc(from->layer_count, sizeof(*copy->layers));
	if (from->layer_count)
		memcpy(copy->layers, from->layers, from->layer_count * sizeof(*copy->layers));
	copy->layer_count = from->layer_count;
	copy->base_layers = from->base_layers;
	copy->base_history = from->base_history;
	copy->files = from->files;
	copy->has_command = from->has_command;
	copy->time = from->time;
	strings_add_all(&copy->lowers, from->lowers.items);
	strings_add_all(&copy->makers, from->makers.items);
	strings_add_all(&copy->env, from->env.items);
	strings_add_all(&copy->args, from->args.items);
	return copy;
}

void snapshot_drop(struct snapshot **snapshot)
{
	if (!*snapshot)
		return;
	json_decref((*snapshot)->document);
	free((*snapshot)->layers);
	strings_drop(&(*snapshot)->lowers);
	strings_drop(&(*snapshot)->makers);
	strings_drop(&(*snapshot)->env);
	strings_drop(&(*snapshot)->args);
	free(*snapshot);
	*snapshot = NULL;
}

json_t *snapshot_config(struct snapshot *snapshot)
{
	json_t *config = json_object_get(snapshot->document, "config");

	if (!json_is_object(config)) {
		config = json_object();
		json_object_set_new(snapshot->document, "config", config);
	}
	return config;
}

const char *snapshot_text(const struct snapshot *snapshot, const char *key)
{
	const json_t *config = json_object_get(snapshot->document, "config");
	const char *text = json_string_value(json_object_get(config, key));

	return text ? text : "";
}

void snapshot_push(struct snapshot *snapshot, const struct layer *layer, const char *path)
{
	snapshot->layers =
		xrealloc(snapshot->layers, snapshot->layer_count + 1, sizeof(*snapshot->layers));
	snapshot->layers[snapshot->layer_count++] = *layer;
	lowers_push(&snapshot->lowers, path);
}

char *time_text(int64_t seconds)
{
	time_t moment = (time_t)seconds;
	char text[64] = "1970-01-01T00:00:00Z";
	struct tm parts;

	if (gmtime_r(&moment, &parts))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return xstrdup(text);
}

int64_t time_parse(const char *text)
{
	struct tm parts = {};

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &parts))
		return 0;
	return timegm(&parts);
}

json_t *json_from_text(const char *text)
{
	owned(buf) struct buf valid = {};
	json_t *json = json_string(text);

	if (json)
		return json;
	for (size_t left = strlen(text); left;) {
		char bytes[4];
		uint32_t c;
		size_t width = rune_read(text, left, &c);

		buf_add(&valid, bytes, rune_write(c, bytes));
		text += width;
		left -= width;
	}
	return json_string(buf_text(&valid));
}

json_t *json_from_strings(const struct strings *strings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < strings->count; i++)
		json_array_append_new(list, json_from_text(strings->items[i]));
	return list;
}
