/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What an ELF file says of the machine that it is for, read with limits from files of unknown
 * origin, and compared with what an image promises.
 */
#include "binfmt/binfmt.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More than any linker makes; past it the rest is not looked at. */
enum { SEGMENTS_MAX = 256, SECTIONS_MAX = 4096, NOTES_MAX = 65536, ATTRIBUTES_MAX = 4096 };

/* Where fields are in the two classes. */
struct shape {
	size_t header, phoff, shoff, phentsize, phnum, shentsize, shnum, word;
	size_t p_offset, p_filesz, sh_offset, sh_size, segment, section;
};

/* clang-format off */
static const struct shape shapes[2] = {
	{ sizeof(Elf32_Ehdr), offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf32_Ehdr, e_shoff),
	  offsetof(Elf32_Ehdr, e_phentsize), offsetof(Elf32_Ehdr, e_phnum),
	  offsetof(Elf32_Ehdr, e_shentsize), offsetof(Elf32_Ehdr, e_shnum), 4,
	  offsetof(Elf32_Phdr, p_offset), offsetof(Elf32_Phdr, p_filesz),
	  offsetof(Elf32_Shdr, sh_offset), offsetof(Elf32_Shdr, sh_size),
	  sizeof(Elf32_Phdr), sizeof(Elf32_Shdr) },
	{ sizeof(Elf64_Ehdr), offsetof(Elf64_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_shoff),
	  offsetof(Elf64_Ehdr, e_phentsize), offsetof(Elf64_Ehdr, e_phnum),
	  offsetof(Elf64_Ehdr, e_shentsize), offsetof(Elf64_Ehdr, e_shnum), 8,
	  offsetof(Elf64_Phdr, p_offset), offsetof(Elf64_Phdr, p_filesz),
	  offsetof(Elf64_Shdr, sh_offset), offsetof(Elf64_Shdr, sh_size),
	  sizeof(Elf64_Phdr), sizeof(Elf64_Shdr) },
};
/* clang-format on */

/** A file being read. */
struct file {
	elf_reader *read;
	void *closure;
	const struct shape *shape;
	bool big;
	uint8_t header[sizeof(Elf64_Ehdr)];
};

static uint64_t number(const struct file *file, const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[file->big ? i : size - 1 - i];
	return value;
}

static uint64_t field(const struct file *file, size_t offset, size_t size)
{
	return number(file, file->header + offset, size);
}

static bool read_whole(const struct file *file, uint64_t offset, void *data, size_t length)
{
	return file->read(file->closure, offset, data, length) == length;
}

/* ---- x86-64 levels ---- */

/** The bits of GNU_PROPERTY_X86_ISA_1_NEEDED as a level. */
static int isa_level(uint64_t bits)
{
	int level = 0;

	for (int i = 0; i < 4; i++) {
		if (bits & 1u << i)
			level = i + 1;
	}
	return level;
}

static int level_of_properties(const struct file *file, const uint8_t *at, size_t length)
{
	static const uint32_t needed = 0xc0008002;
	size_t step = file->shape->word;

	while (length >= 8) {
		uint64_t type = number(file, at, 4), size = number(file, at + 4, 4);

		if (size > length - 8)
			return 0;
		if (type == needed && size == 4)
			return isa_level(number(file, at + 8, 4));
		size = 8 + (size + step - 1) / step * step;
		if (size > length)
			return 0;
		at += size;
		length -= size;
	}
	return 0;
}

static void notes_read(const struct file *file, uint64_t offset, uint64_t size,
		       struct elf_facts *out)
{
	static const uint32_t property_note = 5;
	uint8_t notes[4096];
	size_t length, at = 0;

	if (size > NOTES_MAX)
		return;
	length = file->read(file->closure, offset, notes,
			    size < sizeof(notes) ? (size_t)size : sizeof(notes));
	while (length - at >= 16) {
		uint64_t name = number(file, notes + at, 4), body = number(file, notes + at + 4, 4);
		size_t start = at + 12 + (size_t)((name + 3) & ~3ul);

		if (name > sizeof(notes) || body > sizeof(notes) || start + body > length)
			return;
		if (name == 4 && memcmp(notes + at + 12, "GNU", 4) == 0 &&
		    number(file, notes + at + 8, 4) == property_note)
			out->x86_level = level_of_properties(file, notes + start, (size_t)body);
		at = start + (size_t)((body + 3) & ~3ul);
		if (at > length)
			return;
	}
}

/* ---- segments ---- */

static void loader_read(const struct file *file, uint64_t offset, uint64_t size,
			struct elf_facts *out)
{
	if (size == 0 || size >= sizeof(out->loader) ||
	    !read_whole(file, offset, out->loader, (size_t)size))
		size = 0;
	out->loader[size] = '\0';
}

