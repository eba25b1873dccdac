/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "runner/native.h"
#include "tests/tap.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/** A file as bytes that may be changed. */
static bool file_load(const char *path, struct buf *out)
{
	struct error err;

	return !read_file(AT_FDCWD, path, 256 << 20, out, &err);
}

static bool load(const char *path, struct buf *bytes, struct native *out)
{
	return file_load(path, bytes) && native_read((uint8_t *)bytes->data, bytes->length, out);
}

TEST(elf_kinds_are_told_apart)
{
	static const struct {
		const char *head;
		bool good, is_64, is_big, is_program;
		uint16_t machine;
	} cases[] = {
		{ "\x7f"
		  "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\xb7\0",
		  true, true, false, true, EM_AARCH64 },
		{ "\x7f"
		  "ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\x16",
		  true, true, true, true, EM_S390 },
		{ "\x7f"
		  "ELF\1\1\1\0\0\0\0\0\0\0\0\0\1\0\x28\0",
		  true, false, false, false, EM_ARM },
		{ "\x7f"
		  "ELF\3\1\1\0\0\0\0\0\0\0\0\0\2\0\x28\0",
		  false, false, false, false, 0 },
		{ "\x7f"
		  "ELF\2\3\1\0\0\0\0\0\0\0\0\0\2\0\x28\0",
		  false, false, false, false, 0 },
		{ "#!/bin/sh\n\0\0\0\0\0\0\0\0\0\0\0", false, false, false, false, 0 },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char head[64] = {};
		struct elf_kind kind;

		memcpy(head, cases[i].head, 20);
		CHECK(elf_kind_read(head, sizeof(head), &kind) == cases[i].good);
		CHECK(!elf_kind_read(head, 20, &kind));
		if (!cases[i].good)
			continue;
		CHECK(elf_kind_read(head, sizeof(head), &kind) && kind.is_64 == cases[i].is_64 &&
		      kind.is_big == cases[i].is_big && kind.machine == cases[i].machine &&
		      kind.is_program == cases[i].is_program);
	}
}

TEST(a_program_tells_its_loader_and_libraries)
{
	owned(buf) struct buf bytes = {};
	struct native native;
	bool has_libc = false;

	CHECK(load("/proc/self/exe", &bytes, &native));
	CHECK(native.interp_size > 0);
	for (size_t i = 0; i < native.need_count; i++)
		has_libc = has_libc || strcmp(native.needs[i], "libc.so.6") == 0;
#ifndef __SANITIZE_THREAD__
	CHECK(has_libc);
#endif
}

TEST(a_loader_that_is_too_long_is_refused)
{
	owned(buf) struct buf bytes = {};
	struct native native;
	char path[64] = {};

	CHECK(load("/proc/self/exe", &bytes, &native));
	memset(path, 'x', native.interp_size);
	CHECK(!native_set_loader(&native, path));
	path[native.interp_size - 1] = '\0';
	CHECK(native_set_loader(&native, path));
	CHECK(native_set_loader(&native, "/a/ld"));
	CHECK(native_read((uint8_t *)bytes.data, bytes.length, &native));
	CHECK(native.interp_size == 6);
	CHECK_STR(bytes.data + native.interp, "/a/ld");
}

TEST(paths_are_replaced_where_they_begin_and_end)
{
	char text[] = "x\0/usr/lib/tri\0=/usr/lib/tri/a:/usr/lib/tri:/usr/lib/tri-x\0"
		      "y/usr/lib/tri\0/usr/lib/tri";
	const size_t size = sizeof(text) - 1;
	struct native native = { .data = (uint8_t *)text, .size = size };

	CHECK(native_replace_path(&native, "/usr/lib/tri", "/p/0/L") == 3);
	CHECK(memcmp(text,
		     "x\0/p/0/L//////\0=/p/0/L///////a:/p/0/L//////:/usr/lib/tri-x\0"
		     "y/usr/lib/tri\0/usr/lib/tri",
		     size) == 0);
	CHECK(native_replace_path(&native, "/p/0", "/longer") == 0);
}

TEST(whole_texts_are_replaced)
{
	char text[] = "\0amd64\0amd64x\0xamd64\0amd64\0";
	struct native native = { .data = (uint8_t *)text, .size = sizeof(text) - 1 };

	CHECK(native_replace_text(&native, "amd64", "arm") == 2);
	CHECK(memcmp(text, "\0arm\0\0\0amd64x\0xamd64\0arm\0\0\0", sizeof(text) - 1) == 0);
	CHECK_STR(native_find_text(&native, "amd", "x"), "amd64x");
	CHECK(!native_find_text(&native, "amd", "y"));
}

