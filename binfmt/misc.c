/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/misc.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

void misc_drop(struct misc *misc)
{
	fd_drop(&misc->dir_fd);
	free(misc->entries);
	misc->entries = NULL;
	misc->count = 0;
}

/** Opening the directory also makes systemd's automount happen. */
static int open_instance(void)
{
	owned(fd) int fd = open(MISC_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs info;

	if (fd < 0 || fstatfs(fd, &info) < 0 || info.f_type != BINFMTFS_MAGIC)
		return -1;
	return fd_take(&fd);
}

static result mount_instance(struct error *err)
{
	if (access(MISC_PATH, F_OK) < 0)
		return fail(err, FAULT_PRIVILEGE,
			    "this kernel has no binfmt_misc: try 'modprobe binfmt_misc' (needs "
			    "CONFIG_BINFMT_MISC), or on the host where this is a container");
	if (mount("binfmt_misc", MISC_PATH, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) == 0)
		return OK;
	if (errno == EPERM || errno == EACCES)
		return fail(err, FAULT_PRIVILEGE,
			    "mount binfmt_misc at %s: not permitted: run as root, and in a "
			    "container with --privileged",
			    MISC_PATH);
	return fail_sys(err, "mount binfmt_misc at %s", MISC_PATH);
}

static result read_entry(int dir_fd, const char *name, struct entry *out, struct error *err)
{
	owned(buf) struct buf text = {};
	struct stat info;

	if (strlen(name) >= sizeof(out->name))
		return fail(err, FAULT_INPUT, "name is too long");
	if (read_file(dir_fd, name, ENTRY_TEXT_MAX, &text, err) ||
	    entry_parse(buf_text(&text), out, err))
		return FAILED;
	if (fstatat(dir_fd, name, &info, 0) == 0)
		out->registered = info.st_mtim;
	strcpy(out->name, name);
	return OK;
}

static result read_entries(struct misc *misc, struct error *err)
{
	int copy = openat(misc->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *item;

	if (!dir) {
		(void)fail_sys(err, "open %s", MISC_PATH);
		fd_drop(&copy);
		return FAILED;
	}
	while (misc->count < MISC_ENTRIES_MAX && (item = readdir(dir))) {
		struct error ignored;

		if (item->d_name[0] == '.' || strcmp(item->d_name, "register") == 0 ||
		    strcmp(item->d_name, "status") == 0)
			continue;
		array_grow(misc->entries, misc->count);
		/* One that vanished meanwhile or is odd is not ours to judge. */
		if (read_entry(misc->dir_fd, item->d_name, &misc->entries[misc->count], &ignored) ==
		    OK)
			misc->count++;
	}
	closedir(dir);
	return OK;
}

result misc_open(bool mount_it, struct misc *out, struct error *err)
{
	struct misc misc = { .dir_fd = open_instance() };

	if (misc.dir_fd < 0 && mount_it) {
		if (mount_instance(err))
			return FAILED;
		misc.dir_fd = open_instance();
		if (misc.dir_fd < 0)
			return fail_sys(err, "open %s", MISC_PATH);
	}
	if (misc.dir_fd >= 0 && read_entries(&misc, err)) {
		misc_drop(&misc);
		return FAILED;
	}
	*out = misc;
	return OK;
}

const struct entry *misc_find(const struct misc *misc, const char *name)
{
	for (size_t i = 0; i < misc->count; i++) {
		if (strcmp(misc->entries[i].name, name) == 0)
			return &misc->entries[i];
	}
	return NULL;
}

const struct entry *misc_match(const struct misc *misc, const void *head, size_t length,
			       const char *prefer)
{
	const struct entry *found = NULL;

	for (size_t i = 0; i < misc->count; i++) {
		const struct entry *entry = &misc->entries[i];

		if (!entry->enabled || !entry_matches(entry, head, length))
			continue;
		if (strcmp(entry->name, prefer) == 0)
			return entry;
		if (!found)
			found = entry;
	}
	return found;
}

/** The kernel wants each command and each rule in one write. */
static result write_once(const struct misc *misc, const char *name, const char *text,
			 struct error *err)
{
	owned(fd) int fd = openat(misc->dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return OK;
	if (errno == EPERM || errno == EACCES || errno == EROFS)
		return fail(err, FAULT_PRIVILEGE, "write %s/%s: %s: %s", MISC_PATH, name,
			    strerror(errno),
			    geteuid() ? "run as root" : "run on the host, or with --privileged");
	return fail_sys(err, "write %s/%s", MISC_PATH, name);
}

result misc_enable(const struct misc *misc, struct error *err)
{
	owned(buf) struct buf status = {};

	if (read_file(misc->dir_fd, "status", ENTRY_TEXT_MAX, &status, err))
		return FAILED;
	if (starts_with(buf_text(&status), "enabled"))
		return OK;
	return write_once(misc, "status", "1", err);
}

result misc_register(const struct misc *misc, const char *rule, struct error *err)
{
	return write_once(misc, "register", rule, err);
}

result misc_remove(const struct misc *misc, const char *name, struct error *err)
{
	return write_once(misc, name, "-1", err);
}
