/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mpemu export: an image or index of the store as an OCI archive.
 */
#include "runner/archive.h"
#include "runner/command.h"
#include "runner/commands.h"
#include "runner/contents.h"

#include <unistd.h>

struct export_options {
	const char *output;
};

static const struct option options[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct export_options, output), "FILE",
	  "where to write it (default: standard output)" },
};

static result run(struct invocation *in, struct error *err)
{
	static const struct layout_options plain = {};
	const struct export_options *options_ = in->options;
	owned(store) struct store *store = NULL;
	owned(strings) struct strings names = {};
	struct descriptor at;
	struct reference ref;

	if (!options_->output && isatty(STDOUT_FILENO))
		return fail(err, FAULT_USAGE,
			    "an archive on a terminal is of no use: --output FILE");
	if (store_open(in->ctx, in->globals->root, &store, err) ||
	    name_resolve(store, in->argv[0], &ref, &at, err))
		return FAILED;
	strings_add(&names, in->argv[0]);
	return archive_export(in->ctx, store, &at, &names,
			      options_->output ? options_->output : "-", &plain, err);
}

const struct command command_export = {
	.name = "export",
	.arguments = "[OPTIONS] NAME",
	.summary = "Write an image or index to an OCI archive",
	.text = "All platforms must be in the store: 'mpemu pull --platform all' brings them.",
	.example = "mpemu export -o app.tar registry.example/app:1",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct export_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run,
};
