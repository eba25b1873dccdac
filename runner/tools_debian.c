/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of what installs packages, and of the scripts that do their part of it.
 */
#include "runner/tools_internal.h"

#include "base/text.h"

#define USERS "changes files of texts; where it writes records of logins it is emulated"

/* clang-format off */
static const struct tool rows[] = {
	/* ---- never ---- */
	{ .package = "dpkg-dev", .flags = TOOL_DENIED, .reason = MACHINE },

	/* ---- Debian's packages ---- */
	{ .package = "dpkg", .path = "*/dpkg-deb", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .machine = LIST("$d"), .refuse = LIST("--version"),
	  .refuse_width = LIST("-b", "--build"), /* threads as memory allows */
	  .reason = "unpacks archives; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-query", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-split", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "reads archives; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-trigger", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-divert", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-statoverride", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .refuse = LIST("--version"), .reason = "a database of text" },
	{ .package = "dpkg", .path = "*/dpkg-realpath", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .refuse = LIST("--version"), .reason = BYTES },
	{ .package = "dpkg", .path = "*/update-alternatives", .mode = TOOL_SAFE,
	  .flags = TOOL_ANY_WIDTH, .reason = "a database of text" },
	{ .package = "apt", .path = "*/bin/apt*", .mode = TOOL_SAFE,
	  .refuse = LIST("--version", "-v"), .machine = LIST("?$d"),
	  .reason = "texts and hashes; the library's name of the machine is exchanged" },
	{ .package = "apt", .path = "*/lib/apt/*", .mode = TOOL_SAFE, .machine = LIST("?$d"),
	  .reason = "moves and checks bytes; the library's name of the machine is exchanged" },
	{ .package = "sqv", .path = "*/sqv", .mode = TOOL_SAFE, .refuse = LIST("--version"),
	  .reason = "what it computes is defined bit by bit" },

	/* ---- users: texts, but for /var/log/lastlog, where records have the size of their machine ---- */
	{ .package = "passwd", .path = "*/sbin/useradd", .mode = TOOL_SAFE,
	  .unless_text = "/var/log/lastlog", .reason = USERS },
	{ .package = "passwd", .path = "*/sbin/group*[dl]", .mode = TOOL_SAFE,
	  .unless_text = "/var/log/lastlog", .reason = USERS },
	{ .package = "passwd", .path = "*/sbin/pw*", .mode = TOOL_SAFE,
	  .unless_text = "/var/log/lastlog", .reason = USERS },
	{ .package = "passwd", .path = "*/sbin/grp*", .mode = TOOL_SAFE,
	  .unless_text = "/var/log/lastlog", .reason = USERS },

	/* ---- perl, and the scripts that it may run ---- */
	{ .package = "perl-base", .path = "*/bin/perl", .mode = TOOL_SAFE,
	  .flags = TOOL_INTERPRETER | TOOL_BY_NAME,
	  .modules = LIST("/usr/lib/$T/perl-base", "/usr/lib/$T/perl5", "/usr/lib/$T/perl",
			  "/usr/local/lib/$T/perl"),
	  .foreign = LIST("/usr/lib/$T/perl-base/Config.pm",
			  "/usr/lib/$T/perl-base/Config_heavy.pl"),
	  .reason = "runs known scripts only; what it was configured for is told by the target's files" },
	{ .package = "debconf", .path = "/usr/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "init-system-helpers", .path = "*bin/*", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT, .reason = SCRIPTED },
	{ .package = "libpam-runtime", .path = "*bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "adduser", .path = "*bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "autoconf", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "automake", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "debhelper", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	/* It has the modules of perl-base's program too. */
	{ .package = "perl", .path = "*/bin/pod2*", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT | TOOL_FETCH, .reason = SCRIPTED },

	/* ---- python, and what compiles its modules ---- */
	{ .package = "python3.[0-9]*-minimal", .path = "*/bin/python3.[0-9]*", .mode = TOOL_SAFE,
	  .flags = TOOL_INTERPRETER | TOOL_FMA | TOOL_NAN,
	  .machine = LIST("$T", "?.abi3-$T.so", "?.cpython-311-$T.so", "?.cpython-312-$T.so",
			  "?.cpython-313-$T.so", "?.cpython-314-$T.so"),
	  .loads_from = "/usr/lib/$N/lib-dynload",
	  .loads = LIST("_bz2.*", "_lzma.*", "_multibytecodec.*", "_codecs_*"),
	  /* More processes talk through other modules. */
	  .refuse = LIST("!-j1", "-j*", "--workers*"),
	  .scripts = LIST("m:py_compile", "m:compileall",
			  "c:import importlib.util; print(importlib.util.MAGIC_NUMBER)",
			  "c:import sys; print(sys.implementation.cache_tag)"),
	  .reason = "runs known scripts only; compiled modules have the byte order of their format, "
		    "constants are computed in doubles; modules that only have to do with bytes have "
		    "twins, and loading any other one trips" },
	{ .package = "libpython3.[0-9]*-minimal", .path = "*/py_compile.py", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT | TOOL_MODULE, .reason = SCRIPTED },
	{ .package = "libpython3.[0-9]*-stdlib", .path = "*/compileall.py", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT | TOOL_MODULE, .reason = SCRIPTED },
	{ .package = "python3-minimal", .path = "*/bin/py3c*", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT, .reason = SCRIPTED },
	{ .package = "python3-minimal", .path = "*/py3versions.py", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT, .reason = SCRIPTED },
};
/* clang-format on */

const struct tool_group tools_debian = { rows, countof(rows) };
