/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/history.h"

#include "base/mem.h"

/* What BuildKit puts beside each entry of a Dockerfile, and beside those that the exporter adds for
 * layers that no entry tells of; tools group by it. */
static const char frontend_comment[] = "buildkit.dockerfile.v0";
static const char exporter_comment[] = "buildkit.exporter.image.v0";

static json_t *history_list(struct snapshot *snapshot)
{
	json_t *history = json_object_get(snapshot->document, "history");

	if (!json_is_array(history)) {
		history = json_array();
		json_object_set_new(snapshot->document, "history", history);
	}
	return history;
}

static void time_set(json_t *object, int64_t time)
{
	owned(str) char *text = time_text(time);

	json_object_set_new(object, "created", json_string(text));
}

static const char *time_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "created"));
}

void history_add(struct snapshot *snapshot, const char *created_by, bool has_layer)
{
	json_t *entry = json_object();

	if (has_layer)
		time_set(entry, snapshot->time);
	json_object_set_new(entry, "created_by", json_from_text(created_by));
	json_object_set_new(entry, "comment", json_string(frontend_comment));
	if (!has_layer)
		json_object_set_new(entry, "empty_layer", json_true());
	json_array_append_new(history_list(snapshot), entry);
}

static const char *maker_of(const struct snapshot *snapshot, size_t layer)
{
	return layer >= snapshot->base_layers &&
			       layer - snapshot->base_layers < snapshot->makers.count
		       ? snapshot->makers.items[layer - snapshot->base_layers]
		       : "created by buildkit";
}

/**
 * Where a base tells of more or of fewer layers than it has: what is missing is added at the end,
 * for the topmost ones, as BuildKit does.
 */
static void layers_match(struct snapshot *snapshot, json_t *history)
{
	size_t told = 0;
	json_t *entry;
	size_t i;

	json_array_foreach(history, i, entry)
	{
		if (json_is_true(json_object_get(entry, "empty_layer")))
			continue;
		if (told == snapshot->layer_count)
			json_object_set_new(entry, "empty_layer", json_true());
		else
			told++;
	}
	for (; told < snapshot->layer_count; told++) {
		entry = json_object();
		json_object_set_new(entry, "created_by", json_from_text(maker_of(snapshot, told)));
		json_object_set_new(entry, "comment", json_string(exporter_comment));
		json_array_append_new(history, entry);
	}
}

/** Entries without a time get that of the first new layer, else that of the one before. */
static void times_fill(json_t *history, int64_t now)
{
	const char *created = NULL;
	bool is_missing = false;
	json_t *entry;
	size_t i;

	json_array_foreach(history, i, entry)
	{
		if (!time_of(entry) && !json_is_true(json_object_get(entry, "empty_layer")))
			time_set(entry, now);
	}
	json_array_foreach(history, i, entry)
	{
		if (!time_of(entry)) {
			is_missing = true;
			continue;
		}
		created = time_of(entry);
		if (is_missing)
			break;
	}
	is_missing = false;
	json_array_foreach(history, i, entry)
	{
		if (time_of(entry)) {
			created = is_missing ? time_of(entry) : created;
			continue;
		}
		is_missing = true;
		if (created)
			json_object_set_new(entry, "created", json_string(created));
	}
}

void history_finish(struct snapshot *snapshot, const struct history_times *times)
{
	json_t *history = history_list(snapshot), *entry, *created = NULL;
	size_t i;

	if (times->exact >= 0) {
		for (i = snapshot->base_history; i < json_array_size(history); i++)
			time_set(json_array_get(history, i), times->exact);
	}
	layers_match(snapshot, history);
	times_fill(history, times->now);
	for (i = snapshot->base_history; i < json_array_size(history); i++) {
		entry = json_array_get(history, i);
		if (times->limit >= 0 &&
		    (!time_of(entry) || time_parse(time_of(entry)) > times->limit))
			time_set(entry, times->limit);
	}
	json_array_foreach(history, i, entry)
	{
		if (time_of(entry))
			created = json_object_get(entry, "created");
	}
	json_object_set(snapshot->document, "created", created ? created : json_null());
	if (!json_array_size(history))
		json_object_set(snapshot->document, "history", json_null());
}
