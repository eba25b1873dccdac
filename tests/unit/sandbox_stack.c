/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/stack.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum kind { DIRECTORY, FILE_OF, LINK_TO, WHITEOUT, OPAQUE };

/** Layers 0 (topmost) to 2. */
static const struct {
	int layer;
	enum kind kind;
	const char *path, *text;
} entries[] = {
	{ 2, DIRECTORY, "etc", NULL },
	{ 2, FILE_OF, "etc/passwd", "bottom" },
	{ 2, FILE_OF, "etc/group", "bottom" },
	{ 2, FILE_OF, "etc/gone", "bottom" },
	{ 2, DIRECTORY, "lib", NULL },
	{ 2, FILE_OF, "lib/deep", "bottom" },
	{ 2, DIRECTORY, "shadow", NULL },
	{ 2, FILE_OF, "shadow/file", "bottom" },
	{ 1, DIRECTORY, "etc", NULL },
	{ 1, FILE_OF, "etc/passwd", "middle" },
	{ 1, WHITEOUT, "etc/gone", NULL },
	{ 1, OPAQUE, "lib", NULL },
	{ 1, FILE_OF, "lib/new", "middle" },
	{ 1, FILE_OF, "shadow", "a file now" },
	{ 0, DIRECTORY, "usr", NULL },
	{ 0, LINK_TO, "absolute", "/etc/group" },
	{ 0, LINK_TO, "usr/relative", "../../../etc/passwd" },
	{ 0, LINK_TO, "usr/config", "../etc" },
	{ 0, LINK_TO, "loop", "loop" },
	{ 0, LINK_TO, "dangling", "/nowhere" },
};

static const struct {
	const char *path, *want; /* "": not there */
} lookups[] = {
	{ "/etc/passwd", "middle" },
	{ "/etc/group", "bottom" },
	{ "//etc/./group", "bottom" },
	{ "/etc/../etc/group", "bottom" },
	{ "/../etc/group", "bottom" },
	{ "/etc/gone", "" },
	{ "/etc", "" },
	{ "/etc/group/x", "" },
	{ "/lib/new", "middle" },
	{ "/lib/deep", "" },
	{ "/shadow/file", "" },
	{ "/shadow", "a file now" },
	{ "/absolute", "bottom" },
	{ "/usr/relative", "middle" },
	{ "/usr/config/group", "bottom" },
	{ "/usr/config/../absolute", "bottom" },
	{ "/loop", "" },
	{ "/dangling", "" },
	{ "/nothing/at/all", "" },
};

static bool entry_make(const char *layer, size_t i)
{
	owned(str) char *path = xasprintf("%s/%s", layer, entries[i].path);
	owned(fd) int fd = -1;

	switch (entries[i].kind) {
	case DIRECTORY:
		return mkdir(path, 0755) == 0;
	case FILE_OF:
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		return fd >= 0 && write(fd, entries[i].text, strlen(entries[i].text)) > 0;
	case LINK_TO:
		return symlink(entries[i].text, path) == 0;
	case WHITEOUT:
		return mknod(path, S_IFCHR, makedev(0, 0)) == 0;
	case OPAQUE:
		return mkdir(path, 0755) == 0 &&
		       setxattr(path, "user.overlay.opaque", "y", 1, 0) == 0;
	}
	return false;
}

TEST(files_are_found_in_a_stack_as_overlayfs_would)
{
	owned(str) char *top =
		xasprintf("%s/mpemu-stack-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	const char *layers[3];
	struct error err = {};

	if (!CHECK(mkdtemp(top) != NULL))
		return;
	for (size_t i = 0; i < countof(layers); i++) {
		layers[i] = xasprintf("%s/%zu", top, i);
		CHECK(mkdir(layers[i], 0755) == 0);
	}
	for (size_t i = 0; i < countof(entries); i++) {
		if (entry_make(layers[entries[i].layer], i))
			continue;
		(void)remove_tree(AT_FDCWD, top, &err);
		tap_skip("no whiteouts or attributes can be made here");
	}
	for (size_t i = 0; i < countof(lookups); i++) {
		owned(buf) struct buf got = {};

		if (CHECK(!stack_read(layers, countof(layers), lookups[i].path, 1000, &got, &err)))
			tap_check(strcmp(buf_text(&got), lookups[i].want) == 0, __FILE__, __LINE__,
				  "%s holds \"%s\", want \"%s\"", lookups[i].path, buf_text(&got),
				  lookups[i].want);
	}
	CHECK(!remove_tree(AT_FDCWD, top, &err));
	for (size_t i = 0; i < countof(layers); i++)
		free((void *)(uintptr_t)layers[i]);
}
