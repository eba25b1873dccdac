/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/binfmt.h"
#include "binfmt/elf.h"
#include "binfmt/program.h"

#include "base/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* clang-format off */
static const struct {
	const char *platform, *emulator;
} served[] = {
	{ "linux/amd64",       "qemu-x86_64"      },
	{ "linux/amd64/v2",    "qemu-x86_64"      },
	{ "linux/amd64/v3",    NULL               },
	{ "linux/386",         "qemu-i386"        },
	{ "linux/arm64",       "qemu-aarch64"     },
	{ "linux/arm64/v9",    "qemu-aarch64"     },
	{ "linux/arm",         "qemu-arm"         },
	{ "linux/arm/v6",      "qemu-arm"         },
	{ "linux/arm/v5",      "qemu-arm"         },
	{ "linux/armbe",       "qemu-armeb"       },
	{ "linux/riscv64",     "qemu-riscv64"     },
	{ "linux/s390x",       "qemu-s390x"       },
	{ "linux/ppc64le",     "qemu-ppc64le"     },
	{ "linux/mips64le",    "qemu-mips64el"    },
	{ "linux/mipsle",      "qemu-mipsel"      },
	{ "linux/loong64",     "qemu-loongarch64" },
	{ "linux/riscv",       "qemu-riscv32"     },
	{ "linux/m68k",        "qemu-m68k"        },
	{ "linux/mipsn32",     "qemu-mipsn32"     },
	{ "windows/arm64",     NULL               },
	{ "linux/wasm",        NULL               },
	{ "linux/mips64elf",   NULL               },
};

static const struct {
	const char *head;
	size_t length;
	const char *emulator;
} heads[] = {
	{ "\x7f""ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\xb7\0", 20, "qemu-aarch64" },
	{ "\x7f""ELF\2\1\1\3\0\0\0\0\0\0\0\0\3\0\xb7\0", 20, "qemu-aarch64" }, /* GNU, PIE */
	{ "\x7f""ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\xb7\0", 20, NULL },           /* an object file */
	{ "\x7f""ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\xb7",   19, "qemu-aarch64" }, /* padded by zeros */
	{ "\x7f""ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\xb7", 20, "qemu-aarch64_be" },
	{ "\x7f""ELF\1\1\1\0\5\0\0\0\0\0\0\0\2\0\10\0",  20, "qemu-mipsel" },
	{ "#!/bin/sh\n", 10, NULL },
	{ "", 0, NULL },
};
/* clang-format on */

TEST(each_platform_has_its_emulator)
{
	for (size_t i = 0; i < countof(served); i++) {
		struct platform platform;
		struct error err = {};
		const struct emulator *emulator;

		if (!CHECK(platform_parse(served[i].platform, &platform, &err) == OK))
			continue;
		emulator = emulator_for(&platform);
		tap_check(!emulator == !served[i].emulator &&
				  (!emulator || strcmp(emulator->name, served[i].emulator) == 0),
			  __FILE__, __LINE__, "%s is served by %s", served[i].platform,
			  emulator ? emulator->name : "none");
	}
}

TEST(platforms_of_the_table_are_in_normal_form)
{
	size_t count;
	const struct emulator *all = emulators(&count);

	for (size_t i = 0; i < count; i++) {
		for (const char *const *text = all[i].platforms; *text; text++) {
			char again[PLATFORM_TEXT_MAX];
			struct platform platform;
			struct error err = {};

			CHECK(platform_parse(*text, &platform, &err) == OK);
			CHECK_STR(platform_text(&platform, again), *text);
			CHECK(emulator_for(&platform) == &all[i]);
		}
	}
}

TEST(a_program_is_matched_by_the_rule_of_its_own_emulator_only)
{
	size_t count;
	const struct emulator *all = emulators(&count);

	for (size_t i = 0; i < count; i++) {
		struct program program;

		if (!tap_check(program_make(&all[i], &program), __FILE__, __LINE__, "%s: a program",
			       all[i].name))
			continue;
		for (size_t j = 0; j < count; j++)
			tap_check(elf_matches(program.elf, program.length, all[j].magic,
					      all[j].mask, ELF_HEAD_MAX) == (i == j),
				  __FILE__, __LINE__, "%s and the rule of %s", all[i].name,
				  all[j].name);
		CHECK(emulator_for_file(program.elf, program.length) == &all[i]);
		CHECK(elf_is_static(program.elf, program.length));
	}
}

TEST(position_independent_programs_and_any_osabi_are_matched)
{
	size_t count;
	const struct emulator *all = emulators(&count);

	for (size_t i = 0; i < count; i++) {
		struct program program;

		if (!program_make(&all[i], &program))
			continue;
		program.elf[program.elf[5] == 1 ? 16 : 17] = 3; /* ET_DYN */
		program.elf[7] = 3;                             /* ELFOSABI_GNU */
		CHECK(emulator_for_file(program.elf, program.length) == &all[i]);
		program.elf[program.elf[5] == 1 ? 16 : 17] = 1; /* ET_REL */
		CHECK(emulator_for_file(program.elf, program.length) == NULL);
	}
}