static void segments_read(const struct file *file, struct elf_facts *out)
{
	const struct shape *shape = file->shape;
	uint64_t start = field(file, shape->phoff, shape->word);
	uint64_t count = field(file, shape->phnum, 2);
	uint8_t segment[sizeof(Elf64_Phdr)];

	if (field(file, shape->phentsize, 2) != shape->segment)
		return;
	for (uint64_t i = 0; i < count && i < SEGMENTS_MAX; i++) {
		uint64_t type, offset, size;

		if (!read_whole(file, start + i * shape->segment, segment, shape->segment))
			return;
		type = number(file, segment, 4);
		offset = number(file, segment + shape->p_offset, shape->word);
		size = number(file, segment + shape->p_filesz, shape->word);
		if (type == PT_INTERP)
			loader_read(file, offset, size, out);
		if (type == PT_NOTE && out->machine == EM_X86_64 && !out->x86_level)
			notes_read(file, offset, size, out);
	}
}

/* ---- ARM attributes ---- */

/** A number in base 128; false past the end. */
static bool uleb(const uint8_t *data, size_t length, size_t *at, uint64_t *out)
{
	*out = 0;
	for (int shift = 0; *at < length && shift < 63; shift += 7) {
		uint8_t byte = data[(*at)++];

		*out |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/** Tag_CPU_arch among the attributes of the whole file. */
static int arch_of_attributes(const uint8_t *data, size_t length)
{
	enum { CPU_RAW_NAME = 4, CPU_NAME = 5, CPU_ARCH = 6, COMPATIBILITY = 32 };
	size_t at = 0;
	uint64_t tag, value;

	while (uleb(data, length, &at, &tag)) {
		bool has_text = tag == CPU_RAW_NAME || tag == CPU_NAME || tag == 65 || tag == 67;

		if (tag == COMPATIBILITY && !uleb(data, length, &at, &value))
			return -1;
		if (has_text || tag == COMPATIBILITY) {
			at += strnlen((const char *)data + at, length - at) + 1;
			if (at > length)
				return -1;
			continue;
		}
		if (!uleb(data, length, &at, &value))
			return -1;
		if (tag == CPU_ARCH)
			return value < 64 ? (int)value : -1;
	}
	return -1;
}

/** 'A', then: length, "aeabi", then of the file: 1, length, attributes. */
static int arm_arch_read(const struct file *file, uint64_t offset, uint64_t size)
{
	static const char vendor[] = "aeabi";
	static const size_t head = 1 + 4 + sizeof(vendor) + 1 + 4;
	uint8_t data[ATTRIBUTES_MAX];
	uint64_t inner;
	size_t length;

	if (size > sizeof(data) || size < head || !read_whole(file, offset, data, (size_t)size))
		return -1;
	length = (size_t)size;
	if (data[0] != 'A' || memcmp(data + 5, vendor, sizeof(vendor)) != 0 ||
	    data[5 + sizeof(vendor)] != 1)
		return -1;
	/* The length counts from the tag before it. */
	inner = number(file, data + head - 4, 4);
	if (inner < 5 || inner - 5 > length - head)
		return -1;
	return arch_of_attributes(data + head, (size_t)inner - 5);
}

static int arm_arch_find(const struct file *file)
{
	static const uint32_t attributes = 0x70000003;
	const struct shape *shape = file->shape;
	uint64_t start = field(file, shape->shoff, shape->word);
	uint64_t count = field(file, shape->shnum, 2);
	uint8_t section[sizeof(Elf64_Shdr)];

	if (field(file, shape->shentsize, 2) != shape->section)
		return -1;
	for (uint64_t i = 0; i < count && i < SECTIONS_MAX; i++) {
		if (!read_whole(file, start + i * shape->section, section, shape->section))
			return -1;
		if (number(file, section + 4, 4) == attributes)
			return arm_arch_read(file,
					     number(file, section + shape->sh_offset, shape->word),
					     number(file, section + shape->sh_size, shape->word));
	}
	return -1;
}

void elf_facts_read(elf_reader *read, void *closure, struct elf_facts *out)
{
	struct file file = { .read = read, .closure = closure };
	size_t length = read(closure, 0, file.header, sizeof(file.header));
	uint8_t class = file.header[EI_CLASS], data = file.header[EI_DATA];

	*out = (struct elf_facts){ .arm_arch = -1 };
	if (length < sizeof(Elf32_Ehdr) || memcmp(file.header, ELFMAG, SELFMAG) != 0 ||
	    (class != ELFCLASS32 && class != ELFCLASS64) ||
	    (data != ELFDATA2LSB && data != ELFDATA2MSB))
		return;
	file.shape = &shapes[class == ELFCLASS64];
	file.big = data == ELFDATA2MSB;
	if (length < file.shape->header)
		return;
	out->is_elf = true;
	out->wide = class == ELFCLASS64;
	out->big_endian = file.big;
	out->type = (uint16_t)field(&file, offsetof(Elf32_Ehdr, e_type), 2);
	out->machine = (uint16_t)field(&file, offsetof(Elf32_Ehdr, e_machine), 2);
	segments_read(&file, out);
	if (out->machine == EM_ARM && !out->wide)
		out->arm_arch = arm_arch_find(&file);
}

static size_t read_descriptor(void *closure, uint64_t offset, void *data, size_t length)
{
	ssize_t got;

	if (offset > INT64_MAX)
		return 0;
	got = pread(*(int *)closure, data, length, (off_t)offset);
	return got < 0 ? 0 : (size_t)got;
}

void elf_facts_of(int fd, struct elf_facts *out)
{
	elf_facts_read(read_descriptor, &fd, out);
}

/* ---- does it fit? ---- */

/* clang-format off */
static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ EM_386, "x86" }, { EM_X86_64, "x86-64" }, { EM_ARM, "ARM" }, { EM_AARCH64, "AArch64" },
	{ EM_RISCV, "RISC-V" }, { EM_PPC64, "PowerPC64" }, { EM_PPC, "PowerPC" },
	{ EM_S390, "S/390" }, { EM_MIPS, "MIPS" }, { 258, "LoongArch" }, { EM_SPARCV9, "SPARC64" },
	{ EM_68K, "m68k" }, { EM_ALPHA, "Alpha" }, { EM_SH, "SuperH" }, { EM_PARISC, "PA-RISC" },
};

