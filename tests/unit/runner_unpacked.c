/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Toolchains that are in no package: what makes two of them the same.
 */
#include "runner/go_info.h"
#include "runner/native.h"
#include "tests/unit/runner_roots.h"

/* ---- what Go's linker notes ---- */

enum { NOTE_AT = 128 };

/** An ELF program with a note; texts are short. */
struct go_program {
	uint8_t bytes[512];
};

static struct go_program go_program_make(uint16_t machine, const char *version, const char *text)
{
	const struct program plain = program_make(machine, "go");
	struct go_program program = {};
	uint8_t *at = program.bytes + NOTE_AT;

	memcpy(program.bytes, plain.bytes, sizeof(plain.bytes));
	memcpy(at, "\xff Go buildinf:\x08\x02", 16);
	at += 32;
	*at++ = (uint8_t)strlen(version);
	memcpy(at, version, strlen(version));
	at += strlen(version);
	*at++ = (uint8_t)((strlen(text) + 32) | 0x80);
	*at++ = (uint8_t)((strlen(text) + 32) >> 7);
	memcpy(at + 16, text, strlen(text));
	return program;
}

TEST(what_go_notes_is_read_without_the_machine)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "path\tcmd/asm\nbuild\tGOARCH=arm64\nbuild\tGOARM64=v8.0\nbuild\tGOOS=linux\n",
		  "go1.24.4\npath\tcmd/asm\nbuild\tGOOS=linux\n" },
		{ "path\tcmd/asm\nbuild\tCGO_ENABLED=0\nbuild\t-trimpath=true\n",
		  "go1.24.4\npath\tcmd/asm\nbuild\t-trimpath=true\n" },
		{ "path\tGOARCH=x\n", "go1.24.4\npath\tGOARCH=x\n" },
		{ "no end", NULL },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		const struct go_program program = go_program_make(62, "go1.24.4", cases[i].text);
		owned(buf) struct buf out = {};
		const bool read = go_info_read(program.bytes, sizeof(program.bytes), &out);

		CHECK(read == (cases[i].want != NULL));
		if (read && cases[i].want)
			CHECK_STR(buf_text(&out), cases[i].want);
	}
}

TEST(what_is_no_note_of_go_is_not_read)
{
	const struct go_program program = go_program_make(62, "go1.24.4", "path\tcmd/asm\n");
	struct go_program spoilt = program;
	owned(buf) struct buf out = {};

	for (size_t size = 0; size < NOTE_AT + 70; size++)
		CHECK(!go_info_read(program.bytes, size, &out));
	spoilt.bytes[NOTE_AT + 15] = 0; /* pointers instead of texts */
	CHECK(!go_info_read(spoilt.bytes, sizeof(spoilt.bytes), &out));
	spoilt = program;
	memset(spoilt.bytes + NOTE_AT + 32, 0xff, 9); /* a length without end */
	CHECK(!go_info_read(spoilt.bytes, sizeof(spoilt.bytes), &out));
	memset(&spoilt, 0, sizeof(spoilt));
	memcpy(spoilt.bytes + 8, program.bytes + NOTE_AT, 128); /* not where it would be */
	CHECK(!go_info_read(spoilt.bytes, sizeof(spoilt.bytes), &out));
}

TEST(a_program_of_go_does_not_know_its_build_where_it_would_count)
{
	static const struct {
		const char *text;
		bool done, known;
	} cases[] = {
		{ "path\tx\nbuild\t-compiler=gc\nbuild\tGOOS=linux\n", true, false },
		{ "golang.org/x/telemetry\nbuild\t-compiler=gc\n", true, false },
		{ "golang.org/x/telemetry\nbuild\t-compiler=other\n", false, true },
		{ "path\tx\n", true, true },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct go_program program = go_program_make(62, "go1.24.4", cases[i].text);
		const struct go_program before = program;
		struct native native = { .data = program.bytes, .size = sizeof(program.bytes) };

		CHECK(native_hide_go_build(&native) == cases[i].done);
		CHECK((memcmp(&before, &program, sizeof(before)) == 0) == cases[i].known);
		CHECK((memmem(&program, sizeof(program), "-compiler_gc\n", 13) == NULL) ==
		      cases[i].known);
	}
}

/* ---- Go's ---- */

#define GO    "usr/local/go/"
#define TOOLS GO "pkg/tool/linux_"

static void tool_put(int root, const char *arch, const char *version, const char *text)
{
	const uint16_t machine = strcmp(arch, "arm64") == 0 ? 183 : 62;
	const struct go_program program = go_program_make(machine, version, text);
	owned(str) char *path = xasprintf(TOOLS "%s/asm", arch);

	put(root, path, program.bytes, sizeof(program.bytes), 0755);
}