TEST(programs_of_the_host_are_matched_by_the_rule_of_the_host_only)
{
	static const char *const paths[] = { "/proc/self/exe", "/bin/true", "/bin/sh" };
	size_t count;
	const struct emulator *all = emulators(&count);

	CHECK(emulator_host() != NULL);
	for (size_t p = 0; p < countof(paths); p++) {
		char head[64];
		owned(fd) int fd = open(paths[p], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, head, sizeof(head)) != sizeof(head))
			continue;
		for (size_t i = 0; i < count; i++)
			tap_check(elf_matches(head, sizeof(head), all[i].magic, all[i].mask,
					      ELF_HEAD_MAX) == (&all[i] == emulator_host()),
				  __FILE__, __LINE__, "%s and %s", paths[p], all[i].name);
	}
}

TEST(file_heads_tell_their_emulator)
{
	for (size_t i = 0; i < countof(heads); i++) {
		const struct emulator *emulator = emulator_for_file(heads[i].head, heads[i].length);

		tap_check(!emulator == !heads[i].emulator &&
				  (!emulator || strcmp(emulator->name, heads[i].emulator) == 0),
			  __FILE__, __LINE__, "head %zu: %s", i,
			  emulator ? emulator->name : "none");
	}
}

/** A directory that is gone at the end. */
struct scratch {
	char path[64];
};

static void scratch_drop(struct scratch *scratch)
{
	struct error err;

	CHECK(remove_tree(AT_FDCWD, scratch->path, &err) == OK);
}

static struct scratch scratch_make(void)
{
	struct scratch scratch = { "/tmp/mpemu-test-XXXXXX" };

	CHECK(mkdtemp(scratch.path) != NULL);
	return scratch;
}

static void put_file(const char *dir, const char *name, const void *data, size_t length,
		     mode_t mode)
{
	char path[128];
	struct error err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(file_replace(AT_FDCWD, path, data, length, mode, &err) == OK);
	CHECK(chmod(path, mode) == 0);
}

TEST(an_emulator_is_found_by_either_name_and_only_if_it_can_serve)
{
	owned(scratch) struct scratch scratch = scratch_make();
	struct platform arm64 = { "linux", "arm64", "" }, s390x = { "linux", "s390x", "" };
	struct error err = {};
	struct program program;
	char path[PATH_MAX], want[128];

	CHECK(program_make(emulator_for(&arm64), &program));
	put_file(scratch.path, "qemu-s390x", program.elf, program.length, 0755);
	put_file(scratch.path, "qemu-aarch64-static", "#!/bin/sh\n", 10, 0755);
	CHECK(emulator_find(emulator_for(&s390x), scratch.path, path, &err) == OK);
	snprintf(want, sizeof(want), "%s/qemu-s390x", scratch.path);
	CHECK_STR(path, want);

	CHECK(emulator_find(emulator_for(&arm64), scratch.path, path, &err) == FAILED);
	put_file(scratch.path, "qemu-aarch64-static", program.elf, program.length, 0644);
	CHECK(emulator_find(emulator_for(&arm64), scratch.path, path, &err) == FAILED);
	put_file(scratch.path, "qemu-aarch64-static", program.elf, program.length, 0755);
	CHECK(emulator_find(emulator_for(&arm64), scratch.path, path, &err) == OK);

	setenv("MPEMU_QEMU_DIR", scratch.path, 1);
	CHECK(emulator_find(emulator_for(&s390x), NULL, path, &err) == OK);
	CHECK_STR(path, want);
}

TEST(a_missing_emulator_names_package_and_command)
{
	owned(scratch) struct scratch scratch = scratch_make();
	struct platform arm64 = { "linux", "arm64", "" };
	struct error err = {};
	char path[PATH_MAX];

	CHECK(emulator_find(emulator_for(&arm64), scratch.path, path, &err) == FAILED);
	CHECK(err.fault == FAULT_MISSING);
	CHECK(strstr(err.text, "qemu-aarch64") != NULL);
	CHECK(strstr(err.text, scratch.path) != NULL);
	if (access("/usr/bin/apt-get", X_OK) == 0)
		CHECK(strstr(err.text, "apt-get install qemu-user-static") != NULL);
	CHECK(emulator_find(emulator_for(&arm64), "/nowhere", path, &err) == FAILED);
	CHECK(err.fault == FAULT_MISSING);
}

TEST(a_version_is_what_the_binary_says_or_empty)
{
	struct platform arm64 = { "linux", "arm64", "" };
	struct error err = {};
	char path[PATH_MAX], version[128];

	emulator_version("/nowhere/qemu", version);
	CHECK_STR(version, "");
	emulator_version("/bin/false", version);
	CHECK_STR(version, "");
	if (emulator_find(emulator_for(&arm64), NULL, path, &err))
		tap_skip("no emulator is installed");
	emulator_version(path, version);
	CHECK(version[0] >= '1' && version[0] <= '9');
	CHECK(strchr(version, '\n') == NULL);
	if (access("/usr/libexec/qemu-binfmt/aarch64-binfmt-P", X_OK) == 0) {
		emulator_version("/usr/libexec/qemu-binfmt/aarch64-binfmt-P", path);
		CHECK_STR(path, version);
	}
}
