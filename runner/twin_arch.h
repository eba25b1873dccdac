/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What an architecture is called by Debian, Alpine, compilers and ELF.
 */
#ifndef RUNNER_TWIN_ARCH_H
#define RUNNER_TWIN_ARCH_H

#include "base/platform.h"
#include "base/text.h"
#include "runner/native.h"
#include "runner/packages.h"

struct twin_arch {
	const char *arch, *variant; /* of OCI; variant "": any */
	const char *deb, *apk, *rpm, *triple, *uname;
	const char *loader; /* of the GNU C library */
	uint16_t machine;
	bool is_64, is_big;
	/* The target that clang and rustc have by default; NULL: not known. */
	const char *llvm, *rust;
};

/** NULL where the platform is not known. */
const struct twin_arch *twin_arch_find(const struct platform *platform);

/** What its packages say that they are for. */
const char *twin_arch_package(const struct twin_arch *arch, enum package_kind kind);

/** What musl calls it, in its loader's name "ld-musl-NAME.so.1". */
const char *twin_arch_musl(const struct twin_arch *arch);

/** Whether an ELF file of this kind is a program of the architecture. */
bool twin_arch_runs(const struct twin_arch *arch, const struct elf_kind *kind);

/**
 * Where a package of `to` has what a package of `from` has at `path`: triples are exchanged, as are
 * Rust's and Go's names of directories, and in a cross toolchain compilers are in gcc-cross.  Added
 * to `out`.
 */
void twin_path_map(const struct twin_arch *from, const struct twin_arch *to, bool is_cross,
		   const char *path, struct buf *out);

#endif