TEST(a_text_that_code_writes_is_replaced_where_there_is_one)
{
	char code[] = "\xc7\x44\x24\x70"
		      "amd6"
		      "\x48\x89\xea\xc6\x44\x24\x74"
		      "4"
		      "\xc7\x44\x24";
	char twice[] = "\xc7\x44\x24\x70"
		       "amd6"
		       "\xc6\x44\x24\x74"
		       "4"
		       "\xc7\x44\x24\x30"
		       "amd6"
		       "\xc6\x44\x24\x34"
		       "4";
	char other[] = "\xc7\x44\x24\x70"
		       "amd6"
		       "\xc6\x44\x24\x75"
		       "4";
	struct native native = { .data = (uint8_t *)code, .size = sizeof(code) - 1 };

	native.machine = EM_X86_64;
	CHECK(!native_replace_inline(&native, "amd64", "riscv64"));
	CHECK(!native_replace_inline(&native, "arm64", "amd64"));
	CHECK(native_replace_inline(&native, "amd64", "mipsn"));
	CHECK(memcmp(code,
		     "\xc7\x44\x24\x70"
		     "mips"
		     "\x48\x89\xea\xc6\x44\x24\x74"
		     "n",
		     16) == 0);
	native.data = (uint8_t *)twice;
	native.size = sizeof(twice) - 1;
	CHECK(!native_replace_inline(&native, "amd64", "arm64"));
	native.data = (uint8_t *)other;
	native.size = sizeof(other) - 1;
	CHECK(!native_replace_inline(&native, "amd64", "arm64"));
}

/** The driver of this machine's compiler, where it is gcc. */
static bool driver_load(struct buf *bytes, struct native *out)
{
	static const char *const places[] = { "/usr/bin/gcc", "/usr/bin/cc" };

	for (size_t i = 0; i < countof(places); i++) {
		buf_clear(bytes);
		if (load(places[i], bytes, out) && native_has_text(out, "cross_compile"))
			return true;
	}
	return false;
}

TEST(a_driver_gets_the_specs_of_another)
{
	owned(buf) struct buf bytes = {}, before = {}, other_bytes = {}, self_bytes = {};
	struct native driver, other, self;
	const char *spec;
	size_t size;

	if (!driver_load(&bytes, &driver) || !driver_load(&other_bytes, &other))
		tap_skip("the compiler here is not gcc");
	CHECK(load("/proc/self/exe", &self_bytes, &self));
	if (!native_set_specs(&driver, &other))
		tap_skip("the specs of the gcc here are others");
	CHECK(driver_load(&bytes, &driver));
	buf_add(&before, bytes.data, bytes.length);
	CHECK(!native_set_specs(&driver, &self));
	CHECK(!native_set_specs(&self, &driver));

	/* Another text of one spec; it becomes ours, and nothing else does. */
	spec = native_find_text(&other, "%{static|static-pie:--start-group}", "");
	if (!CHECK(spec != NULL))
		return;
	memcpy(other.data + (spec - (const char *)other.data), "%{static|static-pie:--start-gro-p}",
	       34);
	CHECK(native_find_text(&driver, "%{static|static-pie:--start-gro-p}", "") == NULL);
	CHECK(native_set_specs(&driver, &other));
	CHECK(native_find_text(&driver, "%{static|static-pie:--start-gro-p}", "") != NULL);
	size = 0;
	for (size_t i = 0; i < bytes.length; i++)
		size += bytes.data[i] != before.data[i];
	CHECK(size > 0 && size < 2048);

	/* The same specs by other names are none. */
	spec = native_find_text(&other, "cross_compile", "");
	other.data[spec - (const char *)other.data] = 'k';
	CHECK(!native_set_specs(&driver, &other));
}

/* With sanitizers this program is larger than a driver may be. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/** As a driver that is relocated has them. */
static const char *units_cross = "0", *units_library = "-lof-the-units",
		  *units_root = "--sysroot=%R";
[[gnu::used]] static const char *units_configured =
	"../src/configure --of-the-units --with-some-room-for-texts-that-are-exchanged";

