/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of QEMU's user-mode emulators: which platforms each serves, and the ELF header that
 * the kernel shall know its programs by.
 *
 * A mask leaves out what differs between good programs of one architecture: the OSABI byte (7), the
 * ABI version (8) where a C library sets it, and the lowest bit of e_type, so that ET_EXEC (2) and
 * ET_DYN (3) both match.  Class, byte order and machine always count, hence no rule ever matches a
 * program of the host or of another emulator.
 */
#include "binfmt/binfmt.h"
#include "binfmt/elf.h"

#include <string.h>

/* clang-format off */
#define IDENT(class, data) 0x7f, 'E', 'L', 'F', class, data, 1
#define LE(class, high, low) { IDENT(class, 1), [16] = 2, [18] = low, [19] = high }
#define BE(class, high, low) { IDENT(class, 2), [17] = 2, [18] = high, [19] = low }

/* What is compared: bytes 4 to 8 as given, padding, type and machine. */
#define MASK(version, osabi, abiversion, type16, type17) \
	0xff, 0xff, 0xff, 0xff, 0xff, version, version, osabi, abiversion, \
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, type16, type17, 0xff, 0xff
#define LE_ANY { MASK(0xff, 0x00, 0xff, 0xfe, 0xff) } /* any OSABI */
#define BE_ANY { MASK(0xff, 0x00, 0xff, 0xff, 0xfe) }
#define LE_GNU { MASK(0xff, 0xfc, 0xff, 0xfe, 0xff) } /* OSABI 0 to 3: System V, GNU */
#define BE_GNU { MASK(0xff, 0xfc, 0xff, 0xff, 0xfe) }
#define LE_ABI { MASK(0xff, 0xfc, 0x00, 0xfe, 0xff) } /* and any ABI version */
#define LE_X86 { MASK(0xfe, 0x00, 0xff, 0xfe, 0xff) } /* hand-made headers with zeros: runs, too */
#define LE_MIPS { MASK(0xff, 0x00, 0x00, 0xfe, 0xff) } /* glibc counts MIPS' ABI version up */
#define BE_MIPS { MASK(0xff, 0x00, 0x00, 0xff, 0xfe) }

/*
 * o32 and n32 differ in a flag only: EF_MIPS_ABI2, bit 5 of e_flags, which is at offset 36.
 */
#define LE_O32 { IDENT(1, 1), [16] = 2, [18] = 8 }
#define BE_O32 { IDENT(1, 2), [17] = 2, [19] = 8 }
#define LE_N32 { IDENT(1, 1), [16] = 2, [18] = 8, [36] = 0x20 }
#define BE_N32 { IDENT(1, 2), [17] = 2, [19] = 8, [39] = 0x20 }
#define LE_32MIPS { MASK(0xff, 0x00, 0x00, 0xfe, 0xff), [36] = 0x20 }
#define BE_32MIPS { MASK(0xff, 0x00, 0x00, 0xff, 0xfe), [39] = 0x20 }

