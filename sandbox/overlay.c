/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Layer stacks as overlay mounts: by the mount API since 6.5, by one option string before.
 *
 * Directories are named /proc/self/fd/N: fsconfig() takes at most 255 bytes, the option string one
 * page, and both give a meaning to commas, colons and backslashes.
 */
#include "sandbox/overlay.h"
#include "sandbox/ending.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

enum { NAME_MAX_FD = 32, OPTIONS_MAX = 4096 };

/** What the kernel refuses here, it also complains of in its log: what it cannot is not tried. */
static bool kernel_reaches(unsigned major, unsigned minor)
{
	unsigned numbers[2] = {}, which = 0;
	struct utsname kernel;

	if (uname(&kernel) < 0)
		return true;
	for (const char *at = kernel.release; which < countof(numbers); at++) {
		if (*at >= '0' && *at <= '9')
			numbers[which] = numbers[which] * 10 + (unsigned)(*at - '0');
		else if (*at == '.')
			which++;
		else
			break;
	}
	return numbers[0] > major || (numbers[0] == major && numbers[1] >= minor);
}

/** A cursor over a fixed buffer: no stdio, this runs between clone and exec. */
struct text {
	char *at, *end;
};

static void text_add(struct text *text, const char *add)
{
	while (*add && text->at < text->end)
		*text->at++ = *add++;
}

static void text_add_number(struct text *text, unsigned number)
{
	char digits[12], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	text_add(text, at);
}

static void text_add_fd(struct text *text, int fd)
{
	text_add(text, "/proc/self/fd/");
	text_add_number(text, (unsigned)fd);
}

/** Close the text; whether all of it fitted. */
static bool text_end(struct text *text)
{
	if (text->at == text->end)
		return false;
	*text->at = '\0';
	return true;
}

static int fs_set(int fs_fd, const char *key, int value_fd)
{
	char name[NAME_MAX_FD];
	struct text text = { name, name + sizeof(name) };

	text_add_fd(&text, value_fd);
	text_end(&text);
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, name, 0);
}