static void go_make(int root, const char *arch)
{
	put_text(root, GO "VERSION", "go1.24.4\ntime 2025-05-29T19:37:36Z\n");
	put_text(root, GO "src/cmd/asm/main.go", "package main\n");
	put_text(root, GO "pkg/include/textflag.h", "#define NOPROF 1\n");
	tool_put(root, arch, "go1.24.4", "path\tcmd/asm\n");
}

/** Without `published`, nobody says that the two roots are variants of one image. */
static struct twin_set *find_unpacked(struct bed *bed, enum twin_origin origin, bool published)
{
	owned(strings) struct strings lowers = {}, peer = {};
	const struct twin_source source = { .origin = origin,
					    .native = bed->native,
					    .lowers = &lowers,
					    .peer = bed->peer,
					    .published = published ? &peer : NULL };
	owned(str) char *store = xasprintf("%s/store", bed->path);
	const struct twin_request request = { .foreign = bed->foreign,
					      .target = { "linux", "arm64", "" },
					      .host = { "linux", "amd64", "" },
					      .sources = &source,
					      .source_count = 1,
					      .prefix = "/proc/tty/driver",
					      .store = store };
	struct twin_set *set = NULL;
	struct error err;

	strings_add(&lowers, "/native");
	strings_add(&peer, "/peer");
	CHECK(!twins_find(&(struct ctx){}, &request, &set, &err));
	return set;
}

static void nothing(struct bed *bed)
{
	(void)bed;
}

static void step_replaces_tool(struct bed *bed)
{
	tool_put(bed->foreign, "arm64", "go1.24.4", "path\tcmd/asm\nbuild\t-x=y\n");
}

static void step_replaces_version(struct bed *bed)
{
	put_text(bed->foreign, GO "VERSION", "go1.99\n");
}

static void step_removes_version(struct bed *bed)
{
	CHECK(unlinkat(bed->foreign, GO "VERSION", 0) == 0);
}

static void step_removes_the_list(struct bed *bed)
{
	CHECK(unlinkat(bed->foreign, "var/lib/dpkg/status", 0) == 0);
}

static void step_moves_it(struct bed *bed)
{
	CHECK(renameat(bed->foreign, "usr/local/go", bed->foreign, "usr/local/moved") == 0);
	CHECK(symlinkat("moved", bed->foreign, "usr/local/go") == 0);
}

static void native_has_another_version(struct bed *bed)
{
	put_text(bed->native, GO "VERSION", "go1.24.5\n");
}

static void native_has_another_release(struct bed *bed)
{
	put_text(bed->native, GO "VERSION", "go1.25\n");
}

static void native_has_other_sources(struct bed *bed)
{
	put_text(bed->native, GO "src/cmd/asm/main.go", "package main // and more\n");
}

static void native_has_more_sources(struct bed *bed)
{
	put_text(bed->native, GO "src/cmd/asm/more.go", "package main\n");
}

static void native_has_no_sources(struct bed *bed)
{
	struct error err;

	CHECK(!remove_tree(bed->native, GO "src", &err));
}

static void native_has_other_headers(struct bed *bed)
{
	put_text(bed->native, GO "pkg/include/textflag.h", "#define NOPROF 2\n");
}

static void native_tool_is_older(struct bed *bed)
{
	tool_put(bed->native, "amd64", "go1.24.3", "path\tcmd/asm\n");
}

static void both_tools_are_older(struct bed *bed)
{
	native_tool_is_older(bed);
	tool_put(bed->foreign, "arm64", "go1.24.3", "path\tcmd/asm\n");
	tool_put(bed->peer, "arm64", "go1.24.3", "path\tcmd/asm\n");
}

static void native_tool_is_another(struct bed *bed)
{
	tool_put(bed->native, "amd64", "go1.24.4", "path\tcmd/link\n");
}

static void native_tool_is_made_otherwise(struct bed *bed)
{
	tool_put(bed->native, "amd64", "go1.24.4", "path\tcmd/asm\nbuild\t-tags=x\n");
}

static void native_tool_tells_nothing(struct bed *bed)
{
	const struct program program = program_make(62, "asm");

	put_program(bed->native, TOOLS "amd64/asm", &program);
}

static void native_tool_is_for_another_machine(struct bed *bed)
{
	tool_put(bed->native, "arm64", "go1.24.4", "path\tcmd/asm\n");
	CHECK(renameat(bed->native, TOOLS "arm64/asm", bed->native, TOOLS "amd64/asm") == 0);
}

