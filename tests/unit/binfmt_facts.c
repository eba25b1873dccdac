/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/binfmt.h"

#include "tests/tap.h"

#include <elf.h>
#include <string.h>

struct bytes {
	uint8_t data[1024];
	size_t length, asked;
};

static size_t read_bytes(void *closure, uint64_t offset, void *data, size_t length)
{
	struct bytes *bytes = closure;

	bytes->asked += length;
	if (offset >= bytes->length)
		return 0;
	if (length > bytes->length - offset)
		length = bytes->length - (size_t)offset;
	memcpy(data, bytes->data + offset, length);
	return length;
}

static struct elf_facts facts_of(struct bytes *bytes)
{
	struct elf_facts facts;

	elf_facts_read(read_bytes, bytes, &facts);
	return facts;
}

/** A 64-bit program with one segment of `type` holding `content`. */
static struct bytes wide_program(uint16_t machine, uint32_t type, const void *content, size_t size)
{
	struct bytes out = { .length = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + size };
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			      .e_type = ET_EXEC,
			      .e_machine = machine,
			      .e_phoff = sizeof(header),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = 1 };
	Elf64_Phdr segment = { .p_type = type,
			       .p_offset = sizeof(header) + sizeof(segment),
			       .p_filesz = size };

	memcpy(out.data, &header, sizeof(header));
	memcpy(out.data + sizeof(header), &segment, sizeof(segment));
	memcpy(out.data + sizeof(header) + sizeof(segment), content, size);
	return out;
}

/** A 32-bit ARM program whose attributes say Tag_CPU_arch `arch` after a name. */
static struct bytes arm_program(uint8_t arch)
{
	const uint8_t attributes[] = { 'A', 23, 0, 0, 0, 'a', 'e', 'a', 'b', 'i', 0, 1,
				       13,  0,  0, 0, 5, 'n', 'a', 'm', 'e', 0,   6, arch };
	struct bytes out = { .length =
				     sizeof(Elf32_Ehdr) + sizeof(Elf32_Shdr) + sizeof(attributes) };
	Elf32_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
			      .e_type = ET_EXEC,
			      .e_machine = EM_ARM,
			      .e_shoff = sizeof(header),
			      .e_shentsize = sizeof(Elf32_Shdr),
			      .e_shnum = 1 };
	Elf32_Shdr section = { .sh_type = 0x70000003,
			       .sh_offset = sizeof(header) + sizeof(section),
			       .sh_size = sizeof(attributes) };

	memcpy(out.data, &header, sizeof(header));
	memcpy(out.data + sizeof(header), &section, sizeof(section));
	memcpy(out.data + sizeof(header) + sizeof(section), attributes, sizeof(attributes));
	return out;
}

static enum elf_fit fit(struct bytes bytes, const char *name, char why[128])
{
	struct elf_facts facts = facts_of(&bytes);
	struct platform platform;
	struct error err = {};

	CHECK(!platform_parse(name, &platform, &err));
	return elf_fits(&facts, &platform, why);
}

static const struct {
	uint16_t machine;
	const char *platform;
	enum elf_fit want;
} machines[] = {
	{ EM_AARCH64, "linux/arm64", ELF_FITS },     { EM_AARCH64, "linux/amd64", ELF_WRONG },
	{ EM_X86_64, "linux/amd64/v3", ELF_FITS },   { EM_X86_64, "linux/386", ELF_WRONG },
	{ EM_RISCV, "linux/riscv64", ELF_FITS },     { EM_BPF, "linux/arm64", ELF_DEVICE },
	{ EM_PPC64, "linux/ppc64le", ELF_FITS },     { EM_S390, "linux/s390x", ELF_WRONG },
	{ EM_AARCH64, "linux/amd64/v3", ELF_WRONG }, { EM_AARCH64, "linux/arm/v7", ELF_WRONG },
};

TEST(a_machine_fits_its_platform_only)
{
	for (size_t i = 0; i < countof(machines); i++) {
		char why[128];

		CHECK(fit(wide_program(machines[i].machine, PT_NULL, "", 0), machines[i].platform,
			  why) == machines[i].want);
	}
}

static const struct {
	uint8_t arch;
	const char *platform;
	enum elf_fit want;
} arms[] = {
	{ 10, "linux/arm/v7", ELF_FITS },  { 10, "linux/arm/v6", ELF_WRONG },
	{ 6, "linux/arm/v6", ELF_FITS },   { 7, "linux/arm/v6", ELF_FITS },
	{ 6, "linux/arm/v5", ELF_WRONG },  { 4, "linux/arm/v5", ELF_FITS },
	{ 14, "linux/arm/v7", ELF_WRONG }, { 10, "linux/arm64", ELF_OTHER },
};

TEST(arm_code_fits_cpus_that_have_its_instructions)
{
	for (size_t i = 0; i < countof(arms); i++) {
		char why[128];

		CHECK(fit(arm_program(arms[i].arch), arms[i].platform, why) == arms[i].want);
	}
	CHECK(facts_of(&(struct bytes){}).arm_arch == -1);
}

TEST(a_loader_is_read)
{
	struct bytes program = wide_program(EM_AARCH64, PT_INTERP, "/lib/ld.so", 11);
	struct bytes cut = program;

	CHECK_STR(facts_of(&program).loader, "/lib/ld.so");
	cut.length--;
	CHECK_STR(facts_of(&cut).loader, "");
}

TEST(a_level_of_x86_64_is_read)
{
	const uint8_t note[] = { 4, 0,    0, 0,    16, 0, 0, 0, 5, 0, 0, 0, 'G', 'N', 'U', 0,
				 2, 0x80, 0, 0xc0, 4,  0, 0, 0, 7, 0, 0, 0, 0,   0,   0,   0 };
	struct bytes program = wide_program(EM_X86_64, PT_NOTE, note, sizeof(note));
	char why[128];

	CHECK(facts_of(&program).x86_level == 3);
	CHECK(fit(program, "linux/amd64", why) == ELF_NEWER);
	CHECK_STR(why, "x86-64-v3 code, which not every CPU of the platform runs");
	CHECK(fit(program, "linux/amd64/v3", why) == ELF_FITS);
	CHECK(fit(program, "linux/amd64/v2", why) == ELF_NEWER);
}

TEST(a_file_that_lies_about_its_size_costs_little)
{
	struct bytes program = wide_program(EM_X86_64, PT_NOTE, "", 0);
	Elf64_Ehdr *header = (Elf64_Ehdr *)program.data;

	header->e_phnum = 0xffff;
	header->e_shnum = 0xffff;
	header->e_phoff = 0;
	header->e_phentsize = sizeof(Elf64_Phdr);
	(void)facts_of(&program);
	CHECK(program.asked < 1 << 20);
	memset(program.data + 16, 0xff, 48);
	(void)facts_of(&program);
	CHECK(program.asked < 1 << 20);
}
