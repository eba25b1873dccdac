/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu volume`: what `run --volume NAME:DIR` has kept.
 */
#include "runner/commands.h"
#include "runner/table.h"
#include "runner/volume.h"

#include "base/mem.h"

/** A store that is not there yet has no volumes, and is not made for that. */
static result list_run(struct invocation *in, struct error *err)
{
	owned(table) struct table table = { .columns = 2 };
	owned(strings) struct strings names = {};
	owned(buf) struct buf out = {};

	volume_list(in->globals->root, &names);
	table_add(&table, "VOLUME");
	table_add(&table, "DIRECTORY");
	for (size_t i = 0; i < names.count; i++) {
		owned(str) char *path =
			xasprintf("%s/volumes/%s/data", in->globals->root, names.items[i]);

		table_add(&table, names.items[i]);
		table_add(&table, path);
	}
	table_text(&table, &out);
	return stdout_write(&out, err);
}

/** All names are looked up before the first one goes, so that a typing error removes nothing. */
static result remove_run(struct invocation *in, struct error *err)
{
	owned(strings) struct strings names = {};

	volume_list(in->globals->root, &names);
	for (int i = 0; i < in->argc; i++) {
		if (!strings_have(&names, in->argv[i]))
			return fail(err, FAULT_MISSING, "there is no volume %s", in->argv[i]);
	}
	for (int i = 0; i < in->argc; i++) {
		if (volume_remove(in->globals->root, in->argv[i], err))
			return FAILED;
	}
	return OK;
}

static const struct command command_list = {
	.name = "ls",
	.arguments = "",
	.summary = "List volumes, and where they are",
	.example = "mpemu volume ls",
	.run = list_run,
};

static const struct command command_remove = {
	.name = "rm",
	.arguments = "VOLUME...",
	.summary = "Remove volumes with all that is in them",
	.example = "mpemu volume rm cache",
	.text = "One that a program uses is not removed.  'mpemu prune --volumes' removes all.\n",
	.arguments_min = 1,
	.arguments_max = -1,
	.needs_ids = true,
	.run = remove_run,
};

static const struct command *const subcommands[] = { &command_list, &command_remove, NULL };

const struct command command_volume = {
	.name = "volume",
	.arguments = "COMMAND",
	.summary = "Look at and remove volumes of run",
	.example = "mpemu volume ls",
	.text = "'mpemu run --volume NAME:DIR' makes them: directories that outlive the program.\n",
	.subcommands = subcommands,
};