static void version_is_a_fifo(struct bed *bed)
{
	CHECK(unlinkat(bed->foreign, GO "VERSION", 0) == 0);
	CHECK(mkfifoat(bed->foreign, GO "VERSION", 0644) == 0);
}

static void versions_are_no_versions(struct bed *bed)
{
	const int roots[] = { bed->foreign, bed->peer, bed->native };

	for (size_t i = 0; i < countof(roots); i++)
		put_text(roots[i], GO "VERSION", "go1.24.4 ../../x\n");
}

#define HAS "the native root has unpacked/golang-1.24-go "

TEST(a_toolchain_of_go_is_the_same_in_all_but_the_machine)
{
	static const struct {
		const char *name;
		void (*spoil)(struct bed *bed);
		const char *reason; /* NULL: there is a twin; "": there is not even a reason */
	} cases[] = {
		{ "as it is", nothing, NULL },
		{ "a step replaces a tool", step_replaces_tool, "it is not as its package has it" },
		{ "a step replaces VERSION", step_replaces_version, "" },
		{ "a step removes VERSION", step_removes_version, "" },
		{ "a step removes dpkg's list", step_removes_the_list, NULL },
		{ "a step moves all of it", step_moves_it, NULL },
		{ "other versions", native_has_another_version, HAS "1.24.5" },
		{ "other releases", native_has_another_release, "no native root has its package" },
		{ "other sources", native_has_other_sources, HAS "1.24.4, of other sources" },
		{ "more sources", native_has_more_sources, HAS "1.24.4, of other sources" },
		{ "no sources", native_has_no_sources,
		  HAS "1.24.4, its sources are not all there" },
		{ "other headers", native_has_other_headers, HAS "1.24.4, of other sources" },
		{ "an older tool", native_tool_is_older,
		  HAS "1.24.4, whose programs are not all of its version" },
		{ "two older tools", both_tools_are_older,
		  HAS "1.24.4, whose programs are not all of its version" },
		{ "another tool", native_tool_is_another,
		  HAS "1.24.4, whose programs are not all of its version" },
		{ "another build", native_tool_is_made_otherwise,
		  HAS "1.24.4, whose programs are not all of its version" },
		{ "a tool that tells nothing", native_tool_tells_nothing,
		  HAS "1.24.4, whose programs are not all of its version" },
		{ "a tool for another machine", native_tool_is_for_another_machine,
		  "the native root's one is no program of this machine" },
		{ "VERSION is a FIFO", version_is_a_fifo, "" },
		{ "VERSION has no version", versions_are_no_versions, "" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(twin_set) struct twin_set *set = NULL;
		const char *reason = "";
		struct bed bed;

		bed_make(&bed);
		go_make(bed.foreign, "arm64");
		go_make(bed.peer, "arm64");
		go_make(bed.native, "amd64");
		cases[i].spoil(&bed);
		set = find_unpacked(&bed, TWIN_VARIANT, true);
		if (set->miss_count)
			reason = set->misses[0].reason;
		tap_check(set->count == (cases[i].reason ? 0 : 1) &&
				  strcmp(reason, cases[i].reason ? cases[i].reason : "") == 0,
			  __FILE__, __LINE__, "%s: %zu twins, \"%s\"", cases[i].name, set->count,
			  reason);
		if (set->count) {
			CHECK(ends_with(set->twins[0].path, "/pkg/tool/linux_arm64/asm"));
			CHECK_STR(set->twins[0].native, "/usr/local/go/pkg/tool/linux_amd64/asm");
			CHECK_STR(set->twins[0].env[0], "?GOARCH=arm64");
		}
		bed_drop(&bed);
	}
}

TEST(toolchains_have_twins_in_variants_of_one_image_only)
{
	owned(twin_set) struct twin_set *others = NULL, *all = NULL;
	struct bed bed;

	bed_make(&bed);
	go_make(bed.foreign, "arm64");
	go_make(bed.peer, "arm64");
	go_make(bed.native, "amd64");
	others = find_unpacked(&bed, TWIN_SIBLING, false);
	CHECK(others->count == 1);
	CHECK_STR(others->twins[0].path, "/usr/bin/sed");
	all = find_unpacked(&bed, TWIN_SIBLING, true);
	CHECK(all->count == 2);
	bed_drop(&bed);
}

/* ---- rustup's ---- */

#define RUST   "usr/local/rustup/toolchains/1.85.1-"
#define VENDOR "-unknown-linux-gnu/"
#define DRIVER "lib/librustc_driver-0123456789abcde"

static void rust_put(int root, const char *path, const char *text, uint16_t machine)
{
	owned(str) char *full =
		xasprintf(RUST "%s" VENDOR "%s", machine == 62 ? "x86_64" : "aarch64", path);
	const struct program program = program_make(machine, text);

	if (machine == 62 || machine == 183)
		put_program(root, full, &program);
}

static void manifest_put(int root, uint16_t machine, const char *text)
{
	owned(str) char *path = xasprintf(RUST "%s" VENDOR "lib/rustlib/"
					       "multirust-channel-manifest.toml",
					  machine == 62 ? "x86_64" : "aarch64");

	put_text(root, path, text);
}

static const char manifest[] =
	"[pkg.rust]\n\n[pkg.rustc]\nversion = \"1.85.1 (4eb161250 2025-03-15)\"\n";

static void rust_make(int root, uint16_t machine)
{
	rust_put(root, "bin/rustc", "rustc", machine);
	rust_put(root, machine == 62 ? DRIVER "f.so" : DRIVER "e.so",
		 "1.85.1 (4eb161250 2025-03-15)", machine);
	manifest_put(root, machine, manifest);
}

static void step_replaces_rustc(struct bed *bed)
{
	rust_put(bed->foreign, "bin/rustc", "another", 183);
}

static void step_replaces_manifest(struct bed *bed)
{
	manifest_put(bed->foreign, 183, "[pkg.rustc]\nversion = \"1.99.0 (0 2026-01-01)\"\n");
}

static void step_adds_a_library(struct bed *bed)
{
	rust_put(bed->foreign, "lib/libc.so.6", "mine", 183);
}

static void step_adds_a_folder(struct bed *bed)
{
	rust_put(bed->foreign, "lib/atomics/libc.so.6", "mine", 183);
}

static void native_is_of_another_release(struct bed *bed)
{
	manifest_put(bed->native, 62, "[pkg.rustc]\nversion = \"1.85.0 (4d91de4e4 2025-02-17)\"\n");
}

static void no_release_is_named(struct bed *bed)
{
	manifest_put(bed->foreign, 183, "\n[pkg.rustc]\nversion = \"1.85.1\"\n");
	manifest_put(bed->peer, 183, "\n[pkg.rustc]\nversion = \"1.85.1\"\n");
	manifest_put(bed->native, 62, "\n[pkg.rustc]\nversion = \"1.85.1\"\n");
}

static void native_compiler_is_another(struct bed *bed)
{
	rust_put(bed->native, DRIVER "f.so", "1.85.0 (4d91de4e4 2025-02-17)", 62);
}

static void native_has_two_compilers(struct bed *bed)
{
	rust_put(bed->native, DRIVER "d.so", "1.85.1 (4eb161250 2025-03-15)", 62);
}

#undef HAS
#define HAS "the native root has unpacked/rust-1.85.1 1.85.1-"

TEST(a_toolchain_of_rustup_is_of_one_release)
{
	/* Where the release is the same, all that is left is what this host's C library lacks. */
	const char *fine = host_has_fma() ? "it may compute in long double"
					  : "this CPU has no fused multiply-add";
	const struct {
		const char *name;
		void (*spoil)(struct bed *bed);
		const char *begins, *ends;
	} cases[] = {
		{ "as it is", nothing, fine, "" },
		{ "a step replaces rustc", step_replaces_rustc, "it is not as its package has it",
		  "" },
		{ "a step replaces the list", step_replaces_manifest, "", "" },
		{ "a step adds a library", step_adds_a_library, HAS,
		  ", without what is beside it" },
		{ "a step adds a folder", step_adds_a_folder, HAS, ", without what is beside it" },
		{ "another release", native_is_of_another_release, HAS, "" },
		{ "no release", no_release_is_named, HAS, ", of another release" },
		{ "another compiler", native_compiler_is_another, HAS,
		  ", whose compiler is not of its version" },
		{ "two compilers", native_has_two_compilers, HAS,
		  ", whose compiler is not of its version" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(twin_set) struct twin_set *set = NULL;
		const char *reason = "";
		struct bed bed;

		bed_make(&bed);
		rust_make(bed.foreign, 183);
		rust_make(bed.peer, 183);
		rust_make(bed.native, 62);
		cases[i].spoil(&bed);
		set = find_unpacked(&bed, TWIN_VARIANT, true);
		if (set->miss_count)
			reason = set->misses[0].reason;
		tap_check(set->count == 0 && starts_with(reason, cases[i].begins) &&
				  ends_with(reason, cases[i].ends) &&
				  (*cases[i].begins || !*reason),
			  __FILE__, __LINE__, "%s: %zu twins, \"%s\"", cases[i].name, set->count,
			  reason);
		bed_drop(&bed);
	}
}
