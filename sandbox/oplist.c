/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oplist.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct op *op_add(struct plan *plan, enum op_kind kind, const char *format, ...)
{
	struct sandbox *sandbox = plan->sandbox;
	struct buf text = {};
	va_list args;
	char *line;
	struct op *op;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		abort();
	va_end(args);
	text_escape(&text, line, strlen(line));
	free(line);
	array_grow(sandbox->ops, sandbox->op_count);
	op = &sandbox->ops[sandbox->op_count++];
	*op = (struct op){
		.kind = kind,
		.text = arena_strdup(sandbox->arena, buf_text(&text)),
		.at = -1,
	};
	buf_drop(&text);
	return op;
}

int slots_new(struct plan *plan, size_t count)
{
	int first = plan->sandbox->slot_count;

	plan->sandbox->slot_count += (int)count;
	return first;
}

const char *keep(struct plan *plan, const char *text)
{
	return arena_strdup(plan->sandbox->arena, text);
}

/** A NULL-terminated copy of a list. */
const char **keep_list(struct plan *plan, const char *const *list)
{
	const char **copy;
	size_t length = 0;

	while (list[length])
		length++;
	copy = arena_alloc(plan->sandbox->arena, (length + 1) * sizeof(*copy));
	for (size_t i = 0; i < length; i++)
		copy[i] = keep(plan, list[i]);
	return copy;
}

/** A source for the parent to open; its slot. */
int source_add(struct plan *plan, const char *path, bool is_layer, uint64_t attributes)
{
	struct sandbox *sandbox = plan->sandbox;

	array_grow(sandbox->sources, sandbox->source_count);
	sandbox->sources[sandbox->source_count] = (struct source){ .path = keep(plan, path),
								   .is_layer = is_layer,
								   .attributes = attributes };
	return sandbox->source_slot + (int)sandbox->source_count++;
}

/* ---- the skeleton ---- */

static void skeleton_directory(struct plan *plan, const char *path)
{
	if (strings_have(&plan->skeleton, path))
		return;
	strings_add(&plan->skeleton, path);
	struct op *op = op_add(plan, OP_DIRECTORY, "skeleton: directory %s", path);

	op->at = SLOT_STAGE;
	op->path = arena_printf(plan->sandbox->arena, "layer%s", path);
	op->mode = 0755;
}

/** The mount point `path` and the directories above it. */
void skeleton_add(struct plan *plan, const char *path, bool is_directory)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		owned(str) char *parent = xstrndup(path, (size_t)(slash - path));

		skeleton_directory(plan, parent);
	}
	if (is_directory) {
		skeleton_directory(plan, path);
	} else if (!strings_have(&plan->skeleton, path)) {
		struct op *op = op_add(plan, OP_FILE, "skeleton: file %s", path);

		strings_add(&plan->skeleton, path);
		op->at = SLOT_STAGE;
		op->path = arena_printf(plan->sandbox->arena, "layer%s", path);
	}
}

int clone_add(struct plan *plan, int at, const char *path, uint64_t attributes, bool recursive)
{
	struct op *op = op_add(plan, OP_CLONE, "take %s%s", at < 0 ? "" : "stage ", path);

	op->at = at;
	op->path = path;
	op->attributes = attributes;
	op->count = recursive;
	return op->to = slots_new(plan, 1);
}

int filesystem_add(struct plan *plan, const char *type, const char *const *options,
		   uint64_t attributes)
{
	struct op *op = op_add(plan, OP_FILESYSTEM, "new %s", type);

	op->path = type;
	op->options = options;
	op->attributes = attributes;
	return op->to = slots_new(plan, 1);
}
