/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Packed children: what another process gets to run.
 */
#include "sandbox/pack.h"

#include "base/defs.h"
#include "tests/tap.h"

#include <stdalign.h>
#include <string.h>

enum { ROOM = 16 << 10 };

static const char *const words[] = { "sh", "-c", "true", NULL };
static const struct program program = { words, (char *const *)words, (char *const *)words };
static const uint64_t limit[2] = { 7, 8 };

static const struct op ops[] = {
	{ .kind = OP_HOSTNAME, .text = "for people", .path = "box", .options = words },
	{ .kind = OP_FILE, .path = "f", .data = "a\0b", .size = 3 },
	{ .kind = OP_LIMIT, .data = limit },
	{ .kind = OP_EXEC, .data = &program },
};

static struct child child_of(const struct op *list, size_t count, int *slots)
{
	return (struct child){ .ops = list, .op_count = count, .slots = slots, .slot_count = 2 };
}

static bool is_inside(const char *room, const void *at)
{
	return (const char *)at >= room && (const char *)at < room + ROOM;
}

TEST(a_packed_child_points_to_nothing_outside)
{
	alignas(16) static char room[ROOM];
	int slots[] = { 3, -1 };
	struct child from = child_of(ops, countof(ops), slots);
	const struct child *child = (const struct child *)room;
	const struct program *packed;

	if (!CHECK(child_pack(&from, room, sizeof(room)) > 0))
		return;
	CHECK(is_inside(room, child->ops) && is_inside(room, child->slots));
	CHECK(child->slots[0] == 3 && child->slots[1] == -1);
	CHECK(!child->ops[0].text && is_inside(room, child->ops[0].path));
	CHECK_STR(child->ops[0].path, "box");
	CHECK(is_inside(room, child->ops[0].options[1]) && !child->ops[0].options[3]);
	CHECK(is_inside(room, child->ops[1].data) && memcmp(child->ops[1].data, "a\0b", 3) == 0);
	CHECK(is_inside(room, child->ops[2].data) &&
	      ((const uint64_t *)child->ops[2].data)[1] == 8);
	packed = child->ops[3].data;
	CHECK(is_inside(room, packed) && is_inside(room, packed->argv[2]));
	CHECK_STR(packed->envp[0], "sh");
}

TEST(a_child_that_does_not_fit_is_not_packed)
{
	alignas(16) static char room[ROOM];
	int slots[] = { 3, -1 };
	struct child from = child_of(ops, countof(ops), slots);
	size_t size = child_pack(&from, room, sizeof(room));

	for (size_t less = 0; less < size; less += 16)
		CHECK(child_pack(&from, room, less) == 0);
}

TEST(data_of_an_op_that_is_not_known_is_not_packed)
{
	static const struct op unknown = { .kind = OP_HOSTNAME, .data = "?" };
	alignas(16) static char room[ROOM];
	int slots[] = { 3, -1 };
	struct child from = child_of(&unknown, 1, slots);

	CHECK(child_pack(&from, room, sizeof(room)) == 0);
}
