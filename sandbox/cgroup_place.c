/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where control groups are: of both versions, also side by side (hybrid), and in version 2 the
 * group whose children can have limits.
 *
 * Version 2 lets a group either hold processes or hand controllers on to its children, except the
 * topmost.  The one that we are in holds at least us.  So it is the one above, where that is ours
 * to use, as it is for root and among the scopes of a user's systemd.  Where it is not (a subtree
 * that was delegated, the topmost group that a container sees), we and all else in our group move
 * to a leaf below it: that is what those who delegate expect.
 */
#include "sandbox/cgroup.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, MOVE_TRIES = 20 };

static const char *const controller_names[CONTROLLERS] = { "memory", "cpu", "pids" };

const char *controller_name(enum controller which)
{
	return controller_names[which];
}

/* ---- of this process ---- */

/** Whether `name` is in a list with commas. */
static bool listed(const char *list, size_t length, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = list; at < list + length;) {
		size_t part = strcspn(at, ",");

		if (at + part > list + length)
			part = (size_t)(list + length - at);
		if (part == size && memcmp(at, name, size) == 0)
			return true;
		at += part + 1;
	}
	return false;
}

/** From "4:memory:/a/b" the path, for a controller; NULL: for version 2, "0::/a/b". */
static bool own_path(const struct strings *lines, const char *controller, char *out, size_t size)
{
	for (size_t i = 0; i < lines->count; i++) {
		const char *list = strchr(lines->items[i], ':'), *path;

		path = list ? strchr(list + 1, ':') : NULL;
		if (!path || strlen(path + 1) >= size)
			continue;
		if (controller ? !listed(list + 1, (size_t)(path - list - 1), controller)
			       : path != list + 1)
			continue;
		snprintf(out, size, "%s", path + 1);
		return true;
	}
	return false;
}

/** One line of mountinfo that is a hierarchy: what of it is mounted where. */
struct mount {
	char root[256], point[256], type[16], options[256];
};

static bool mount_parse(const char *line, struct mount *out)
{
	const char *rest = strstr(line, " - ");

	return rest && sscanf(line, "%*s %*s %*s %255s %255s", out->root, out->point) == 2 &&
	       sscanf(rest, " - %15s %*s %255s", out->type, out->options) == 2;
}

/** `path` of a hierarchy as seen below a mount of its `root`. */
static bool place_set(struct cgroup_place *place, const struct mount *mount, const char *path)
{
	size_t length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
	bool inside = strncmp(path, mount->root, length) == 0 &&
		      (path[length] == '/' || path[length] == '\0');
	int size = snprintf(place->path, sizeof(place->path), "%s%s", mount->point,
			    inside ? path + length : "");

	place->top = strlen(mount->point);

	if (size < 0 || (size_t)size >= sizeof(place->path)) {
		place->path[0] = '\0';
		return false;
	}
	if (ends_with(place->path, "/"))
		place->path[size - 1] = '\0';
	return true;
}

void cgroup_find(const char *cgroups, const char *mounts, struct cgroup_place out[CONTROLLERS])
{
	owned(strings) struct strings own = {}, lines = {};
	struct mount mount;
	char path[256];

	strings_split(&own, cgroups, '\n');
	strings_split(&lines, mounts, '\n');
	memset(out, 0, CONTROLLERS * sizeof(*out));
	for (size_t i = 0; i < lines.count; i++) {
		if (!mount_parse(lines.items[i], &mount))
			continue;
		for (int c = 0; c < CONTROLLERS; c++) {
			const char *name = controller_name((enum controller)c);

			if (strcmp(mount.type, "cgroup") == 0 &&
			    listed(mount.options, strlen(mount.options), name) &&
			    own_path(&own, name, path, sizeof(path)) &&
			    place_set(&out[c], &mount, path))
				out[c].unified = false;
			else if (strcmp(mount.type, "cgroup2") == 0 && !out[c].path[0] &&
				 !own_path(&own, name, path, sizeof(path)) &&
				 own_path(&own, NULL, path, sizeof(path)))
				out[c].unified = place_set(&out[c], &mount, path);
		}
	}
}

result cgroup_places(struct cgroup_place places[CONTROLLERS], struct error *err)
{
	owned(buf) struct buf own = {}, mounts = {};

	if (read_file(AT_FDCWD, "/proc/self/cgroup", FILE_MAX, &own, err) ||
	    read_file(AT_FDCWD, "/proc/self/mountinfo", FILE_MAX, &mounts, err))
		return FAILED;
	cgroup_find(buf_text(&own), buf_text(&mounts), places);
	return OK;
}

/* ---- files of a group ---- */

