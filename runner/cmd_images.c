/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu images`: what the store has, one line a name.
 */
#include "runner/command.h"
#include "runner/contents.h"
#include "runner/table.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_DIGEST = 7 + 12, MINUTES = 16 };

struct images_options {
	bool json;
};

static const struct option options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct images_options, json), NULL, "one JSON array" },
};

static const char *const head[] = { "NAME", "PLATFORMS", "DIGEST", "SIZE", "CREATED" };

/** "linux/amd64,linux/arm64 (+2 not pulled)" */
static void platforms_text(const struct contents *contents, struct buf *out)
{
	size_t missing = 0;

	for (size_t i = 0; i < contents->count; i++) {
		const struct content *item = &contents->items[i];
		char text[PLATFORM_TEXT_MAX];

		missing += !item->is_here && !item->is_attestation;
		if (item->image)
			buf_printf(out, "%s%s", out->length ? "," : "",
				   platform_text(&item->entry.platform, text));
	}
	if (missing)
		buf_printf(out, "%s(+%zu not pulled)", out->length ? " " : "", missing);
	if (!out->length)
		buf_add_str(out, "-");
}

/** "2026-11-23T12:00:00.123Z" becomes "2026-11-23 12:00"; anything else is not shown. */
static const char *minute_text(const char *created, char text[MINUTES + 1])
{
	if (strlen(created) < MINUTES || created[10] != 'T')
		return "-";
	memcpy(text, created, MINUTES);
	text[10] = ' ';
	text[MINUTES] = '\0';
	return text;
}

static void row_add(struct table *table, const char *name, const struct contents *contents)
{
	owned(buf) struct buf platforms = {};
	char digest[DIGEST_TEXT_MAX], size[SIZE_TEXT_MAX], created[MINUTES + 1];

	platforms_text(contents, &platforms);
	digest_text(&contents->at.digest, digest);
	digest[SHORT_DIGEST] = '\0';
	table_add(table, name);
	table_add(table, buf_text(&platforms));
	table_add(table, digest);
	table_add(table, size_text(contents_size(contents), size));
	table_add(table, minute_text(contents_created(contents), created));
}

static json_t *row_json(const char *name, const struct contents *contents)
{
	json_t *platforms = json_array(), *missing = json_array();
	char digest[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < contents->count; i++) {
		const struct content *item = &contents->items[i];
		char text[PLATFORM_TEXT_MAX];

		if (item->is_attestation || !item->entry.platform.os[0])
			continue;
		json_array_append_new(item->image ? platforms : missing,
				      json_string(platform_text(&item->entry.platform, text)));
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:s}", "name", name, "digest",
			 digest_text(&contents->at.digest, digest), "mediaType",
			 media_text(contents->at.media, contents->at.is_docker), "platforms",
			 platforms, "missing", missing, "size", (json_int_t)contents_size(contents),
			 "created", contents_created(contents));
}

/** One name; an image that is damaged is warned about and still shown. */
static void entry_show(const struct ctx *ctx, struct store *store, const struct store_entry *entry,
		       struct table *table, json_t *rows)
{
	owned(contents) struct contents contents = { .at = entry->target };
	struct error why = {};

	if (contents_read(store, &entry->target, &contents, &why))
		progress_warn(ctx, "%s: %s", entry->name, why.text);
	row_add(table, entry->name, &contents);
	json_array_append_new(rows, row_json(entry->name, &contents));
}

static result images_run(struct invocation *in, struct error *err)
{
	const struct images_options *wanted = in->options;
	owned(table) struct table table = { .columns = countof(head) };
	owned(store) struct store *store = NULL;
	owned(json) json_t *rows = json_array();
	owned(buf) struct buf out = {};
	struct store_entry *entries = NULL;
	size_t count = 0;

	if (store_open(in->ctx, in->globals->root, &store, err) ||
	    store_list(store, &entries, &count, err))
		return FAILED;
	for (size_t i = 0; i < countof(head); i++)
		table_add(&table, head[i]);
	for (size_t i = 0; i < count; i++)
		entry_show(in->ctx, store, &entries[i], &table, rows);
	free(entries);
	if (wanted->json) {
		owned(str) char *text = json_text(rows, true);

		buf_printf(&out, "%s\n", text);
	} else {
		table_text(&table, &out);
	}
	return stdout_write(&out, err);
}

const struct command command_images = {
	.name = "images",
	.arguments = "[OPTIONS]",
	.summary = "List the images in the store",
	.example = "mpemu images",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct images_options),
	.run = images_run,
};