[[gnu::used]] static struct {
	const char *name, *text, **variable;
	void *next;
	int length;
	bool flags[2];
	const char *usual;
} units_specs[] = {
	{ "units_lib", NULL, &units_library, NULL, 9, {}, NULL },
	{ "cross_compile", NULL, &units_cross, NULL, 13, {}, NULL },
	{ "sysroot_spec", NULL, &units_root, NULL, 12, {}, NULL },
};

TEST(specs_are_found_through_relocations)
{
	owned(buf) struct buf bytes = {}, other_bytes = {};
	struct native self, other;
	const char *text;

	CHECK(load("/proc/self/exe", &bytes, &self));
	CHECK(load("/proc/self/exe", &other_bytes, &other));
	text = native_find_text(&other, "-lof-the-", "units");
	if (!CHECK(text != NULL))
		return;
	other.data[text - (const char *)other.data + 2] = 'i';
	CHECK(native_find_text(&self, "-lif-the-", "units") == NULL);
	CHECK(native_set_specs(&self, &other));
	CHECK(native_find_text(&self, "-lif-the-", "units") != NULL);
}

#endif

/** A program of one segment: its headers, then texts and code at 0x400000 and what follows. */
static struct native program_make(uint8_t file[512], const char *texts, size_t texts_size,
				  const char *code, size_t code_size)
{
	const Elf64_Phdr segment = { .p_type = PT_LOAD,
				     .p_flags = PF_R | PF_X,
				     .p_vaddr = 0x400000,
				     .p_filesz = 512,
				     .p_memsz = 512 };
	const Elf64_Ehdr header = { .e_ident = ELFMAG "\2\1\1",
				    .e_type = ET_EXEC,
				    .e_machine = EM_X86_64,
				    .e_phoff = sizeof(header),
				    .e_phnum = 1,
				    .e_phentsize = sizeof(segment) };
	struct native native = {};

	memset(file, 0, 512);
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), &segment, sizeof(segment));
	memcpy(file + 128, texts, texts_size);
	memcpy(file + 256, code, code_size);
	CHECK(native_read(file, 512, &native));
	return native;
}

