/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where emulators are installed, and what they say of themselves.
 */
#include "binfmt/elf.h"
#include "binfmt/process.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { HEAD_BYTES = 4096 };

static const char *const usual_places[] = {
	"/usr/bin",
	"/usr/local/bin",
	"/usr/libexec/qemu-binfmt",
	"/opt/qemu/bin",
};

/** Debian's names first; distributions that link qemu-user statically leave the suffix out. */
static const char *const suffixes[] = { "-static", "" };

/* clang-format off */
static const struct {
	const char *tool, *package, *command;
} distributions[] = {
	{ "/usr/bin/apt-get", "qemu-user-static",  "apt-get install qemu-user-static" },
	{ "/usr/bin/dnf",     "qemu-user-static",  "dnf install qemu-user-static"     },
	{ "/usr/bin/pacman",  "qemu-user-static",  "pacman -S qemu-user-static"       },
	{ "/usr/bin/zypper",  "qemu-linux-user",   "zypper install qemu-linux-user"   },
	{ "/sbin/apk",        NULL,                "apk add"                          },
};
/* clang-format on */

static bool is_usable(const char *path)
{
	owned(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[HEAD_BYTES];
	struct stat info;
	ssize_t got;

	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || !(info.st_mode & 0111))
		return false;
	got = read(fd, head, sizeof(head));
	return got > 0 && elf_is_static(head, (size_t)got);
}

static bool find_in(const char *dir, const char *name, char path[PATH_MAX])
{
	for (size_t i = 0; i < countof(suffixes); i++) {
		char candidate[PATH_MAX];

		if (snprintf(candidate, sizeof(candidate), "%s/%s%s", dir, name, suffixes[i]) >=
			    (int)sizeof(candidate) ||
		    !is_usable(candidate))
			continue;
		strcpy(path, candidate);
		return true;
	}
	return false;
}

/** One line of advice that fits the distribution. */
static result missing(const struct emulator *emulator, const char *where, struct error *err)
{
	size_t i = 0;

	while (i + 1 < countof(distributions) && access(distributions[i].tool, X_OK) < 0)
		i++;
	if (access(distributions[i].tool, X_OK) < 0)
		i = 0;
	if (!distributions[i].package)
		return fail(err, FAULT_MISSING, "%s is not installed in %s: try '%s %s'",
			    emulator->name, where, distributions[i].command, emulator->name);
	return fail(err, FAULT_MISSING,
		    "%s-static is not installed in %s: package %s has it, try '%s'", emulator->name,
		    where, distributions[i].package, distributions[i].command);
}

result emulator_find(const struct emulator *emulator, const char *qemu_dir, char path[PATH_MAX],
		     struct error *err)
{
	char dir[PATH_MAX];

	if (!qemu_dir)
		qemu_dir = getenv("MPEMU_QEMU_DIR");
	if (qemu_dir && *qemu_dir) {
		/* The kernel wants an absolute path, whoever started us where. */
		if (!realpath(qemu_dir, dir))
			return fail(err, FAULT_MISSING, "emulators in %.200s: %s", qemu_dir,
				    strerror(errno));
		return find_in(dir, emulator->name, path) ? OK : missing(emulator, dir, err);
	}
	for (size_t i = 0; i < countof(usual_places); i++) {
		if (find_in(usual_places[i], emulator->name, path))
			return OK;
	}
	return missing(emulator, usual_places[0], err);
}

static int print_version(const void *arg)
{
	/* Not its path: Debian's QEMU takes a name ending in "-binfmt-P" for a mode of its own. */
	char name[] = "qemu", option[] = "--version";
	char *argv[] = { name, option, NULL };
	char *envp[] = { NULL };

	execve(arg, argv, envp);
	return 1;
}

void emulator_version(const char *path, char version[128])
{
	static const char before[] = " version ";
	struct process process;
	struct error ignored;
	const char *start;

	version[0] = '\0';
	if (process_run(print_version, path, PROCESS_PATIENCE_MS, &process, &ignored) ||
	    process.failed_step || !WIFEXITED(process.status) || WEXITSTATUS(process.status) != 0)
		return;
	start = strstr(process.output, before);
	if (!start)
		return;
	start += strlen(before);
	snprintf(version, 128, "%.*s", (int)strcspn(start, "\r\n\x1b"), start);
}
