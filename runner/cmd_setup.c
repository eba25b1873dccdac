/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu setup`: register emulators with the kernel, and show that they work.
 */
#include "runner/command.h"
#include "runner/table.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "binfmt/binfmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setup_options {
	struct strings platforms;
	bool remove, check, dry_run, persist, credentials, json;
	const char *qemu_dir;
};

/* clang-format off */
static const struct option options[] = {
	{ "platform",    'p', OPTION_LIST, offsetof(struct setup_options, platforms),   "LIST",
	  "such as arm64,riscv64; all: what is installed (default)" },
	{ "check",       0,   OPTION_FLAG, offsetof(struct setup_options, check),       NULL,
	  "change nothing; fail where one does not run" },
	{ "remove",      0,   OPTION_FLAG, offsetof(struct setup_options, remove),      NULL,
	  "take entries qemu-* away, and what --persist wrote" },
	{ "dry-run",     'n', OPTION_FLAG, offsetof(struct setup_options, dry_run),     NULL,
	  "only show what would be done" },
	{ "persist",     0,   OPTION_FLAG, offsetof(struct setup_options, persist),     NULL,
	  "write " BINFMT_PERSIST_PATH ", for the next boot" },
	{ "credentials", 0,   OPTION_FLAG, offsetof(struct setup_options, credentials), NULL,
	  "flag C: setuid programs work, at a risk (see above)" },
	{ "qemu-dir",    0,   OPTION_TEXT, offsetof(struct setup_options, qemu_dir),    "DIR",
	  "where the static emulators are (MPEMU_QEMU_DIR)" },
	{ "json",        0,   OPTION_FLAG, offsetof(struct setup_options, json),        NULL,
	  "print a JSON array" },
};

static const char *const head[] = {
	"PLATFORM", "STATE", "EMULATOR", "VERSION", "FLAGS", "PATH", "CHANGE",
};

/** What is said about an action: done, or to do. */
static const struct {
	const char *done, *todo, *json;
} actions[] = {
	[SETUP_NONE]    = { "",           "",               "none"    },
	[SETUP_ADD]     = { "registered", "would register", "add"     },
	[SETUP_REPLACE] = { "replaced",   "would replace",  "replace" },
	[SETUP_REMOVE]  = { "removed",    "would remove",   "remove"  },
};
/* clang-format on */

/** The things to set up; few enough that they are searched one by one. */
struct selection {
	struct setup_item *items;
	size_t count;
	bool all;
};

static void selection_drop(struct selection *selection)
{
	free(selection->items);
}

static void selection_add(struct selection *selection, const struct emulator *emulator)
{
	for (size_t i = 0; i < selection->count; i++) {
		if (selection->items[i].emulator == emulator)
			return;
	}
	array_grow(selection->items, selection->count);
	selection->items[selection->count++] = (struct setup_item){ .emulator = emulator };
}

static result select_platforms(const char *list, struct selection *selection, struct error *err)
{
	struct platform platforms[PLATFORMS_MAX];
	char text[PLATFORM_TEXT_MAX];
	size_t count;

	if (platforms_parse(list, platforms, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		const struct emulator *emulator = emulator_for(&platforms[i]);

		/* A level of this CPU, such as amd64/v3. */
		if (!emulator && platform_is_native(&platforms[i]))
			emulator = emulator_host();
		if (!emulator)
			return fail(err, FAULT_MISSING,
				    "%s: no emulator is known for this platform",
				    platform_text(&platforms[i], text));
		selection_add(selection, emulator);
	}
	return OK;
}

static result select_items(const struct setup_options *wanted, struct selection *selection,
			   struct error *err)
{
	size_t count;
	const struct emulator *known = emulators(&count);

	for (size_t i = 0; i < wanted->platforms.count; i++) {
		if (strcmp(wanted->platforms.items[i], "all") == 0)
			selection->all = true;
		else if (select_platforms(wanted->platforms.items[i], selection, err))
			return fail_in(err, "--platform");
	}
	selection->all |= wanted->platforms.count == 0;
	for (size_t i = 0; i < count && selection->all; i++)
		selection_add(selection, &known[i]);
	return OK;
}

/** "linux/arm/v7,v6,v5": all that an emulator serves. */
static void add_platforms(const struct setup_item *item, struct buf *out)
{
	char text[PLATFORM_TEXT_MAX];

	buf_add_str(out, platform_text(&item->status.platform, text));
	for (const char *const *more = item->emulator->platforms; *more; more++) {
		if (more != item->emulator->platforms)
			buf_printf(out, ",%s", strrchr(*more, '/') + 1);
	}
}

/** The last column: what changed, else what is wrong. */
static void add_change(const struct setup_item *item, bool dry_run, struct buf *out)
{
	const char *action = dry_run ? actions[item->action].todo : actions[item->action].done;

	if (item->error.fault == FAULT_NONE) {
		buf_add_str(out, action);
		if (item->reason[0])
			buf_printf(out, ": %s", item->reason);
	} else {
		buf_add_str(out, item->status.why[0] ? item->status.why : item->error.text);
	}
	if (item->others[0])
		buf_printf(out, "%salso taken by %s", out->length ? "; " : "", item->others);
}

/** Only the number of "7.2.22 (Debian 1:7.2+dfsg-7)". */
static void add_cells(struct table *table, const struct setup_item *item, bool dry_run)
{
	const struct platform_status *status = &item->status;
	owned(buf) struct buf platforms = {}, change = {};
	bool native = status->state == PLATFORM_NATIVE;
	char version[16];

	snprintf(version, sizeof(version), "%.*s", (int)strcspn(status->version, " "),
		 status->version);
	add_platforms(item, &platforms);
	add_change(item, dry_run, &change);
	table_add(table, buf_text(&platforms));
	table_add(table, platform_state_text(status->state));
	table_add(table, native ? "-" : item->emulator->name);
	table_add(table, version[0] ? version : "-");
	table_add(table, status->flags[0] ? status->flags : "-");
	table_add(table, status->interpreter[0] ? status->interpreter : "-");
	table_add(table, change.length ? buf_text(&change) : native ? "-" : "unchanged");
}

static json_t *item_json(const struct setup_item *item)
{
	const struct platform_status *status = &item->status;
	json_t *platforms = json_array();
	bool well = item->error.fault == FAULT_NONE;

	for (const char *const *more = item->emulator->platforms; *more; more++)
		json_array_append_new(platforms, json_string(*more));
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}",
			 "platforms", platforms, "emulator", item->emulator->name, "state",
			 platform_state_text(status->state), "version", status->version, "flags",
			 status->flags, "path", status->interpreter, "entry", status->entry,
			 "action", actions[item->action].json, "reason", item->reason, "others",
			 item->others, "error", well ? "" : item->error.text, "ok", well);
}

/** An emulator that is not installed is of no interest where all were meant. */
static bool is_shown(const struct selection *selection, const struct setup_item *item)
{
	return !selection->all || item->status.state != PLATFORM_UNAVAILABLE ||
	       item->action != SETUP_NONE || item->error.fault != FAULT_NONE;
}

static result show(const struct setup_options *wanted, const struct selection *selection,
		   struct error *err)
{
	owned(table) struct table table = { .columns = countof(head) };
	owned(json) json_t *rows = json_array();
	owned(buf) struct buf out = {};

	for (size_t i = 0; i < countof(head); i++)
		table_add(&table, head[i]);
	for (size_t i = 0; i < selection->count; i++) {
		if (!is_shown(selection, &selection->items[i]))
			continue;
		json_array_append_new(rows, item_json(&selection->items[i]));
		add_cells(&table, &selection->items[i], wanted->dry_run || wanted->check);
	}
	if (wanted->json) {
		owned(str) char *text = json_text(rows, true);

		buf_printf(&out, "%s\n", text);
	} else {
		table_text(&table, &out);
	}
	return stdout_write(&out, err);
}

static result show_removed(const struct setup_options *wanted, const struct selection *selection,
			   struct error *err)
{
	owned(json) json_t *rows = json_array();
	owned(buf) struct buf out = {};

	for (size_t i = 0; i < selection->count; i++) {
		const struct setup_item *item = &selection->items[i];

		if (item->action != SETUP_REMOVE || item->error.fault != FAULT_NONE)
			continue;
		json_array_append_new(rows, json_string(item->emulator->name));
		if (!wanted->json)
			buf_printf(&out, "%s %s\n", wanted->dry_run ? "would remove" : "removed",
				   item->emulator->name);
	}
	if (wanted->json) {
		owned(str) char *text = json_text(rows, true);

		buf_printf(&out, "%s\n", text);
	} else if (!out.length) {
		buf_add_str(&out, "nothing is registered\n");
	}
	return stdout_write(&out, err);
}

/** One error for all items that failed; the first of them gives fault and text. */
static result conclude(const struct selection *selection, struct error *err)
{
	const struct error *first = NULL;
	size_t failures = 0;

	for (size_t i = 0; i < selection->count; i++) {
		if (selection->items[i].error.fault == FAULT_NONE)
			continue;
		failures++;
		if (!first)
			first = &selection->items[i].error;
	}
	if (!first)
		return OK;
	*err = *first;
	return failures == 1 ? FAILED
			     : fail_in(err, "%zu of %zu platforms do not run, the first", failures,
				       selection->count);
}

static result setup_run(struct invocation *in, struct error *err)
{
	const struct setup_options *wanted = in->options;
	owned(selection) struct selection selection = {};
	struct setup_request request = {
		.verb = wanted->check    ? SETUP_CHECK
			: wanted->remove ? SETUP_UNDO
					 : SETUP_APPLY,
		.dry_run = wanted->dry_run,
		.credentials = wanted->credentials,
		.persist = wanted->persist || wanted->remove,
		.qemu_dir = wanted->qemu_dir,
	};

	if (wanted->check && (wanted->remove || wanted->persist))
		return fail(err, FAULT_USAGE, "--check changes nothing: not with --%s",
			    wanted->remove ? "remove" : "persist");
	if (select_items(wanted, &selection, err))
		return FAILED;
	request.all = selection.all;
	if (binfmt_setup(in->ctx, &request, selection.items, selection.count, err))
		return FAILED;
	if (wanted->remove ? show_removed(wanted, &selection, err) : show(wanted, &selection, err))
		return FAILED;
	return conclude(&selection, err);
}

const struct command command_setup = {
	.name = "setup",
	.arguments = "[OPTIONS]",
	.summary = "Register emulators with the kernel, and prove that they work",
	.example = "sudo mpemu setup --platform arm64,riscv64 --persist",
	.text = "Each emulator is registered in binfmt_misc so that it works in every container\n"
		"(flag F), then a tiny program of its architecture is run through it. An entry\n"
		"qemu-* that differs or is older than its emulator is replaced; entries of other\n"
		"names are left alone. Linux 6.7 and later do not need this for mpemu's own "
		"builds.",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct setup_options),
	.run = setup_run,
};
