/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/overlay.h"
#include "tests/unit/sandbox_layers.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <time.h>

enum { LAYERS = 4 };

/** Layer directories "0" (topmost) and up, with one file each and one that all have. */
struct layers {
	struct scratch scratch;
	char paths[LAYERS][96];
	const char *lowers[LAYERS];
};

static void layers_drop(struct layers *layers)
{
	scratch_drop(&layers->scratch);
}

/** A scratch directory where overlays can be mounted, which nobody else sees. */
static struct scratch scratch_to_mount(void)
{
	owned(fd) int fs_fd = -1;

	need_root();
	if (unshare(CLONE_NEWNS) < 0)
		tap_skip("no mount namespaces");
	fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs_fd < 0 && (errno == ENODEV || errno == EPERM))
		tap_skip("no overlayfs here");
	return scratch_new();
}

static struct layers layers_new(void)
{
	struct scratch scratch = scratch_to_mount();
	struct layers layers = { .scratch = scratch };

	for (int i = 0; i < LAYERS; i++) {
		owned(fd) int fd = -1;
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		fd = scratch_dir(&layers.scratch, name);
		file_make(fd, "all", name);
		file_make(fd, name, name);
		snprintf(layers.paths[i], sizeof(layers.paths[i]), "%.60s/%s", scratch.path, name);
	}
	return layers;
}

static int view(struct layers *layers, size_t count, struct error *err)
{
	int fd = -1;

	for (size_t i = 0; i < LAYERS; i++)
		layers->lowers[i] = layers->paths[i];
	tap_check(overlay_open(layers->lowers, count, NULL, NULL, &fd, err) == OK, __FILE__,
		  __LINE__, "%zu layers: %s", count, err->text);
	return fd;
}

TEST(overlay_open_shows_the_topmost_of_each_name)
{
	static const char *const trees[] = {
		"f 0 0\nf all 0\n",
		"f 0 0\nf 1 1\nf all 0\n",
		"f 0 0\nf 1 1\nf 2 2\nf all 0\n",
	};
	owned(layers) struct layers layers = layers_new();

	for (size_t i = 0; i < countof(trees); i++) {
		struct error err = {};
		owned(fd) int fd = view(&layers, i + 1, &err);
		owned(buf) struct buf tree = {};

		tree_text(fd, &tree);
		CHECK_STR(buf_text(&tree), trees[i]);
	}
}

TEST(overlay_open_knows_whiteouts_even_in_a_lone_layer)
{
	owned(layers) struct layers layers = layers_new();

	CHECK(mknodat(layers.scratch.fd, "0/1", S_IFCHR, 0) == 0);
	for (size_t count = 1; count < 3; count++) {
		struct error err = {};
		owned(fd) int fd = view(&layers, count, &err);
		owned(buf) struct buf tree = {};

		tree_text(fd, &tree);
		CHECK_STR(buf_text(&tree), "f 0 0\nf all 0\n");
	}
}

TEST(overlay_open_knows_opaque_directories_and_roots)
{
	owned(layers) struct layers layers = layers_new();
	owned(fd) int one = openat(layers.scratch.fd, "1", O_RDONLY | O_CLOEXEC);
	struct error err = {};
	owned(fd) int fd = -1;
	owned(buf) struct buf tree = {};

	CHECK(fsetxattr(one, "user.overlay.opaque", "y", 1, 0) == 0);
	fd = view(&layers, LAYERS, &err);
	tree_text(fd, &tree);
	/* The mark itself is overlayfs's and not seen. */
	CHECK_STR(buf_text(&tree), "f 0 0\nf 1 1\nf all 0\n");
}

TEST(overlay_open_writes_to_the_upper_directory)
{
	owned(layers) struct layers layers = layers_new();
	owned(fd) int upper_fd = scratch_dir(&layers.scratch, "upper");
	owned(fd) int work_fd = scratch_dir(&layers.scratch, "work");
	owned(str) char *upper = xasprintf("%s/upper", layers.scratch.path);
	owned(str) char *work = xasprintf("%s/work", layers.scratch.path);
	owned(buf) struct buf tree = {};

	for (size_t count = 0; count < 3; count += 2) {
		struct error err = {};
		owned(fd) int fd = -1;

		layers.lowers[0] = layers.paths[0];
		layers.lowers[1] = layers.paths[1];
		if (overlay_open(layers.lowers, count, upper, work, &fd, &err)) {
			tap_check(false, __FILE__, __LINE__, "%s", err.text);
			continue;
		}
		file_make(fd, "new", "1");
		if (count)
			CHECK(unlinkat(fd, "0", 0) == 0);
	}
	tree_text(upper_fd, &tree);
	CHECK_STR(buf_text(&tree), "w 0\nf new 1\n");
}

TEST(overlay_open_takes_as_many_layers_as_the_kernel)
{
	owned(scratch) struct scratch scratch = scratch_to_mount();
	static char paths[OVERLAY_LAYERS_MAX + 1][96];
	static const char *lowers[OVERLAY_LAYERS_MAX + 1];
	struct error err = {};
	owned(fd) int fd = -1;

	for (int i = 0; i <= OVERLAY_LAYERS_MAX; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d", scratch.path, i);
		lowers[i] = paths[i];
		CHECK(mkdir(paths[i], 0755) == 0);
	}
	if (overlay_open(lowers, OVERLAY_LAYERS_MAX, NULL, NULL, &fd, &err))
		tap_check(err.sys == E2BIG, __FILE__, __LINE__, "%s", err.text);
	CHECK(overlay_open(lowers, OVERLAY_LAYERS_MAX + 1, NULL, NULL, &fd, &err));
	CHECK(err.fault == FAULT_INPUT && strstr(err.text, "501 layers"));
}

TEST(overlay_open_names_the_layer_that_is_missing)
{
	const char *lowers[] = { "/nonexistent/layer" };
	struct error err = {};
	int fd = -1;

	CHECK(overlay_open(lowers, 1, NULL, NULL, &fd, &err));
	CHECK_STR(err.text, "open layer /nonexistent/layer: No such file or directory");
	CHECK(fd == -1);
}

static size_t open_count(const int *fds, size_t count)
{
	size_t open = 0;

	for (size_t i = 0; i < count; i++)
		open += fcntl(fds[i], F_GETFD) >= 0;
	return open;
}

TEST(overlays_that_are_dropped_are_closed_soon)
{
	enum { MANY = 24, LOOKS_MAX = 500 };
	owned(layers) struct layers layers = layers_new();
	struct error err = {};
	int fds[MANY], none = -1;

	overlay_drop(&none);
	for (size_t i = 0; i < MANY; i++)
		fds[i] = view(&layers, LAYERS, &err);
	if (!CHECK(open_count(fds, MANY) == MANY))
		return;
	for (size_t i = 0; i < MANY; i++) {
		int fd = fds[i];

		overlay_drop(&fd);
		CHECK(fd == -1);
	}
	for (int look = 0; look < LOOKS_MAX && open_count(fds, MANY); look++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	CHECK(open_count(fds, MANY) == 0);
}