static int fs_set_all(int fs_fd, const struct overlay_stack *stack, int empty_fd)
{
	for (size_t i = 0; i < stack->lower_count; i++)
		if (fs_set(fs_fd, "lowerdir+", stack->lowers[i]) < 0)
			return -1;
	if (empty_fd >= 0 && fs_set(fs_fd, "lowerdir+", empty_fd) < 0)
		return -1;
	if (stack->upper >= 0 && (fs_set(fs_fd, "upperdir", stack->upper) < 0 ||
				  fs_set(fs_fd, "workdir", stack->work) < 0))
		return -1;
	/* As all runtimes have it; it names nothing. */
	if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0)
		return -1;
	if (stack->is_volatile && fsconfig(fs_fd, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return -1;
	/* It would be written to the upper directory; since Linux 6.6 it need not be. */
	(void)!fsconfig(fs_fd, FSCONFIG_SET_STRING, "uuid", "null", 0);
	return fsconfig(fs_fd, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
}

/** A finished file system as a mount that is attached nowhere; -1 with errno. */
static int fs_mount(int fs_fd)
{
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs_fd, FSMOUNT_CLOEXEC, 0);
}

/** Whether a layer hides all below it: overlayfs looks for the mark everywhere but in its root. */
static bool is_opaque(int layer_fd)
{
	char name[NAME_MAX_FD], value;
	struct text text = { name, name + sizeof(name) };

	text_add_fd(&text, layer_fd);
	text_end(&text);
	return getxattr(name, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static size_t visible_count(const int *lowers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_opaque(lowers[i]))
			return i + 1;
	return count;
}

static int mount_by_calls(const struct overlay_stack *stack, int empty_fd)
{
	owned(fd) int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);

	if (fs_fd < 0 || fs_set_all(fs_fd, stack, empty_fd) < 0)
		return -1;
	return fs_mount(fs_fd);
}

/**
 * A directory to mount on for a moment, made by us and nobody else's; false with errno.  Its name
 * is random: sandboxes that begin at the same time share the file system, and in their namespaces
 * they have the same numbers.
 */
static bool place_make(char *name, size_t size, const char *what)
{
	struct text text = { name, name + size };
	unsigned random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	text_add(&text, "/tmp/.mpemu-");
	text_add(&text, what);
	for (size_t i = 0; i < countof(random); i++) {
		text_add(&text, "-");
		text_add_number(&text, random[i]);
	}
	text_end(&text);
	return mkdir(name, 0700) == 0;
}

/** Mount on a place of our own, take the mount from there, and leave no trace of the place. */
static int mount_by_place(const char *type, const char *options)
{
	char place[64];
	int fd = -1, saved;

	if (!place_make(place, sizeof(place), type))
		return -1;
	if (mount(type, place, type, 0, options) == 0) {
		fd = open_tree(AT_FDCWD, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		saved = errno;
		umount2(place, MNT_DETACH);
		errno = saved;
	}
	saved = errno;
	rmdir(place);
	errno = saved;
	return fd;
}

static int mount_by_string(const struct overlay_stack *stack, int empty_fd)
{
	char options[OPTIONS_MAX];
	struct text text = { options, options + sizeof(options) };

	text_add(&text, "userxattr,lowerdir=");
	for (size_t i = 0; i < stack->lower_count; i++) {
		text_add(&text, i ? ":" : "");
		text_add_fd(&text, stack->lowers[i]);
	}
	if (empty_fd >= 0) {
		text_add(&text, stack->lower_count ? ":" : "");
		text_add_fd(&text, empty_fd);
	}
	if (stack->upper >= 0) {
		text_add(&text, ",upperdir=");
		text_add_fd(&text, stack->upper);
		text_add(&text, ",workdir=");
		text_add_fd(&text, stack->work);
	}
	text_add(&text, stack->is_volatile ? ",volatile" : "");
	if (!text_end(&text)) {
		errno = E2BIG;
		return -1;
	}
	return mount_by_place("overlay", options);
}

static int empty_by_calls(void)
{
	owned(fd) int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0)
		return -1;
	return fs_mount(fs_fd);
}

/** With an empty file system at the bottom, which has to be attached before kernel 6.15. */
static int mount_over_empty(const struct overlay_stack *stack,
			    int (*mount_stack)(const struct overlay_stack *, int))
{
	owned(fd) int empty = empty_by_calls();
	char place[64];
	int fd = -1, saved;

	if (empty < 0)
		return -1;
	if (kernel_reaches(6, 15)) {
		fd = mount_stack(stack, empty);
		if (fd >= 0 || errno != EINVAL)
			return fd;
	}
	if (!place_make(place, sizeof(place), "empty"))
		return -1;
	if (move_mount(empty, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) == 0) {
		owned(fd) int below = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

		fd = below < 0 ? -1 : mount_stack(stack, below);
		saved = errno;
		umount2(place, MNT_DETACH);
		errno = saved;
	}
	saved = errno;
	rmdir(place);
	errno = saved;
	return fd;
}

int overlay_mount(const struct overlay_stack *all)
{
	struct overlay_stack visible = *all;
	const struct overlay_stack *stack = &visible;
	int fd = -1;
	bool lone;

	visible.lower_count = visible_count(all->lowers, all->lower_count);
	if (stack->lower_count > OVERLAY_LAYERS_MAX)
		return -E2BIG;
	if (stack->lower_count == 0 && stack->upper < 0) {
		fd = empty_by_calls();
		return fd < 0 ? -errno : fd;
	}
	lone = stack->lower_count == 0 || (stack->lower_count == 1 && stack->upper < 0);
	errno = EINVAL;
	if (kernel_reaches(6, 5))
		fd = lone ? mount_over_empty(stack, mount_by_calls) : mount_by_calls(stack, -1);
	/* An unknown "lowerdir+" is EINVAL too, as are many true faults: the older way tells. */
	if (fd < 0 && errno == EINVAL)
		fd = lone ? mount_over_empty(stack, mount_by_string) : mount_by_string(stack, -1);
	return fd < 0 ? -errno : fd;
}

/** Open every directory of a stack; `fds` has room for all of them and starts as -1. */
static result stack_open(const char *const *paths, size_t count, int *fds, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		ending_await(paths[i]);
		fds[i] = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return fail_sys(err, "open layer %s", paths[i]);
	}
	return OK;
}

static result stack_mount(const char *const *paths, size_t lower_count, size_t count, int *fds,
			  int *root_fd, struct error *err)
{
	struct overlay_stack stack = { fds, lower_count, -1, -1, false };
	int fd;

	if (stack_open(paths, count, fds, err))
		return FAILED;
	if (count > lower_count) {
		stack.upper = fds[lower_count];
		stack.work = fds[lower_count + 1];
	}
	fd = overlay_mount(&stack);
	if (fd < 0) {
		errno = -fd;
		return fail_sys(err, "mount an overlay of %zu layers", lower_count);
	}
	*root_fd = fd;
	return OK;
}

result overlay_open(const char *const *lowers, size_t lower_count, const char *upper,
		    const char *work, int *root_fd, struct error *err)
{
	size_t count = lower_count + (upper ? 2 : 0);
	const char **paths;
	int *fds;
	result done;

	if (lower_count > OVERLAY_LAYERS_MAX)
		return fail(err, FAULT_INPUT,
			    "image has %zu layers: more than the %d that overlayfs takes",
			    lower_count, OVERLAY_LAYERS_MAX);
	paths = xcalloc(count, sizeof(*paths));
	fds = xcalloc(count, sizeof(*fds));
	for (size_t i = 0; i < count; i++)
		fds[i] = -1;
	if (lower_count)
		memcpy(paths, lowers, lower_count * sizeof(*paths));
	if (upper) {
		paths[lower_count] = upper;
		paths[lower_count + 1] = work;
	}
	done = stack_mount(paths, lower_count, count, fds, root_fd, err);
	for (size_t i = 0; i < count; i++)
		fd_drop(&fds[i]);
	free(fds);
	free(paths);
	return done;
}
