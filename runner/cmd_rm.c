/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu rm`: forget names.  What nothing names any more is garbage, which `mpemu prune` removes.
 */
#include "runner/command.h"
#include "runner/contents.h"

/** All names are looked up before the first one goes, so that a typing error removes nothing. */
static result rm_run(struct invocation *in, struct error *err)
{
	owned(store) struct store *store = NULL;
	struct descriptor target;
	struct reference ref;

	if (store_open(in->ctx, in->globals->root, &store, err))
		return FAILED;
	for (int i = 0; i < in->argc; i++) {
		if (name_resolve(store, in->argv[i], &ref, &target, err))
			return FAILED;
	}
	for (int i = 0; i < in->argc; i++) {
		if (reference_parse(in->argv[i], &ref, err) || store_untag(store, &ref, err))
			return FAILED;
	}
	return OK;
}

const struct command command_rm = {
	.name = "rm",
	.arguments = "NAME...",
	.summary = "Remove names from the store",
	.example = "mpemu rm app:1 app:2",
	.text = "Content that no name leads to any more is removed by 'mpemu prune'.",
	.arguments_min = 1,
	.arguments_max = -1,
	.run = rm_run,
};
