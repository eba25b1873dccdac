/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_arch.h"

#include "base/mem.h"
#include "base/text.h"

#include <elf.h>
#include <string.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

/* clang-format off */
static const struct twin_arch arches[] = {
	{ "amd64", "", "amd64", "x86_64", "x86_64", "x86_64-linux-gnu", "x86_64",
	  "/lib64/ld-linux-x86-64.so.2", EM_X86_64, true, false,
	  "x86_64-pc-linux-gnu", "x86_64-unknown-linux-gnu" },
	{ "arm64", "", "arm64", "aarch64", "aarch64", "aarch64-linux-gnu", "aarch64",
	  "/lib/ld-linux-aarch64.so.1", EM_AARCH64, true, false,
	  "aarch64-unknown-linux-gnu", "aarch64-unknown-linux-gnu" },
	{ "riscv64", "", "riscv64", "riscv64", "riscv64", "riscv64-linux-gnu", "riscv64",
	  "/lib/ld-linux-riscv64-lp64d.so.1", EM_RISCV, true, false, NULL, NULL },
	{ "ppc64le", "", "ppc64el", "ppc64le", "ppc64le", "powerpc64le-linux-gnu", "ppc64le",
	  "/lib64/ld64.so.2", EM_PPC64, true, false, NULL, NULL },
	{ "loong64", "", "loong64", "loongarch64", "loongarch64", "loongarch64-linux-gnu",
	  "loongarch64", "/lib64/ld-linux-loongarch-lp64d.so.1", EM_LOONGARCH, true, false, NULL, NULL },
	{ "mips64le", "", "mips64el", "mips64el", "mips64el", "mips64el-linux-gnuabi64", "mips64",
	  "/lib64/ld.so.1", EM_MIPS, true, false, NULL, NULL },
	{ "s390x", "", "s390x", "s390x", "s390x", "s390x-linux-gnu", "s390x",
	  "/lib/ld64.so.1", EM_S390, true, true, NULL, NULL },
	{ "386", "", "i386", "x86", "i686", "i386-linux-gnu", "i686",
	  "/lib/ld-linux.so.2", EM_386, false, false, NULL, NULL },
	{ "arm", "v7", "armhf", "armv7", "armv7hl", "arm-linux-gnueabihf", "armv7l",
	  "/lib/ld-linux-armhf.so.3", EM_ARM, false, false, NULL, NULL },
	{ "arm", "v6", "armhf", "armhf", "armv6hl", "arm-linux-gnueabihf", "armv7l",
	  "/lib/ld-linux-armhf.so.3", EM_ARM, false, false, NULL, NULL },
	{ "arm", "v5", "armel", "armel", "armv5tel", "arm-linux-gnueabi", "armv7l",
	  "/lib/ld-linux.so.3", EM_ARM, false, false, NULL, NULL },
};
/* clang-format on */

const struct twin_arch *twin_arch_find(const struct platform *platform)
{
	if (strcmp(platform->os, "linux") != 0)
		return NULL;
	for (size_t i = 0; i < countof(arches); i++)
		if (strcmp(arches[i].arch, platform->arch) == 0 &&
		    (!*arches[i].variant || strcmp(arches[i].variant, platform->variant) == 0))
			return &arches[i];
	return NULL;
}

const char *twin_arch_package(const struct twin_arch *arch, enum package_kind kind)
{
	switch (kind) {
	case PACKAGES_APK:
		return arch->apk;
	case PACKAGES_RPM:
		return arch->rpm;
	case PACKAGES_DPKG:
	case PACKAGES_NONE:
		break;
	}
	return arch->deb;
}

const char *twin_arch_musl(const struct twin_arch *arch)
{
	static const struct {
		const char *arch, *musl;
	} names[] = {
		{ "ppc64le", "powerpc64le" },
		{ "386", "i386" },
		{ "arm", "armhf" },
	};

	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(names[i].arch, arch->arch) == 0)
			return names[i].musl;
	return arch->apk;
}

bool twin_arch_runs(const struct twin_arch *arch, const struct elf_kind *kind)
{
	return kind->is_program && kind->machine == arch->machine && kind->is_64 == arch->is_64 &&
	       kind->is_big == arch->is_big;
}

/** What two machines have other words for in paths. */
struct word {
	const char *from, *to;
};

static void words_map(const char *path, const struct word *words, size_t count, struct buf *out)
{
	while (*path) {
		size_t length = 0;

		for (size_t i = 0; i < count && !length; i++) {
			if (!words[i].from || !words[i].to || !starts_with(path, words[i].from))
				continue;
			buf_add_str(out, words[i].to);
			length = strlen(words[i].from);
		}
		if (!length)
			buf_add_char(out, *path);
		path += length ? length : 1;
	}
}

void twin_path_map(const struct twin_arch *from, const struct twin_arch *to, bool is_cross,
		   const char *path, struct buf *out)
{
	const char *loader = strrchr(from->loader, '/'), *at;
	owned(str) char *musl = xasprintf("/ld-musl-%s.so.1", twin_arch_musl(from));
	const struct word words[] = { { from->triple, to->triple }, { from->rust, to->rust } };

	if (!is_cross && ends_with(path, musl)) {
		buf_add(out, path, strlen(path) - strlen(musl));
		buf_printf(out, "/ld-musl-%s", twin_arch_musl(to));
		path = ".so.1";
	} else if (!is_cross && ends_with(path, loader)) {
		/* Libraries have one name everywhere, but for the loader. */
		owned(str) char *folder = xstrndup(path, strlen(path) - strlen(loader));

		twin_path_map(from, to, false, folder, out);
		path = strrchr(to->loader, '/');
	} else if (!is_cross) {
		owned(str) char *ours = xasprintf("/linux_%s/", from->arch);
		owned(str) char *theirs = xasprintf("/linux_%s/", to->arch);

		at = strstr(path, ours);
		if (at) {
			buf_add(out, path, (size_t)(at - path));
			buf_add_str(out, theirs);
			path = at + strlen(ours);
		}
		words_map(path, words, countof(words), out);
		return;
	} else {
		at = strstr(path, "/gcc/");
		if (at) {
			buf_add(out, path, (size_t)(at - path));
			buf_add_str(out, "/gcc-cross/");
			path = at + strlen("/gcc/");
		}
	}
	buf_add_str(out, path);
}