TEST(names_that_are_joined_lose_their_beginning)
{
	/* At 0x400081 "tri-ple", at 0x400089 "x-", whose end is "-", at 0x40008c "-gcc". */
	static const char texts[] = "\0tri-ple\0x-\0-gcc";
	/* mov $"-", %esi; mov $"tri-ple", %edi; call; the other way round with "-gcc"; call */
	static const char code[] = "\xbe\x8a\0\x40\0\xbf\x81\0\x40\0\xe8\0\0\0\0"
				   "\xbf\x81\0\x40\0\xbe\x8c\0\x40\0\xe8\0\0\0\0";
	static const char wanted[] = "\xbe\x8b\0\x40\0\xbf\x88\0\x40\0\xe8\0\0\0\0"
				     "\xbf\x88\0\x40\0\xbe\x8d\0\x40\0\xe8\0\0\0\0";
	/* Another use of the text: lea, or with a text that has no dash. */
	static const char others[][16] = { "\xba\x81\0\x40\0\xe8\0\0\0",
					   "\xbe\x89\0\x40\0\xbf\x81\0\x40\0\xe8" };
	uint8_t file[512];
	struct native native = program_make(file, texts, sizeof(texts), code, sizeof(code) - 1);

	CHECK(!native_drop_prefix(&native, "ple"));
	CHECK(!native_drop_prefix(&native, "tri"));
	CHECK(native_drop_prefix(&native, "tri-ple"));
	CHECK(memcmp(file + 256, wanted, sizeof(wanted) - 1) == 0);
	for (size_t i = 0; i < countof(others); i++) {
		native = program_make(file, texts, sizeof(texts), others[i], sizeof(others[i]));
		CHECK(!native_drop_prefix(&native, "tri-ple"));
	}
	native = program_make(file, texts, sizeof(texts), "", 0);
	CHECK(!native_drop_prefix(&native, "tri-ple"));
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/** Referred to by an instruction here, and by a pointer in data. */
static const char *const volatile marker_pointer = "a text of the tests that is to move";

/** What the changed program says when it is run with this test's name as its argument. */
static bool program_run(const struct buf *bytes, const char *variable, struct buf *out)
{
	char *const argv[] = { (char *)variable, NULL };
	char *const envp[] = { (char *)variable, NULL };
	int program = memfd_create("program", 0), pipe_fds[2], status;
	struct error err;
	pid_t child;

	if (program < 0 || pipe(pipe_fds) < 0 ||
	    write_all(program, bytes->data, bytes->length, &err))
		return false;
	child = fork();
	if (child == 0) {
		dup2(pipe_fds[1], 1);
		fexecve(program, argv, envp);
		_exit(127);
	}
	close(pipe_fds[1]);
	if (read_all(pipe_fds[0], 1 << 20, out, &err) || waitpid(child, &status, 0) != child)
		return false;
	close(pipe_fds[0]);
	close(program);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

[[gnu::constructor]] static void marker_tell(void)
{
	if (getenv("UNITS_TELL_NUMBERS")) {
		dprintf(1, "%d", getuid() == (uid_t)getpid());
		_exit(0);
	}
	if (!getenv("UNITS_TELL_MARKER"))
		return;
	dprintf(1, "%s|%s\n", marker_pointer, "a text of the tests that code refers to");
	_exit(0);
}

/** This program with one text in the place of another; what it says then. */
static void move_and_run(const char *from, const char *to, struct buf *said)
{
	owned(buf) struct buf bytes = {};
	struct native native;

	CHECK(load("/proc/self/exe", &bytes, &native));
	CHECK(native_move_text(&native, from, to));
	CHECK(native_read((uint8_t *)bytes.data, bytes.length, &native));
	CHECK(program_run(&bytes, "UNITS_TELL_MARKER=1", said));
}

/* One at a time: how much room this program has for them is for the linker to say. */
TEST(a_longer_text_takes_the_place_of_another_in_data_and_code)
{
	static const char *const texts[][2] = {
		{ "a text of the tests that is to move",
		  "a text of the tests that code refers to" },
		{ "a text of the tests that has moved elsewhere and is longer",
		  "a text of the tests that code refers to at its new place" },
	};
	owned(buf) struct buf bytes = {}, in_data = {}, in_code = {}, want = {};
	struct native native;
	char absent[64];

	move_and_run(texts[0][0], texts[1][0], &in_data);
	buf_printf(&want, "%s|%s\n", texts[1][0], texts[0][1]);
	CHECK_STR(buf_text(&in_data), buf_text(&want));
	move_and_run(texts[0][1], texts[1][1], &in_code);
	buf_clear(&want);
	buf_printf(&want, "%s|%s\n", texts[0][0], texts[1][1]);
	CHECK_STR(buf_text(&in_code), buf_text(&want));
	snprintf(absent, sizeof(absent), "a text that is %s", "not there");
	CHECK(load("/proc/self/exe", &bytes, &native) && !native_move_text(&native, absent, "x"));
}

TEST(a_function_takes_the_place_of_another_that_a_file_asks_for)
{
	static const struct {
		const char *from, *to, *like;
		bool swapped;
	} swaps[] = {
		{ "getuid", "getpid", "dup2", true },
		{ "getuid", "getpids", "dup2", false },
		{ "nosuch", "getpid", "dup2", false },
		{ "getuid", "getpid", "nosuch", false },
		/* It is defined here. */
		{ "native_import_swap", "native_import_swop", "dup2", false },
	};

	for (size_t i = 0; i < countof(swaps); i++) {
		owned(buf) struct buf bytes = {}, said = {};
		struct native native;

		CHECK(load("/proc/self/exe", &bytes, &native));
		CHECK(native_import_swap(&native, swaps[i].from, swaps[i].to, swaps[i].like) ==
		      swaps[i].swapped);
		CHECK(program_run(&bytes, "UNITS_TELL_NUMBERS=1", &said));
		CHECK_STR(buf_text(&said), swaps[i].swapped ? "1" : "0");
	}
}

/** The C library that this program runs with. */
static const char *libc_path(void)
{
	Dl_info info;

	return dladdr((void *)&uname, &info) ? info.dli_fname : "";
}

TEST(the_c_library_tells_another_machine)
{
	owned(buf) struct buf bytes = {};
	struct native native;
	struct utsname names = {};
	char name[] = "/tmp/mpemu-libc-XXXXXX";
	int (*other)(struct utsname *);
	size_t offset, size;
	void *handle;
	int fd;

	if (!load(libc_path(), &bytes, &native) || !native_symbol(&native, "uname", &offset, &size))
		tap_skip("the C library is not a file of its own");
	CHECK(!native_symbol(&native, "no_such_function", &offset, &size));
	CHECK(!native_set_machine(&native, "longer-than-that"));
	if (!native_set_machine(&native, "aarch64"))
		tap_skip("uname() of this C library is another one");
	CHECK(!native_set_machine(&native, "aarch64")); /* it is not as expected any more */
	fd = mkostemp(name, O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
	/* As code only: a second C library in one process could do no more. */
	handle = mmap(NULL, (size + 4095 + 4096) & ~4095UL, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
		      (off_t)(offset & ~4095UL));
	CHECK(handle != MAP_FAILED);
	*(void **)&other = (char *)handle + (offset & 4095);
	CHECK(other(&names) == 0);
	CHECK_STR(names.machine, "aarch64");
	CHECK_STR(names.sysname, "Linux");
	close(fd);
	unlink(name);
}

TEST(reading_a_long_double_ends_a_program_that_has_a_trip)
{
	owned(buf) struct buf bytes = {}, written = {};
	struct native native;
	char name[] = "/tmp/mpemu-libc-XXXXXX", trip[] = "/tmp/mpemu-trip-XXXXXX";
	long double (*other)(const char *, char **);
	size_t offset, size, stub;
	struct error err;
	int fd, status;
	pid_t child;

	if (!load(libc_path(), &bytes, &native) ||
	    !native_symbol(&native, "strfroml", &stub, &size))
		tap_skip("the C library is not a file of its own");
	close(mkostemp(trip, O_CLOEXEC));
	if (!native_set_trip(&native, &(struct trip){ trip, "long double", 11 }) ||
	    !native_symbol(&native, "strtold", &offset, &size))
		tap_skip("strtold() of this C library is another one");
	fd = mkostemp(name, O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
	child = fork();
	if (child == 0) {
		size_t start = (offset < stub ? offset : stub) & ~4095UL;
		size_t end = (offset < stub ? stub : offset) + 4096;
		char *code = mmap(NULL, end - start, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
				  (off_t)start);

		if (code == MAP_FAILED)
			_exit(1);
		*(void **)&other = code + (offset - start);
		other("1.5", NULL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 254);
	CHECK(!read_file(AT_FDCWD, trip, 16, &written, &err));
	CHECK_STR(buf_text(&written), "long double");
	close(fd);
	unlink(name);
	unlink(trip);
}

/** The copy's exit status with this script for awk. */
static int awk_status(const char *program, const char *script)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		execl(program, "awk", script, NULL);
		_exit(1);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(what_is_no_number_ends_a_program_that_has_a_trip)
{
	/* Each makes a NaN by the processor's rules, or an integer of one. */
	static const char *const made[] = { "log(-1)",       "sqrt(-1)",    "0*2^9999",
					    "2^9999-2^9999", "2^9999%3",    "(-8)^(1/3)",
					    "sin(2^9999)",   "cos(-2^9999)" };
	static const char *const other[] = {
		"2^9999",
		"-2^9999",
		"1/3",
		"int(3.9)",
		"log(0)",
		"exp(1)",
		"sin(1)",
		"1e300*1e300",
		"\"a\"+1",
		"10%3",
		"sprintf(\"%d\", 2^70)",
	};
	char name[] = "/tmp/mpemu-awk-XXXXXX", trip[] = "/tmp/mpemu-trip-XXXXXX";
	owned(buf) struct buf bytes = {}, written = {};
	struct native native;
	struct error err;
	char script[80];
	int fd;

	if (!load("/usr/bin/awk", &bytes, &native))
		tap_skip("there is no awk");
	close(mkostemp(trip, O_CLOEXEC));
	if (!native_set_nan_trip(&native, &(struct trip){ trip, "no number", 9 }))
		tap_skip("awk has no room for the code");
	fd = mkostemp(name, O_CLOEXEC);
	CHECK(fd >= 0 && write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length &&
	      fchmod(fd, 0700) == 0);
	close(fd);
	for (size_t i = 0; i < countof(other); i++) {
		snprintf(script, sizeof(script), "BEGIN { print %s }", other[i]);
		tap_check(awk_status(name, script) == 0, __FILE__, __LINE__, "%s", other[i]);
	}
	CHECK(!read_file(AT_FDCWD, trip, 16, &written, &err) && written.length == 0);
	for (size_t i = 0; i < countof(made); i++) {
		snprintf(script, sizeof(script), "BEGIN { print %s }", made[i]);
		tap_check(awk_status(name, script) == 254, __FILE__, __LINE__, "%s", made[i]);
	}
	CHECK(!read_file(AT_FDCWD, trip, 100, &written, &err));
	CHECK_STR(buf_text(&written), "no number");
	unlink(name);
	unlink(trip);
}

/** As Go's linker makes them: headers, zeros and code in one segment, data with a table of signals.
 */
struct go_program {
	Elf64_Ehdr elf;
	Elf64_Phdr headers[2];
	uint8_t zeros[4096 - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
	uint8_t code[4096];
	char text[64];
	uint64_t signals[6];
	uint8_t rest[4096 - 64 - 6 * sizeof(uint64_t)];
};

enum { GO_BASE = 0x400000, GO_ENTRY = GO_BASE + 4096, GO_DATA = GO_BASE + 2 * 4096 };

static void go_program_make(struct go_program *out)
{
	*out = (struct go_program){
		.elf = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			 .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_entry = GO_ENTRY,
			 .e_phoff = sizeof(Elf64_Ehdr),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2 },
		.headers = { { .p_type = PT_LOAD,
			       .p_flags = PF_R | PF_X,
			       .p_vaddr = GO_BASE,
			       .p_filesz = 2 * 4096,
			       .p_memsz = 2 * 4096 },
			     { .p_type = PT_LOAD,
			       .p_flags = PF_R | PF_W,
			       .p_offset = 2 * 4096,
			       .p_vaddr = GO_DATA,
			       .p_filesz = 4096,
			       .p_memsz = 4096 } },
		.text = "SIGABRT: abortSIGFPE: floating-point exceptionSIGKILL: kill",
		.signals = { 136, GO_DATA, 14, 136, GO_DATA + 14, 32 },
	};
	memset(out->code, 0xcc, sizeof(out->code));
}

TEST(a_program_of_go_leaves_a_signal_to_the_code_that_trips)
{
	static const struct {
		size_t place; /* of a byte that is changed */
		uint8_t byte;
		bool trips;
	} cases[] = {
		{ offsetof(struct go_program, elf.e_ident[4]), ELFCLASS64, true },
		{ offsetof(struct go_program, signals[3]), 8, false },
		{ offsetof(struct go_program, signals[5]), 31, false },
		{ offsetof(struct go_program, text[14]), 'X', false },
		{ offsetof(struct go_program, headers[0].p_flags), PF_R | PF_W | PF_X, false },
		{ offsetof(struct go_program, elf.e_machine), EM_386, false },
		{ offsetof(struct go_program, zeros[2000]), 1, true },
	};
	const struct trip trip = { "/trip", "message", 7 };
	static struct go_program program;
	const uint8_t *bytes = (const uint8_t *)&program;
	struct native native;

	for (size_t i = 0; i < countof(cases); i++) {
		bool trips;

		go_program_make(&program);
		((uint8_t *)&program)[cases[i].place] = cases[i].byte;
		if (!CHECK(native_read((uint8_t *)&program, sizeof(program), &native)))
			continue;
		trips = native_set_nan_trip(&native, &trip);
		tap_check(trips == cases[i].trips, __FILE__, __LINE__, "case %zu", i);
		if (!trips)
			continue;
		CHECK(program.signals[3] == 0 && program.signals[0] == 136);
		CHECK(program.elf.e_entry > GO_BASE && program.elf.e_entry < GO_ENTRY);
		CHECK(memmem(bytes, 4096, "message/trip", 13));
		CHECK(program.code[0] == 0xcc && program.code[4095] == 0xcc);
	}
	/* Two such tables are none that is known. */
	go_program_make(&program);
	memcpy(program.rest, program.signals, sizeof(program.signals));
	CHECK(native_read((uint8_t *)&program, sizeof(program), &native));
	CHECK(!native_set_nan_trip(&native, &trip));
}

TEST(what_is_asked_of_other_files_is_known)
{
	owned(buf) struct buf bytes = {};
	struct native native;

	CHECK(load("/proc/self/exe", &bytes, &native));
	CHECK(native_imports(&native, "fork"));
	CHECK(!native_imports(&native, "native_imports"));
	CHECK(!native_imports(&native, "no_such_function"));
}

#endif