static const struct emulator table[] = {
	/* name                 platforms                                   magic                 mask */
	{ "qemu-x86_64",       { "linux/amd64" },                           LE(2, 0x00, 0x3e), LE_X86 },
	{ "qemu-i386",         { "linux/386" },                             LE(1, 0x00, 0x03), LE_X86 },
	{ "qemu-aarch64",      { "linux/arm64" },                           LE(2, 0x00, 0xb7), LE_ANY },
	{ "qemu-arm",          { "linux/arm/v7", "linux/arm/v6", "linux/arm/v5" },
	                                                                    LE(1, 0x00, 0x28), LE_ANY },
	{ "qemu-riscv64",      { "linux/riscv64" },                         LE(2, 0x00, 0xf3), LE_ANY },
	{ "qemu-s390x",        { "linux/s390x" },                           BE(2, 0x00, 0x16), BE_GNU },
	{ "qemu-ppc64le",      { "linux/ppc64le" },                         LE(2, 0x00, 0x15), LE_GNU },
	{ "qemu-ppc64",        { "linux/ppc64" },                           BE(2, 0x00, 0x15), BE_GNU },
	{ "qemu-mips64el",     { "linux/mips64le" },                        LE(2, 0x00, 0x08), LE_MIPS },
	{ "qemu-mips64",       { "linux/mips64" },                          BE(2, 0x00, 0x08), BE_MIPS },
	{ "qemu-mipsel",       { "linux/mipsle" },                          LE_O32,            LE_32MIPS },
	{ "qemu-mips",         { "linux/mips" },                            BE_O32,            BE_32MIPS },
	{ "qemu-loongarch64",  { "linux/loong64" },                         LE(2, 0x01, 0x02), LE_ABI },
	{ "qemu-riscv32",      { "linux/riscv" },                           LE(1, 0x00, 0xf3), LE_ANY },
	{ "qemu-ppc",          { "linux/ppc" },                             BE(1, 0x00, 0x14), BE_GNU },
	{ "qemu-sparc64",      { "linux/sparc64" },                         BE(2, 0x00, 0x2b), BE_GNU },
	{ "qemu-sparc",        { "linux/sparc" },                           BE(1, 0x00, 0x02), BE_GNU },
	{ "qemu-aarch64_be",   { "linux/arm64be" },                         BE(2, 0x00, 0xb7), BE_ANY },
	{ "qemu-armeb",        { "linux/armbe" },                           BE(1, 0x00, 0x28), BE_ANY },
	{ "qemu-mipsn32el",    { NULL },                                    LE_N32,            LE_32MIPS },
	{ "qemu-mipsn32",      { NULL },                                    BE_N32,            BE_32MIPS },
	{ "qemu-sparc32plus",  { NULL },                                    BE(1, 0x00, 0x12), BE_GNU },
	{ "qemu-alpha",        { NULL },                                    LE(2, 0x90, 0x26), LE_ANY },
	{ "qemu-hppa",         { NULL },                                    BE(1, 0x00, 0x0f), BE_ANY },
	{ "qemu-m68k",         { NULL },                                    BE(1, 0x00, 0x04), BE_ANY },
	{ "qemu-sh4",          { NULL },                                    LE(1, 0x00, 0x2a), LE_GNU },
	{ "qemu-sh4eb",        { NULL },                                    BE(1, 0x00, 0x2a), BE_GNU },
	{ "qemu-or1k",         { NULL },                                    BE(1, 0x00, 0x5c), BE_ANY },
	{ "qemu-microblaze",   { NULL },                                    BE(1, 0x00, 0xbd), BE_ANY },
	{ "qemu-microblazeel", { NULL },                                    LE(1, 0x00, 0xbd), LE_ANY },
	{ "qemu-nios2",        { NULL },                                    LE(1, 0x00, 0x71), LE_ANY },
	{ "qemu-hexagon",      { NULL },                                    LE(1, 0x00, 0xa4), LE_ANY },
	{ "qemu-xtensa",       { NULL },                                    LE(1, 0x00, 0x5e), LE_ANY },
	{ "qemu-xtensaeb",     { NULL },                                    BE(1, 0x00, 0x5e), BE_ANY },
	{ "qemu-cris",         { NULL },                                    LE(1, 0x00, 0x4c), LE_ANY },
};
/* clang-format on */

const struct emulator *emulators(size_t *count)
{
	*count = countof(table);
	return table;
}

/** Whether `emulator` lists a platform of this architecture, or is called after it. */
static bool serves(const struct emulator *emulator, const char *arch)
{
	for (const char *const *platform = emulator->platforms; *platform; platform++) {
		const char *named = strchr(*platform, '/') + 1;

		if (strncmp(named, arch, strlen(arch)) == 0 && strchr("/", named[strlen(arch)]))
			return true;
	}
	return !emulator->platforms[0] && strcmp(emulator_arch(emulator), arch) == 0;
}

const struct emulator *emulator_for(const struct platform *platform)
{
	if (strcmp(platform->os, "linux") != 0)
		return NULL;
	/* QEMU's x86 stops short of what v3 promises (see the CPUs of linux-user). */
	if (strcmp(platform->arch, "amd64") == 0 && platform->variant[0] &&
	    strcmp(platform->variant, "v2") != 0)
		return NULL;
	for (size_t i = 0; i < countof(table); i++) {
		if (serves(&table[i], platform->arch))
			return &table[i];
	}
	return NULL;
}

const struct emulator *emulator_for_file(const void *head, size_t length)
{
	for (size_t i = 0; i < countof(table); i++) {
		if (elf_matches(head, length, table[i].magic, table[i].mask, ELF_HEAD_MAX))
			return &table[i];
	}
	return NULL;
}

const struct emulator *emulator_host(void)
{
	struct platform host = platform_host();

	return emulator_for(&host);
}
