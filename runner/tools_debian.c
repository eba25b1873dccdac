/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of what installs packages, and of the scripts that do their part of it.
 */
#include "runner/tools_internal.h"

#include "base/text.h"

/** What python loads. */
#define MODULE (TOOL_LIBRARY | TOOL_FMA)

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

	/* ---- python, what compiles its modules, and what it loads ---- */
	{ .package = "python3.[0-9]*-minimal", .path = "*/bin/python3.[0-9]*", .mode = TOOL_SAFE,
	  .flags = TOOL_INTERPRETER | TOOL_ALL_SCRIPTS | TOOL_COMPANION | TOOL_FMA | TOOL_NAN | TOOL_FETCH,
	  .machine = LIST("$T", "?.abi3-$T.so", "?.cpython-311-$T.so", "?.cpython-312-$T.so",
			  "?.cpython-313-$T.so", "?.cpython-314-$T.so"),
	  .loads = "/usr/lib/$N/lib-dynload/_bz2.cpython-$V-$T.so",
	  .scripts = LIST("m:py_compile", "m:compileall", "m:pip", "m:venv",
			  "c:import importlib.util; print(importlib.util.MAGIC_NUMBER)",
			  "c:import sys; print(sys.implementation.cache_tag)"),
	  .reason = "compiled modules have the byte order of their format, numbers are doubles, and what "
		    "asks for the machine is answered for the target or trips, as do unknown libraries" },
	{ .package = "libpython3.[0-9]*-stdlib", .path = "*/_sqlite3.cpython-*", .flags = TOOL_DENIED,
	  .reason = "reads and writes numbers by way of long doubles" },
	{ .package = "libpython3.[0-9]*", .path = "*/lib-dynload/*test*", .flags = TOOL_DENIED,
	  .reason = "for tests of python itself" },
	{ .package = "libpython3.[0-9]*", .path = "*/*.cpython-*", .mode = TOOL_SAFE,
	  .flags = MODULE | TOOL_FETCH, .reason = "as python itself" },
	{ .package = "python3-yaml", .path = "*/_yaml.cpython-*", .mode = TOOL_SAFE, .flags = MODULE,
	  .reason = BYTES },
	{ .package = "python3-markupsafe", .path = "*/_speedups.cpython-*", .mode = TOOL_SAFE,
	  .flags = MODULE, .reason = BYTES },
	{ .package = "python3-cffi-backend", .path = "*/_cffi_backend.cpython-*", .mode = TOOL_SAFE,
	  .flags = MODULE, .reason = "libraries that it is told to load, and their functions, trip" },
	{ .package = "python3-cryptography", .path = "*/_rust.abi3*", .mode = TOOL_SAFE,
	  .flags = MODULE, .reason = "what it computes is defined bit by bit" },
	{ .package = "python3-bcrypt", .path = "*/_bcrypt.*", .mode = TOOL_SAFE, .flags = MODULE,
	  .reason = "what it computes is defined bit by bit" },
	{ .package = "cython3", .path = "*/*.cpython-*", .mode = TOOL_SAFE, .flags = MODULE,
	  .reason = "compiled from python, without numbers" },
	{ .package = "libpython3.[0-9]*-minimal", .path = "*/py_compile.py", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT | TOOL_MODULE, .reason = SCRIPTED },
	{ .package = "libpython3.[0-9]*-stdlib", .path = "*/compileall.py", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT | TOOL_MODULE, .reason = SCRIPTED },
	{ .package = "python3-minimal", .path = "*/bin/py3c*", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT, .reason = SCRIPTED },
	{ .package = "python3-pip", .path = "*/bin/pip*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "meson", .path = "*/bin/meson", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "python3-minimal", .path = "*/py3versions.py", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT, .reason = SCRIPTED },
};
/* clang-format on */

const struct tool_group tools_debian = { rows, countof(rows) };
