/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of compilers: their parts, and those of binutils, are in a cross toolchain.
 */
#include "runner/tools_internal.h"

#include "base/text.h"

/*
 * gcc's drivers: what they start is decided by their specs, which are the foreign driver's.  What
 * they are asked about themselves is refused; so are the CPU that they run on, languages that the
 * cross compiler does not have, a place of another system, offloading, and files with arguments
 * that the dispatcher cannot see.  A driver that can offload adds options to -lm and -lgfortran,
 * and to each program that g++ links; they stand in the debug information.
 */
#define DRIVER_FLAGS                                                                       \
	(TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK | \
	 TOOL_DRIVER)
#define OFFLOAD "-foffload-options=-l_GCC_"
#define DRIVER_REFUSE                                                                          \
	"@*", "-v", "-###", "--*", "-dumpspecs", "-print-sysroot*", "-fopenmp*", "-fopenacc*", \
		"!" OFFLOAD "m", "-foffload*", "-mcpu=native*", "-march=native*",              \
		"-mtune=native*", "-no-canonical-prefixes", "-Xlinker", "-l", "~.rs", "rust",  \
		"-xrust"
#define DRIVER_REASON "starts the compiler's parts as the foreign driver's specs say"

/*
 * Objects that the linker's plugin is to compile on are not those of the target's compiler where
 * that has narrower words (gcc 14 for armhf: other bytes in five sections), and have the byte order
 * of the compiler, in which the plugin reads them.
 */
#define LTO "-flto*"

/* What compiles C and what compiles C++ are one program but for the language. */
#define COMPILER                                                                                  \
	.flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK, \
	.refuse = LIST("-v", "-version", "-fplugin*", "-fself-test*", "-fpch*", "-mcpu=native",   \
		       "-march=native", "-mtune=native"),                                         \
	.refuse_width = LIST(LTO), .refuse_endian = LIST(LTO),                                    \
	.reason = "the same compiler for the same target, which computes constants in software"

/* What gcc-ar and its like start, telling it the linker's plugin. */
#define ARCHIVER(name)                                                                         \
	{                                                                                      \
		.package = "binutils*", .path = "*/bin/*-linux-gnu*-" name, .mode = TOOL_SAFE, \
		.flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_PRELOAD_OK,                        \
		.refuse = LIST("--version", "-V", "--help", "-h", "-H"),                       \
		.refuse_width = LIST("--plugin"), .plugin_from = "$G/liblto_plugin.so",        \
		.plugin_to = "$R$C/liblto_plugin.so",                                          \
		.reason = "the same tool for the same target, built for another host"          \
	}

/* clang-format off */
static const struct tool rows[] = {
	/* ---- never ---- */
	{ .package = "binutils*", .path = "*-gprof*", .flags = TOOL_DENIED,
	  .reason = "reads what programs of the target counted; not reviewed" },
	{ .package = "gcc-*", .path = "*/gcov*", .flags = TOOL_DENIED,
	  .reason = "reads what programs of the target counted; not reviewed" },
	{ .package = "gcc-*", .path = "*/lto-dump*", .flags = TOOL_DENIED, .reason = "not reviewed" },

	/* ---- compilers: from a cross toolchain ---- */
	/* The order of symbols is that of a table of hashes, which are as wide as the host's words. */
	{ .package = "binutils*", .path = "*-ld.bfd", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("--verbose", "-V", "-v", "--version"),
	  .plugin_from = "$G/liblto_plugin.so", .plugin_to = "$R$C/liblto_plugin.so",
	  .refuse_endian = LIST("-plugin*", "--plugin*"),
	  .reason = "the same linker for the same target, built for another host" },
	{ .package = "binutils*", .path = "*-ld.gold", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("-V", "-v", "--version", "-plugin", "--plugin*"),
	  .reason = "the same linker for the same target, built for another host" },
	{ .package = "binutils*", .path = "*-as", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("--version", "-v", "--statistics"),
	  .reason = "the same assembler for the same target, built for another host" },
	ARCHIVER("ar"), ARCHIVER("nm"), ARCHIVER("ranlib"),
	{ .package = "binutils*", .path = "*/bin/*-linux-gnu*-*", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_PRELOAD_OK,
	  .refuse = LIST("--plugin*", "--version", "-V", "--help", "-h", "-H", "--info", "-i"),
	  .reason = "the same tool for the same target, built for another host" },
	{ .package = "cpp-*", .path = "*/cc1", .mode = TOOL_SAFE,
	  COMPILER },
	{ .package = "g++-*", .path = "*/cc1plus", .mode = TOOL_SAFE,
	  COMPILER },
	{ .package = "gcc-*", .path = "*/lto1", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_REVISION | TOOL_PRELOAD_OK,
	  .refuse = LIST("-v", "-version", "-fplugin*"),
	  .reason = "the same compiler for the same target, which computes constants in software" },
	{ .package = "gcc-*", .path = "*/collect2", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK |
		   TOOL_PREFIX,
	  .refuse = LIST("-v", "--version"),
	  .reason = "starts the linker, by the names that the driver tells" },
	{ .package = "gcc-*", .path = "*/lto-wrapper", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK,
	  .reason = "starts the compiler, by the names that the driver tells" },

	{ .package = "gcc-*", .path = "*/bin/*-gcc-[0-9]*", .mode = TOOL_SAFE, .flags = DRIVER_FLAGS,
	  .refuse = LIST(DRIVER_REFUSE), .if_text = OFFLOAD "m",
	  .before = LIST("-lm", OFFLOAD "m", "-lgfortran", OFFLOAD "gfortran"),
	  .reason = DRIVER_REASON },
	{ .package = "cpp-*", .path = "*/bin/*-cpp-[0-9]*", .mode = TOOL_SAFE, .flags = DRIVER_FLAGS,
	  .refuse = LIST(DRIVER_REFUSE, "-lm", "-lgfortran"), .reason = DRIVER_REASON },
	{ .package = "g++-*", .path = "*/bin/*-g++-[0-9]*", .mode = TOOL_SAFE, .flags = DRIVER_FLAGS,
	  .refuse = LIST(DRIVER_REFUSE, "-lm", "-lgfortran", "-x*", "-", "-nostdlib*", "-nodefaultlibs",
			 "$-o", "$-D", "$-U", "$-I", "$-L", "$-include", "~.h", "~.H", "~.hh", "~.hp", "~.hpp", "~.hxx", "~.HPP", "~.h++", "~.tcc"),
	  .if_text = OFFLOAD "m", .insert = LIST("+" OFFLOAD "m"),
	  .insert_unless = LIST("-c", "-S", "-E", "-M", "-MM", "-r", "-fsyntax-only"),
	  .reason = DRIVER_REASON },
};
/* clang-format on */

const struct tool_group tools_compilers = { rows, countof(rows) };
