/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rows.  Names are Debian's, Alpine's and Fedora's at once; globs as fnmatch() has them, where
 * `*` also matches a slash.
 *
 * What a reviewer asks of a row of TOOL_SAFE: does the program look at the machine (uname, its own
 * compiled-in triple, /proc/cpuinfo)?  Does it compute with what differs between CPUs (long double,
 * the sign of a NaN, fused multiply-add)?  Does it write a format that has the host's byte order or
 * word size?  With TOOL_ANY_WIDTH: are its numbers 64 bits wide on machines of 32 bits too (that
 * its times are is looked at)?  Does it load code (plugins, modules) that a user may have put into
 * the foreign root? Does it depend on the CPU's own features or number beyond how fast it is?  Each
 * is answered by arguments that are refused, texts that are exchanged, or the row is not of
 * TOOL_SAFE.
 */
#ifndef RUNNER_TOOLS_INTERNAL_H
#define RUNNER_TOOLS_INTERNAL_H

#include "runner/tools.h"

/**
 * Rows of one subject, those of TOOL_DENIED first.  All rows of a package are in one group, but for
 * those of programs that are many at once, which are asked before all others.
 */
struct tool_group {
	const struct tool *rows;
	size_t count;
};

extern const struct tool_group tools_applets, tools_base, tools_debian, tools_compilers,
	tools_languages;

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define BYTES    "works on bytes and lines, with integers"
#define CODEC    "the format and the encoder's choices are defined bit by bit, in integers"
#define MACHINE  "tells the machine, which is what it is asked for"
#define SCRIPTED "a script that works on texts, and asks other programs for the machine"
#define PROCESS  "acts on processes and namespaces, where the emulator is in the way or wanted"

#endif
