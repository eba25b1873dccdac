/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/compile_assist.h"
#include "sandbox/compile_root.h"

#include "base/mem.h"

#define ATTRIBUTES_TWINS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY)

void assist_hidden_add(struct plan *plan)
{
	const struct assist_spec *assist = plan->spec->assist;
	struct sandbox *sandbox = plan->sandbox;
	int hidden;

	if (!assist)
		return;
	hidden = source_add(plan, assist->hidden, false, ATTRIBUTES_TWINS);
	sandbox->sources[sandbox->source_count - 1].unmapped = true;
	cover_add(plan, hidden, "the twins' table", SANDBOX_HIDDEN, COVER_DIRECTORY | COVER_PLAIN);
	for (size_t i = 0; i < assist->root_count; i++) {
		const struct bind view = {
			.target = arena_printf(sandbox->arena, SANDBOX_HIDDEN "/%zu", i),
			.lowers = assist->roots[i].lowers,
			.lower_count = assist->roots[i].lower_count,
		};
		int root = view_add(plan, &view, ATTRIBUTES_TWINS);
		struct op *op = op_add(plan, OP_ATTACH, "mount twins on %s", view.target);

		op->from = root;
		op->at = hidden;
		op->path = arena_printf(sandbox->arena, "%zu", i);
	}
}
