/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/call.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "runner/bases.h"
#include "runner/lint_print.h"
#include "runner/outline.h"
#include "runner/snapshot.h"
#include "runner/table.h"

#include <ctype.h>
#include <string.h>

/** Absent where empty. */
static void text_put(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(object, key, json_from_text(text));
}

/** The Dockerfile itself comes along. */
static result document_print(const struct build *build, json_t *document, struct error *err)
{
	const struct buf *text = &build->context->dockerfile;
	owned(buf) struct buf encoded = {}, out = {};
	owned(str) char *printed = NULL;
	json_t *sources = json_array();

	base64_encode(buf_text(text), text->length, &encoded);
	json_array_append_new(sources, json_string(buf_text(&encoded)));
	json_object_set_new(document, "sources", sources);
	printed = json_text(document, true);
	buf_printf(&out, "%s\n", printed);
	return stdout_write(&out, err);
}

/* ---- targets ---- */

/** In lower case, as it is looked up; "" without one. */
static char *stage_name(const struct instruction *from)
{
	char *name = xstrdup(from->arg_count == 3 ? from->args[2] : "");

	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

static void target_json(json_t *list, const struct instruction *from, bool is_default)
{
	owned(str) char *name = stage_name(from);
	json_t *object = json_object();

	text_put(object, "name", name);
	if (is_default)
		json_object_set_new(object, "default", json_true());
	text_put(object, "description", instruction_description(from, name));
	text_put(object, "base", from->args[0]);
	text_put(object, "platform", instruction_flag(from, "platform"));
	json_object_set_new(object, "location", location_json(from->first_line, from->last_line));
	json_array_append_new(list, object);
}

static void target_row(struct table *table, const struct instruction *from, bool is_default)
{
	owned(str) char *name = stage_name(from);
	owned(str) char *cell = xasprintf("%s%s%s", name, is_default && *name ? " " : "",
					  is_default ? "(default)" : "");

	table_add(table, cell);
	table_add(table, instruction_description(from, name));
}

result targets_print(const struct build *build, struct error *err)
{
	const struct dockerfile *file = build->dockerfile;
	owned(table) struct table table = { .columns = 2, .gap = 1 };
	owned(json) json_t *document = json_object();
	owned(buf) struct buf out = {};
	const struct instruction *last = NULL;
	json_t *list = json_array();

	json_object_set_new(document, "targets", list);
	table_add(&table, "TARGET");
	table_add(&table, "DESCRIPTION");
	for (size_t i = 0; i < file->instruction_count; i++) {
		if (file->instructions[i].kind == INSTRUCTION_FROM)
			last = &file->instructions[i];
	}
	if (!last)
		return fail(err, FAULT_INPUT, "%s: there is no FROM, so no target", file->name);
	for (const struct instruction *at = file->instructions; at <= last; at++) {
		if (at->kind != INSTRUCTION_FROM)
			continue;
		target_json(list, at, at == last);
		target_row(&table, at, at == last);
	}
	if (build->request->call_json)
		return document_print(build, document, err);
	table_text(&table, &out);
	return stdout_write(&out, err);
}

/* ---- outline ---- */

/** What the image of a FROM sets; one that cannot be had sets nothing. */
static void image_env(void *closure, const struct step *from, struct strings *env)
{
	owned(image) struct image *image = NULL;
	struct json_at config;
	struct error ignored;

	if (base_image(closure, from->image, from->platform, &image, &ignored))
		return;
	config = json_root(json_object_get(image->config, "config"), "config");
	if (json_is_object(config.value))
		(void)json_get_strings(&config, "Env", 10000, env, &ignored);
}

/** The FROM of the stage that the plan ends with. */
static const struct instruction *target_from(const struct plan *plan)
{
	const struct step *step = plan->finals[0];

	while (step->kind == STEP_INSTRUCTION)
		step = step->previous;
	return step->instruction;
}

static void entries_json(json_t *document, const char *key, const struct outline_list *list,
			 bool has_values)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct outline_entry *entry = &list->items[i];
		json_t *object = json_object();

		json_object_set_new(object, "name", json_from_text(entry->name));
		text_put(object, "description", entry->description);
		if (has_values)
			text_put(object, "value", entry->value);
		if (entry->required)
			json_object_set_new(object, "required", json_true());
		json_object_set_new(object, "location",
				    location_json(entry->at->first_line, entry->at->last_line));
		json_array_append_new(array, object);
	}
	if (list->count)
		json_object_set(document, key, array);
	json_decref(array);
}

static void head_text(const char *name, const char *description, struct buf *out)
{
	owned(table) struct table table = { .columns = 2, .gap = 1 };

	if (!*name && !*description)
		return;
	table_add(&table, "TARGET:");
	table_add(&table, *name ? name : "(default)");
	if (*description) {
		table_add(&table, "DESCRIPTION:");
		table_add(&table, description);
	}
	table_text(&table, out);
	buf_add_char(out, '\n');
}

static void args_text(const struct outline_list *list, struct buf *out)
{
	owned(table) struct table table = { .columns = 3 };

	if (!list->count)
		return;
	table_add(&table, "BUILD ARG");
	table_add(&table, "VALUE");
	table_add(&table, "DESCRIPTION");
	for (size_t i = 0; i < list->count; i++) {
		table_add(&table, list->items[i].name);
		table_add(&table, list->items[i].value);
		table_add(&table, list->items[i].description);
	}
	table_text(&table, out);
	buf_add_char(out, '\n');
}

static void mounts_text(const char *head, const struct outline_list *list, struct buf *out)
{
	owned(table) struct table table = { .columns = 2 };

	if (!list->count)
		return;
	table_add(&table, head);
	table_add(&table, "REQUIRED");
	for (size_t i = 0; i < list->count; i++) {
		table_add(&table, list->items[i].name);
		table_add(&table, list->items[i].required ? "true" : "");
	}
	table_text(&table, out);
	buf_add_char(out, '\n');
}

result outline_print(struct build *build, struct error *err)
{
	const struct instruction *from = target_from(build->plan);
	owned(str) char *name = stage_name(from);
	const char *description = instruction_description(from, name);
	owned(outline) struct outline outline = {};
	owned(json) json_t *document = json_object();
	owned(buf) struct buf out = {};

	if (outline_make(build->plan, build->dockerfile, &build->request->build_args, image_env,
			 build, &outline, err))
		return FAILED;
	if (build->request->call_json) {
		text_put(document, "name", name);
		text_put(document, "description", description);
		entries_json(document, "args", &outline.args, true);
		entries_json(document, "secrets", &outline.secrets, false);
		entries_json(document, "ssh", &outline.agents, false);
		return document_print(build, document, err);
	}
	head_text(name, description, &out);
	args_text(&outline.args, &out);
	mounts_text("SECRET", &outline.secrets, &out);
	mounts_text("SSH", &outline.agents, &out);
	return stdout_write(&out, err);
}
