/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Looking for plugins in the directories and files that a compiler's arguments name.  Where that is
 * not possible there are some: it costs no more than time to be wrong.
 */
#include "sandbox/dispatcher/plugins.h"

#include "sandbox/assist_plugins.h"
#include "sandbox/dispatcher/kernel.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/openat2.h>

enum { READ_ONLY = 00, NONBLOCK = 04000, CLOSE_ON_EXEC = 02000000, CHUNK = 1 << 18 };

/** As the kernel gives it; its own headers for programs do not have it. */
struct directory_entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static void folder_read(const char *folder, struct plugins *plugins)
{
	struct open_how how = { .flags = READ_ONLY | NONBLOCK | CLOSE_ON_EXEC };
	long fd = CALL(openat2, AT_FDCWD, folder, &how, sizeof(how)), size;
	union {
		struct directory_entry first;
		char bytes[4096];
	} entries;

	if (failed(fd)) {
		/* What is not there is not searched; cargo also names directories to be. */
		plugins->others |= fd != -ENOENT;
		return;
	}
	while ((size = CALL(getdents64, fd, &entries, sizeof(entries))) > 0)
		for (long at = 0; at < size;) {
			const struct directory_entry *entry = (const void *)(entries.bytes + at);

			plugins_add(plugins, entry->name);
			at += entry->length;
		}
	plugins->others |= size < 0;
	CALL(close, fd);
}

/** By pieces that overlap, so that no suffix is cut. */
static bool descriptor_mentions(const struct plugins *plugins, long fd, char *room)
{
	long at = 0, size;

	while ((size = CALL(pread64, fd, room, CHUNK, at)) >= PLUGIN_SUFFIX) {
		if (plugins_mentioned(plugins, room, (unsigned long)size))
			return true;
		at += size - PLUGIN_SUFFIX + 1;
	}
	return size < 0;
}

static bool file_mentions(const struct plugins *plugins, const char *path)
{
	struct open_how how = { .flags = READ_ONLY | NONBLOCK | CLOSE_ON_EXEC };
	long fd = CALL(openat2, AT_FDCWD, path, &how, sizeof(how));
	long room =
		CALL(mmap, 0, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool found = true;

	if (!failed(fd) && !failed(room))
		found = descriptor_mentions(plugins, fd, (char *)room);
	if (!failed(room))
		CALL(munmap, room, CHUNK);
	if (!failed(fd))
		CALL(close, fd);
	return found;
}

bool plugins_are_needed(char *const *arguments)
{
	struct plugins plugins;

	plugins.count = 0;
	plugins.others = false;
	for (char *const *at = arguments; *at; at++) {
		bool only_dependencies;
		const char *folder = plugin_folder(at, &only_dependencies);

		if (folder)
			folder_read(folder, &plugins);
		if (folder && !only_dependencies && (plugins.count || plugins.others))
			return true;
	}
	if (!plugins.count && !plugins.others)
		return false;
	for (char *const *at = arguments; *at; at++) {
		const char *user = plugin_user(at);

		if (user && (plugins.others || file_mentions(&plugins, user)))
			return true;
	}
	return false;
}
