/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pack.h"

#include "sandbox/users.h"

#include "base/defs.h"

#include <string.h>
#include <sys/ioctl.h>

enum { ALIGNMENT = 16 };

/** Room that is being filled; `full` is looked at once, at the end. */
struct pack {
	char *at, *end;
	bool full;
};

static void *room_take(struct pack *pack, size_t size)
{
	char *room = pack->at;

	if (size + ALIGNMENT > (size_t)(pack->end - room)) {
		pack->full = true;
		return NULL;
	}
	pack->at += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return room;
}

static void *bytes_pack(struct pack *pack, const void *bytes, size_t size)
{
	void *room = bytes ? room_take(pack, size) : NULL;

	return room ? memcpy(room, bytes, size) : NULL;
}

static const char *text_pack(struct pack *pack, const char *text)
{
	return text ? bytes_pack(pack, text, strlen(text) + 1) : NULL;
}

/** A list of strings that ends with NULL. */
static const char **list_pack(struct pack *pack, const char *const *list)
{
	const char **copy;
	size_t count = 0;

	while (list && list[count])
		count++;
	copy = list ? bytes_pack(pack, list, (count + 1) * sizeof(*copy)) : NULL;
	for (size_t i = 0; copy && i < count; i++)
		copy[i] = text_pack(pack, list[i]);
	return copy;
}

/* ---- what ops point to ---- */

static const void *content_pack(struct pack *pack, const struct op *op)
{
	return bytes_pack(pack, op->data, op->size);
}

static const void *target_pack(struct pack *pack, const struct op *op)
{
	return text_pack(pack, op->data);
}

static const void *limit_pack(struct pack *pack, const struct op *op)
{
	return bytes_pack(pack, op->data, 2 * sizeof(uint64_t));
}

static const void *winsize_pack(struct pack *pack, const struct op *op)
{
	return bytes_pack(pack, op->data, sizeof(struct winsize));
}

static const void *user_pack(struct pack *pack, const struct op *op)
{
	return bytes_pack(pack, op->data, sizeof(struct user));
}

static const void *filter_pack(struct pack *pack, const struct op *op)
{
	const struct filter *filter = op->data;
	struct filter *copy = bytes_pack(pack, filter, sizeof(*filter));

	if (copy)
		copy->instructions = bytes_pack(pack, filter->instructions,
						filter->count * sizeof(*filter->instructions));
	return copy;
}

static const void *program_pack(struct pack *pack, const struct op *op)
{
	const struct program *program = op->data;
	struct program *copy = bytes_pack(pack, program, sizeof(*program));

	if (!copy)
		return NULL;
	copy->candidates = list_pack(pack, program->candidates);
	copy->argv = (char *const *)(uintptr_t)list_pack(pack, (const char *const *)program->argv);
	copy->envp = (char *const *)(uintptr_t)list_pack(pack, (const char *const *)program->envp);
	return copy;
}

/* clang-format off */
static const void *(*const packers[OP_KINDS])(struct pack *pack, const struct op *op) = {
	[OP_LOOPBACK] = target_pack,
	[OP_FILE]     = content_pack,
	[OP_WRITE]    = content_pack,
	[OP_LINK]     = target_pack,
	[OP_TERMINAL] = winsize_pack,
	[OP_LIMIT]    = limit_pack,
	[OP_USER]     = user_pack,
	[OP_FILTER]   = filter_pack,
	[OP_EXEC]     = program_pack,
};
/* clang-format on */

static void op_pack(struct pack *pack, struct op *op)
{
	op->text = NULL;
	op->path = text_pack(pack, op->path);
	op->options = (const char *const *)list_pack(pack, op->options);
	if (op->data && !packers[op->kind])
		pack->full = true;
	else if (op->data)
		op->data = packers[op->kind](pack, op);
}

size_t child_pack(const struct child *child, void *room, size_t size)
{
	struct pack pack = { .at = room, .end = (char *)room + size };
	struct child *copy = bytes_pack(&pack, child, sizeof(*child));
	struct op *ops = bytes_pack(&pack, child->ops, child->op_count * sizeof(*ops));
	int *slots = bytes_pack(&pack, child->slots, child->slot_count * sizeof(*slots));

	if (!copy || !ops || !slots)
		return 0;
	copy->ops = ops;
	copy->slots = slots;
	for (size_t i = 0; i < child->op_count && !pack.full; i++)
		op_pack(&pack, &ops[i]);
	return pack.full ? 0 : (size_t)(pack.at - (char *)room);
}
