/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu tag`: another name for what has one.
 */
#include "runner/command.h"
#include "runner/contents.h"

static result tag_run(struct invocation *in, struct error *err)
{
	owned(store) struct store *store = NULL;
	struct reference from, to;
	struct descriptor target;

	if (name_parse_new(in->argv[1], &to, err) ||
	    store_open(in->ctx, in->globals->root, &store, err) ||
	    name_resolve(store, in->argv[0], &from, &target, err))
		return FAILED;
	return store_tag(store, &to, &target, err);
}

const struct command command_tag = {
	.name = "tag",
	.arguments = "SOURCE NAME",
	.summary = "Give an image another name",
	.example = "mpemu tag app:1 registry.example.com/app:1",
	.text = "NAME is taken from whatever had it before.",
	.arguments_min = 2,
	.arguments_max = 2,
	.run = tag_run,
};
