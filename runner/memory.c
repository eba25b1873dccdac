/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/memory.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 10 };

/* What a program may well take before it is seen to: a compiler, emulated. */
static const uint64_t reserve = 512ull << 20;

static uint64_t line_bytes(const char *meminfo, const char *name)
{
	const char *line = strstr(meminfo, name);

	return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

struct memory memory_parse(const char *meminfo)
{
	return (struct memory){
		.total = line_bytes(meminfo, "MemTotal:"),
		.available = line_bytes(meminfo, "MemAvailable:"),
	};
}

/** A number in a file of our control group; UINT64_MAX where there is none or it is "max". */
static uint64_t group_number(const char *group, const char *name)
{
	owned(str) char *path = xasprintf("/sys/fs/cgroup%s/%s", group, name);
	owned(buf) struct buf text = {};
	struct error ignored = {};
	uint64_t number;

	if (read_file(AT_FDCWD, path, FILE_MAX, &text, &ignored))
		return UINT64_MAX;
	if (text.length && text.data[text.length - 1] == '\n')
		text.data[--text.length] = '\0';
	return number_parse(buf_text(&text), UINT64_MAX - 1, &number, &ignored) ? UINT64_MAX
										: number;
}

/** What of it is pages of files that the kernel can drop. */
static uint64_t group_caches(const char *group)
{
	static const char name[] = "\ninactive_file ";
	owned(str) char *path = xasprintf("/sys/fs/cgroup%s/memory.stat", group);
	owned(buf) struct buf text = {};
	struct error ignored = {};
	const char *line;

	if (read_file(AT_FDCWD, path, FILE_MAX, &text, &ignored))
		return 0;
	line = strstr(buf_text(&text), name);
	return line ? strtoull(line + strlen(name), NULL, 10) : 0;
}

/** The limits of our group and of those above it. */
static void groups_apply(char *group, struct memory *memory)
{
	for (char *slash; *group; *slash = '\0') {
		uint64_t most = group_number(group, "memory.max");
		uint64_t taken = group_number(group, "memory.current");
		uint64_t caches = group_caches(group);

		slash = strrchr(group, '/');
		if (!slash)
			return;
		if (most == UINT64_MAX || taken == UINT64_MAX)
			continue;
		taken -= caches < taken ? caches : taken;
		if (most < memory->total)
			memory->total = most;
		if (taken >= most)
			memory->available = 0;
		else if (most - taken < memory->available)
			memory->available = most - taken;
	}
}

struct memory memory_now(void)
{
	owned(buf) struct buf text = {}, group = {};
	struct error ignored = {};
	struct memory memory;

	if (read_file(AT_FDCWD, "/proc/meminfo", FILE_MAX, &text, &ignored))
		return (struct memory){};
	memory = memory_parse(buf_text(&text));
	if (!read_file(AT_FDCWD, "/proc/self/cgroup", FILE_MAX, &group, &ignored) &&
	    starts_with(buf_text(&group), "0::")) {
		group.data[strcspn(group.data, "\n")] = '\0';
		groups_apply(group.data + strlen("0::"), &memory);
	}
	return memory;
}

bool memory_allows(const struct memory *now, size_t running, uint64_t limit)
{
	if (!running || !now->total)
		return true;
	if (limit && limit <= now->total / (running + 1))
		return now->available >= (limit < reserve ? limit : reserve);
	return !limit && now->available >= reserve && now->available >= now->total / 16;
}