result cgroup_write(const char *directory, const char *name, const char *text, struct error *err)
{
	owned(str) char *path = xasprintf("%s/%s", directory, name);
	owned(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return fail_sys(err, "write '%s' to %s", text, path);
	return OK;
}

void cgroup_read(const char *directory, const char *name, struct buf *out)
{
	owned(str) char *path = xasprintf("%s/%s", directory, name);
	struct error ignored;

	if (read_file(AT_FDCWD, path, FILE_MAX, out, &ignored))
		buf_clear(out);
}

/* ---- whose children can have controllers ---- */

/** Whether a file of a group lists all the controllers that are wanted, between blanks. */
static bool lists_all(const char *directory, const char *file, unsigned wanted)
{
	owned(buf) struct buf text = {}, line = {};

	cgroup_read(directory, file, &text);
	if (text.length && text.data[text.length - 1] == '\n')
		text.data[--text.length] = '\0';
	buf_printf(&line, " %s ", buf_text(&text));
	for (int which = 0; which < CONTROLLERS; which++) {
		char name[16];

		snprintf(name, sizeof(name), " %s ", controller_names[which]);
		if (wanted & 1u << which && !strstr(buf_text(&line), name))
			return false;
	}
	return true;
}

static char *above(const char *directory)
{
	return xstrndup(directory, (size_t)(strrchr(directory, '/') - directory));
}

/** Whether its own processes are in the way; never those of the topmost of all. */
static bool holds_processes(const char *directory)
{
	owned(buf) struct buf type = {}, processes = {};

	cgroup_read(directory, "cgroup.type", &type);
	cgroup_read(directory, "cgroup.procs", &processes);
	return type.length && processes.length;
}

/** Have a group hand on what is wanted, which for that it must be handed itself. */
static result hand_on(const char *directory, size_t top, unsigned wanted, struct error *err)
{
	owned(buf) struct buf wish = {};

	/* The kernel only refuses it memory: CPUs and processes would be handed to threads. */
	if (holds_processes(directory))
		return fail(err, FAULT_PRIVILEGE, "%s holds processes", directory);
	if (lists_all(directory, "cgroup.subtree_control", wanted))
		return OK;
	if (strlen(directory) > top && !lists_all(directory, "cgroup.controllers", wanted)) {
		owned(str) char *parent = above(directory);

		if (hand_on(parent, top, wanted, err))
			return FAILED;
	}
	for (int which = 0; which < CONTROLLERS; which++) {
		if (wanted & 1u << which)
			buf_printf(&wish, "%s+%s", wish.length ? " " : "", controller_names[which]);
	}
	return cgroup_write(directory, "cgroup.subtree_control", buf_text(&wish), err);
}

/** Move all processes, also those that are forked meanwhile. */
static result processes_move(const char *from, const char *to, struct error *err)
{
	for (int i = 0; i < MOVE_TRIES; i++) {
		owned(buf) struct buf text = {};
		owned(strings) struct strings lines = {};

		cgroup_read(from, "cgroup.procs", &text);
		if (!text.length)
			return OK;
		strings_split(&lines, buf_text(&text), '\n');
		for (size_t line = 0; line < lines.count; line++) {
			const char *pid = lines.items[line];

			/* 0 is one that we do not see, and would mean ourselves. */
			if (strcmp(pid, "0") == 0)
				return fail(err, FAULT_PRIVILEGE, "%s has processes of others",
					    from);
			if (*pid && cgroup_write(to, "cgroup.procs", pid, err) &&
			    kill((pid_t)strtol(pid, NULL, 10), 0) == 0)
				return FAILED;
		}
	}
	return fail(err, FAULT_SYSTEM, "processes of %s multiply", from);
}

/** Make room in a group of ours: once its processes are in a leaf, it can hand on. */
static result leaf_use(const struct cgroup_place *place, unsigned wanted, struct error *err)
{
	owned(str) char *leaf = xasprintf("%s/" CGROUP_LEAF, place->path);
	struct error ignored;

	if (!lists_all(place->path, "cgroup.controllers", wanted))
		return fail(err, FAULT_PRIVILEGE, "%s has not all of them itself", place->path);
	if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
		return fail_sys(err, "%s", leaf);
	if (processes_move(place->path, leaf, err) == OK &&
	    hand_on(place->path, place->top, wanted, err) == OK)
		return OK;
	(void)processes_move(leaf, place->path, &ignored);
	rmdir(leaf);
	return FAILED;
}

result cgroup_parent(const struct cgroup_place *place, unsigned wanted, char **out,
		     struct error *err)
{
	owned(str) char *parent = strlen(place->path) > place->top ? above(place->path) : NULL;
	struct error why = {};

	if (hand_on(place->path, place->top, wanted, &why) == OK) {
		*out = xstrdup(place->path);
		return OK;
	}
	if (parent && access(parent, W_OK) == 0 &&
	    hand_on(parent, place->top, wanted, &why) == OK) {
		*out = take(parent);
		return OK;
	}
	if (leaf_use(place, wanted, &why) == OK) {
		*out = xstrdup(place->path);
		return OK;
	}
	return fail(err, FAULT_PRIVILEGE, "no control group here can have limits: %s%s", why.text,
		    why.sys == EACCES || why.sys == EPERM
			    ? "; try systemd-run --user --scope -p Delegate=yes"
			    : "");
}
