/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of compilers that need no cross toolchain: LLVM's, Rust's and Go's compile for every target
 * wherever they run, and a native one is told the target that the foreign one has by itself.
 */
#include "runner/tools_internal.h"

#include "base/text.h"

/*
 * LLVM folds calls of mathematical functions with the C library's own, which give the same on a CPU
 * that has fused multiply-add; all else it computes in its own software floats, in integers, or
 * with single operations of doubles.  Of Debian's for arm64, no function that decides about code
 * has a fused multiply-add but for probabilities that a program names itself, which are rounded to
 * 31 bits.
 *
 * Plugins are the target's, and "native" asks for the CPU.  Files with arguments may have both.
 */
#define LLVM_FLAGS  (TOOL_FMA | TOOL_LONG_DOUBLE | TOOL_FETCH)
#define LLVM_REFUSE "@*", "native", "~=native", "-load*", "--load*"
#define LLVM_REASON "the same code generators, which do not ask where they run"

/* What it is told of itself would stand in what these record. */
#define CLANG_REFUSE                                                                           \
	LLVM_REFUSE, "-v", "-version", "-fplugin*", "-fpass-plugin*", "-frecord-command-line", \
		"-frecord-gcc-switches", "-grecord-*", "-fembed-bitcode*", "--config*",        \
		"--driver-mode*", "-fcuda*", "--cuda*", "--offload*", "-fopenmp-targets*",     \
		"-xcuda", "-xhip", "cuda", "hip"

/* Macros are libraries of the target's machine, which it would have to load. */
#define RUSTC_FLAGS (LLVM_FLAGS | TOOL_TRIPLE | TOOL_PLUGINS | TOOL_PRELOAD_OK)
#define RUSTC_REFUSE                                                                          \
	LLVM_REFUSE, "~.so", "-V*", "-v*", "--version*", "host-tuple", "~=host-tuple", "-Z*", \
		"llvm-args*", "-Cllvm-args*", "--codegen*", "--target=*", "--sysroot*"
#define RUSTC_REASON LLVM_REASON "; macros, which it would have to load, are refused"

/* The go command sets it for all that it starts; who starts them by hand means the target. */
#define GO_ENV    LIST("?GOARCH=$A")
#define GO_REASON "what Go's tools write is the same on every host, which its makers check"

/* clang-format off */
static const struct tool rows[] = {
	/* ---- clang ---- */
	{ .package = "clang-[0-9]*", .path = "*/bin/clang", .mode = TOOL_SAFE,
	  .flags = LLVM_FLAGS | TOOL_BY_NAME | TOOL_TRIPLE,
	  .names = LIST("clang", "clang++*", "clang-1*", "clang-2*", "clang-cpp*", "cc", "c++", "cpp",
			"c89", "c99"),
	  .refuse = LIST(CLANG_REFUSE), .insert = LIST("--target=$L"),
	  .insert_unless = LIST("--target*", "-target*", "-cc1*"), .reason = LLVM_REASON },
	{ .package = "lld-[0-9]*", .path = "*/bin/lld", .mode = TOOL_SAFE,
	  .flags = LLVM_FLAGS | TOOL_BY_NAME, .refuse = LIST(LLVM_REFUSE),
	  .reason = "the same linker, and for link-time optimisation the same code generators" },
	{ .package = "llvm-[0-9]*", .path = "*/bin/llvm-ar", .mode = TOOL_SAFE,
	  .flags = TOOL_BY_NAME | TOOL_FETCH,
	  .refuse = LIST("@*", "--version", "-version", "-V", "--help", "-h", "-M"),
	  .reason = "archives of the one format that all targets with ELF have" },

	/* ---- Rust ---- */
	{ .package = "rustc", .path = "/usr/bin/rustc", .mode = TOOL_SAFE,
	  .flags = RUSTC_FLAGS, .refuse = LIST(RUSTC_REFUSE),
	  .insert = LIST("--target=$S", "--sysroot=/usr"), .insert_unless = LIST("--target"),
	  .before = LIST("--target", "--sysroot=/usr"), .reason = RUSTC_REASON },
	{ .package = UNPACKED_PREFIX "rust-*", .path = "*/bin/rustc", .mode = TOOL_SAFE,
	  .flags = RUSTC_FLAGS, .refuse = LIST(RUSTC_REFUSE),
	  .insert = LIST("--target=$S", "--sysroot=$D"), .insert_unless = LIST("--target"),
	  .before = LIST("--target", "--sysroot=$D"), .reason = RUSTC_REASON },

	/* ---- Go ---- */
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/asm", .mode = TOOL_SAFE,
	  .env = GO_ENV, .flags = TOOL_GO | TOOL_FETCH, .reason = GO_REASON },
	/* Older ones come to what is no number in whatever they compile (1.19 does). */
	{ .package = "golang-1.2[4-9]-go", .path = "*/pkg/tool/linux_*/compile", .mode = TOOL_SAFE,
	  .env = GO_ENV, .flags = TOOL_GO | TOOL_FETCH | TOOL_NAN,
	  .refuse = LIST("-bench*", "--bench*", "-pgoprofile*", "--pgoprofile*"),
	  .reason = GO_REASON "; a constant that does not fit an integer it asks the CPU for, and trips" },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/link", .mode = TOOL_SAFE,
	  .env = GO_ENV, .flags = TOOL_GO | TOOL_FETCH, .reason = GO_REASON },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/cgo", .mode = TOOL_SAFE,
	  .env = GO_ENV, .flags = TOOL_GO | TOOL_FETCH,
	  .reason = GO_REASON "; starts the foreign compiler and reads what that says" },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/vet", .mode = TOOL_SAFE,
	  .env = GO_ENV, .flags = TOOL_GO | TOOL_FETCH, .reason = GO_REASON },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/cover", .mode = TOOL_SAFE,
	  .env = GO_ENV, .flags = TOOL_GO | TOOL_FETCH, .reason = GO_REASON },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/pack", .mode = TOOL_SAFE,
	  .flags = TOOL_GO | TOOL_FETCH, .reason = BYTES },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/buildid", .mode = TOOL_SAFE,
	  .flags = TOOL_GO | TOOL_FETCH, .reason = BYTES },
	{ .package = "golang-[0-9]*-go", .path = "*/pkg/tool/linux_*/test2json", .mode = TOOL_SAFE,
	  .flags = TOOL_GO | TOOL_FETCH, .reason = BYTES },
	{ .package = "golang-[0-9]*-go", .path = "*/bin/gofmt", .mode = TOOL_SAFE,
	  .flags = TOOL_GO | TOOL_FETCH, .reason = BYTES },
};
/* clang-format on */

const struct tool_group tools_languages = { rows, countof(rows) };
