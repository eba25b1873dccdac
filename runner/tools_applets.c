/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of programs that are many at once, and do what they are called: by a link's name, which is
 * argv[0].  Only names that were looked at are run natively.
 */
#include "runner/tools_internal.h"

#include "base/text.h"

/* A shell that runs the other names in its own process would not ask whether it may: Debian's
 * busybox does, Alpine's does not, and nothing in the file tells.
 *
 * What is left out: uname, arch, nproc and getconf tell the machine, seq and numfmt compute, df and
 * mount show mounts, chroot, stdbuf, nice's kin and all of ps, top and kill act on processes. */
#define COMMON_NAMES                                                                              \
	"[", "base32", "base64", "basename", "cat", "chgrp", "chmod", "chown", "cksum", "comm",   \
		"cp", "cut", "date", "dd", "dirname", "du", "echo", "env", "expand", "expr",      \
		"false", "fold", "groups", "head", "hostid", "id", "install", "link", "ln", "ls", \
		"md5sum", "mkdir", "mkfifo", "mknod", "mktemp", "mv", "nl", "nohup", "od",        \
		"paste", "printenv", "printf", "pwd", "readlink", "realpath", "rm", "rmdir",      \
		"sha1sum", "sha256sum", "sha512sum", "sleep", "sort", "split", "stat", "sum",     \
		"sync", "tac", "tail", "tee", "test", "timeout", "touch", "tr", "true",           \
		"truncate", "tty", "unexpand", "uniq", "unlink", "wc", "whoami", "yes"

/* clang-format off */
static const struct tool rows[] = {
	{ .package = "busybox", .path = "*/busybox", .mode = TOOL_SAFE, .flags = TOOL_ALPINE,
	  .names = LIST(COMMON_NAMES, "ash", "sh", "-ash", "-sh", "[[", "addgroup", "adduser", "bunzip2",
			"bzcat", "bzip2", "cmp", "crc32", "delgroup", "deluser", "diff", "dos2unix",
			"ed", "egrep", "fallocate", "fgrep", "find", "flock", "fsync", "getopt", "grep",
			"gunzip", "gzip", "hostname", "logname", "lzcat", "lzma", "lzop", "lzopcat",
			"nologin", "patch", "rev", "run-parts", "sed", "sha3sum", "sha224sum", "sha384sum",
			"shred", "strings", "tar", "tsort", "uncompress", "unix2dos", "unlzma", "unlzop",
			"unxz", "unzip", "usleep", "uudecode", "uuencode", "wget", "which", "xargs", "xxd",
			"xzcat", "zcat"),
	  .refuse = LIST("~fL", "~f16"), .machine = LIST("BusyBox v*"),
	  .reason = "the names that it has work on bytes, lines and 64-bit integers; awk does not" },
	{ .package = "coreutils*", .path = "*/coreutils", .mode = TOOL_SAFE,
	  .flags = TOOL_LONG_DOUBLE,
	  .names = LIST(COMMON_NAMES, "b2sum", "basenc", "csplit", "dir", "dircolors", "fmt", "join",
			"logname", "pathchk", "pr", "ptx", "sha224sum", "sha384sum", "shred", "shuf",
			"tsort", "vdir", "who"),
	  .refuse = LIST("~fL", "~f16"), .machine = LIST("BusyBox v*"),
	  .reason = "the names that it has work on bytes and integers; a long double trips" },
};
/* clang-format on */

const struct tool_group tools_applets = { rows, countof(rows) };