/* Programs of the second run on CPUs of the first, where the kernel has that switched on. */
static const struct {
	const char *arch;
	uint16_t machine;
} also[] = { { "amd64", EM_386 }, { "arm64", EM_ARM } };

/* BPF, AMD and NVIDIA GPUs, and such: no CPU's programs. */
static const uint16_t devices[] = { EM_BPF, EM_AMDGPU, EM_CUDA };

/* The newest Tag_CPU_arch that runs there; 11 and 12 are microcontrollers. */
static const struct {
	const char *variant, *name;
	int newest;
} arm_variants[] = { { "v5", "ARMv5", 5 }, { "v6", "ARMv6", 9 }, { "v7", "ARMv7", 10 },
		     { "v8", "ARMv8", 14 } };
/* clang-format on */

static void describe(const struct elf_facts *facts, char why[128])
{
	char other[32];
	const char *name = other;

	snprintf(other, sizeof(other), "machine %u", facts->machine);
	for (size_t i = 0; i < countof(machines); i++) {
		if (machines[i].machine == facts->machine)
			name = machines[i].name;
	}
	snprintf(why, 128, "%s, %s-bit, %s-endian", name, facts->wide ? "64" : "32",
		 facts->big_endian ? "big" : "little");
}

static enum elf_fit arm_fits(const struct elf_facts *facts, const struct platform *platform,
			     char why[128])
{
	static const char *const names[] = { "before v4", "v4",    "v4T",  "v5T", "v5TE", "v5TEJ",
					     "v6",        "v6KZ",  "v6T2", "v6K", "v7",   "v6-M",
					     "v6S-M",     "v7E-M", "v8-A", "v8-R" };
	const char *variant = *platform->variant ? platform->variant : "v7";

	for (size_t i = 0; i < countof(arm_variants); i++) {
		if (strcmp(variant, arm_variants[i].variant) != 0 ||
		    facts->arm_arch <= arm_variants[i].newest)
			continue;
		snprintf(why, 128, "ARM%s code, which %s CPUs do not run",
			 (size_t)facts->arm_arch < countof(names) ? names[facts->arm_arch]
								  : " v8 or newer",
			 arm_variants[i].name);
		return ELF_WRONG;
	}
	return ELF_FITS;
}

static enum elf_fit x86_fits(const struct elf_facts *facts, const struct platform *platform,
			     char why[128])
{
	int promised = platform->variant[0] == 'v' ? platform->variant[1] - '0' : 1;

	if (facts->x86_level <= promised)
		return ELF_FITS;
	snprintf(why, 128, "x86-64-v%d code, which not every CPU of the platform runs",
		 facts->x86_level);
	return ELF_NEWER;
}

/** Levels of x86-64 have one header; whether an emulator does them does not matter here. */
static const struct emulator *emulator_of_arch(const struct platform *platform)
{
	struct platform plain = *platform;

	if (strcmp(plain.arch, "amd64") == 0)
		plain.variant[0] = '\0';
	return emulator_for(&plain);
}

enum elf_fit elf_fits(const struct elf_facts *facts, const struct platform *platform, char why[128])
{
	const struct emulator *emulator = emulator_of_arch(platform);
	const uint8_t *magic = emulator ? emulator->magic : NULL;
	struct file file = { .big = magic && magic[EI_DATA] == ELFDATA2MSB };

	*why = '\0';
	for (size_t i = 0; i < countof(devices); i++) {
		if (facts->machine == devices[i])
			return ELF_DEVICE;
	}
	if (!magic || !facts->is_elf)
		return ELF_FITS;
	if (facts->machine != number(&file, magic + offsetof(Elf32_Ehdr, e_machine), 2) ||
	    facts->wide != (magic[EI_CLASS] == ELFCLASS64) || facts->big_endian != file.big) {
		describe(facts, why);
		for (size_t i = 0; i < countof(also); i++) {
			if (strcmp(platform->arch, also[i].arch) == 0 &&
			    facts->machine == also[i].machine && !facts->wide)
				return ELF_OTHER;
		}
		return ELF_WRONG;
	}
	if (facts->machine == EM_ARM && !facts->wide)
		return arm_fits(facts, platform, why);
	return facts->machine == EM_X86_64 ? x86_fits(facts, platform, why) : ELF_FITS;
}
