/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rows.  Names are Debian's, Alpine's and Fedora's at once; globs as fnmatch() has them, where
 * `*` also matches a slash.
 *
 * What a reviewer asks of a row of TOOL_SAFE: does the program look at the machine (uname, its own
 * compiled-in triple, /proc/cpuinfo)?  Does it compute with what differs between CPUs (long double,
 * the sign of a NaN, fused multiply-add)?  Does it write a format that has the host's byte order or
 * word size?  Does it load code (plugins, modules) that a user may have put into the foreign root?
 * Does it depend on the CPU's own features or number beyond how fast it is?  Each is answered by
 * arguments that are refused, texts that are exchanged, or the row is not of TOOL_SAFE.
 */
#include "runner/tools.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <string.h>

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define BYTES    "works on bytes and lines, with integers"
#define CODEC    "the format and the encoder's choices are defined bit by bit, in integers"
#define MACHINE  "tells the machine, which is what it is asked for"
#define SCRIPTED "a script that works on texts, and asks other programs for the machine"
#define PROCESS  "acts on processes and namespaces, where the emulator is in the way or wanted"

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
#define DRIVER_REFUSE                                                                          \
	"@*", "-v", "-###", "--*", "-dumpspecs", "-print-sysroot*", "-fopenmp*", "-fopenacc*", \
		"-foffload*", "-mcpu=native*", "-march=native*", "-mtune=native*",             \
		"-no-canonical-prefixes", "-Xlinker", "-l", "~.rs", "rust", "-xrust"
#define DRIVER_REASON "starts the compiler's parts as the foreign driver's specs say"
#define OFFLOAD       "-foffload-options=-l_GCC_"

/* clang-format off */
const struct tool tools[] = {
	/* ---- never ---- */
	{ .package = "coreutils*", .path = "*/uname", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "coreutils*", .path = "*/arch", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "coreutils*", .path = "*/stdbuf", .flags = TOOL_DENIED,
	  .reason = "preloads a library of its own, which is the target's" },
	{ .package = "coreutils*", .path = "*/chroot", .flags = TOOL_DENIED, .reason = PROCESS },
	{ .package = "coreutils*", .path = "*/nproc", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "coreutils*", .path = "*/numfmt", .flags = TOOL_DENIED,
	  .reason = "computes in long double" },
	{ .package = "coreutils*", .path = "*/seq", .flags = TOOL_DENIED,
	  .reason = "computes in long double" },
	{ .package = "coreutils*", .path = "*/chcon", .flags = TOOL_DENIED, .reason = PROCESS },
	{ .package = "coreutils*", .path = "*/runcon", .flags = TOOL_DENIED, .reason = PROCESS },
	{ .package = "coreutils*", .path = "*/df", .flags = TOOL_DENIED,
	  .reason = "shows mounts, also where twins are" },
	{ .package = "libc-bin", .path = "*/getconf", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "libc-bin", .path = "*/ldconfig*", .flags = TOOL_DENIED,
	  .reason = "knows the libraries of its own machine" },
	{ .package = "libc-bin", .path = "*/iconvconfig", .flags = TOOL_DENIED,
	  .reason = "reads modules of its own machine" },
	{ .package = "libc-bin", .path = "*/localedef", .flags = TOOL_DENIED,
	  .reason = "writes locales in the byte order and layout of its machine" },
	{ .package = "libc-bin", .path = "*/pldd", .flags = TOOL_DENIED, .reason = PROCESS },
	{ .package = "libc-bin", .path = "*/ld.so", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "libc-bin", .path = "*/zdump", .flags = TOOL_DENIED,
	  .reason = "its range is that of the machine's time_t" },
	{ .package = "libc6*", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "dpkg-dev", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "git*", .path = "*/scalar", .flags = TOOL_DENIED, .reason = MACHINE },
	{ .package = "gcc-*", .path = "*/gcov*", .flags = TOOL_DENIED,
	  .reason = "reads what programs of the target counted; not reviewed" },
	{ .package = "gcc-*", .path = "*/lto-dump*", .flags = TOOL_DENIED, .reason = "not reviewed" },

	/* ---- shells ---- */
	{ .package = "dash", .path = "*/dash", .mode = TOOL_SAFE,
	  .reason = "integers are 64 bits wide, and printf reads a double; no machine name in it" },
	{ .package = "bash", .path = "*/bash", .mode = TOOL_SAFE, .flags = TOOL_LONG_DOUBLE,
	  .machine = LIST("$u-$v-linux-gnu", "$u"),
	  .reason = "64-bit integers; MACHTYPE and HOSTTYPE are exchanged; printf %f trips" },

	/* ---- text ---- */
	{ .package = "sed", .path = "*/sed", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "grep", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "diffutils", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "patch", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "mawk", .path = "*/mawk", .mode = TOOL_FULL, .flags = TOOL_FMA,
	  .reason = "doubles and the library's functions are equal, but for the sign of a NaN" },
	{ .package = "gawk", .path = "*/gawk", .mode = TOOL_FULL, .flags = TOOL_FMA,
	  .refuse = LIST("-l*", "--load*", "-i*", "--include*"),
	  .machine = LIST("/usr/lib/$T/gawk"),
	  .reason = "doubles and the library's functions are equal, but for the sign of a NaN" },
	{ .package = "original-awk", .mode = TOOL_FULL, .flags = TOOL_FMA,
	  .reason = "doubles and the library's functions are equal, but for the sign of a NaN" },

	/* ---- coreutils ---- */
	{ .package = "coreutils*", .path = "*/od", .mode = TOOL_SAFE, .flags = TOOL_LONG_DOUBLE,
	  .refuse = LIST("~fL", "~f16"),
	  .reason = "bytes, integers and doubles; another float of long double size trips" },
	{ .package = "coreutils*", .path = "*/printf", .mode = TOOL_SAFE, .flags = TOOL_LONG_DOUBLE,
	  .reason = "64-bit integers; a number for %f trips" },
	{ .package = "coreutils*", .path = "*/sort", .mode = TOOL_SAFE, .flags = TOOL_LONG_DOUBLE,
	  .reason = "compares texts; -g, which reads long doubles, trips" },
	{ .package = "coreutils*", .path = "*/bin/*", .mode = TOOL_SAFE,
	  .reason = BYTES ", or makes one system call" },

	/* ---- files and archives ---- */
	{ .package = "findutils", .mode = TOOL_SAFE,
	  .reason = "walks and compares with integers; seconds are doubles of whole numbers" },
	{ .package = "tar", .path = "*/tar", .mode = TOOL_SAFE,
	  .reason = "reads and writes what the format says, and starts packers by name" },
	{ .package = "cpio", .path = "*/cpio", .mode = TOOL_SAFE,
	  .reason = "reads and writes what the format says; the old binary format has a byte order",
	  .refuse = LIST("-H*", "--format*", "-b*", "--swap*", "-s*", "-S*") },
	{ .package = "gzip", .mode = TOOL_SAFE, .reason = CODEC },
	{ .package = "bzip2", .mode = TOOL_SAFE, .reason = CODEC },
	{ .package = "xz-utils", .mode = TOOL_SAFE, .refuse = LIST("--info-memory"),
	  .reason = CODEC "; the number of threads does not change with the CPU" },
	{ .package = "lz4", .mode = TOOL_SAFE, .refuse = LIST("-b*"), .reason = CODEC },
	{ .package = "zstd", .path = "*/zstd", .mode = TOOL_SAFE,
	  .refuse = LIST("-b*", "-T0", "--adapt*", "--train*", "-vv*", "--version"),
	  .reason = CODEC "; what depends on speed or the number of CPUs is refused" },
	{ .package = "unzip", .mode = TOOL_SAFE, .refuse = LIST("-v"), .reason = CODEC },
	{ .package = "rsync", .path = "*/rsync", .mode = TOOL_SAFE,
	  .refuse = LIST("--version", "-V*"),
	  .reason = "copies and checks bytes; its protocol is the same on all machines" },
	{ .package = "file", .path = "*/file", .mode = TOOL_SAFE,
	  .reason = "the compiled magic file is the same for machines of one byte order" },

	/* ---- building ---- */
	{ .package = "make", .path = "*/make", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .machine = LIST("$u-$v-linux-gnu", "/usr/lib/$T"),
	  .reason = "times and texts; MAKE_HOST and the places of -lNAME are exchanged" },
	{ .package = "ninja-build", .path = "*/ninja", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .reason = "times, texts and a hash that is defined bit by bit" },
	{ .package = "cmake", .path = "*/c[mtp][a-z]*", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .refuse = LIST("--system-information*"),
	  .reason = "texts, 64-bit integers and doubles that are only compared; asks files and the "
		    "C library for the machine, and not the CPU" },
	{ .package = "m4", .path = "*/m4", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .reason = "texts and 32-bit integers; format() has doubles" },
	{ .package = "bison", .path = "*/bison", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .reason = "tables of integers" },
	{ .package = "flex", .path = "*/flex*", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .reason = "tables of integers" },
	{ .package = "gettext*", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .reason = "texts; .mo files have the byte order, which is the same" },

	/* ---- small ones ---- */
	{ .package = "debianutils", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "hostname", .path = "*/hostname", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "libc-bin", .path = "*/getent", .mode = TOOL_SAFE,
	  .reason = "asks the same files and name servers" },
	{ .package = "libc-bin", .path = "*/iconv", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "libc-bin", .path = "*/locale", .mode = TOOL_SAFE,
	  .refuse = LIST("-k*", "--keyword*", "-ck*", "-kc*"),
	  .reason = "lists what is in files; keywords also tell of the machine" },
	{ .package = "util-linux", .path = "*/getopt", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "util-linux", .path = "*/flock", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "util-linux", .path = "*/rev", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "ncurses-bin", .mode = TOOL_SAFE,
	  .reason = "compiled entries have a byte order of their own" },
	{ .package = "git", .path = "*/git", .mode = TOOL_SAFE, .flags = TOOL_FETCH,
	  .refuse = LIST("--build-options", "bugreport", "diagnose"),
	  .reason = "objects are bytes; only the report of its build tells the machine" },
	{ .package = "git", .path = "*/git-remote-http*", .mode = TOOL_SAFE,
	  .reason = "moves bytes" },
	{ .package = "openssl", .path = "*/openssl", .mode = TOOL_SAFE,
	  .refuse = LIST("version", "speed", "info", "engine", "-engine", "list", "-provider*",
			 "fipsinstall", "s_server"),
	  .reason = "what it computes is defined bit by bit; what tells of the machine is refused" },
	{ .package = "curl", .path = "*/curl", .mode = TOOL_SAFE,
	  .refuse = LIST("~V", "--version"),
	  .reason = "moves bytes; only its version tells the machine" },
	{ .package = "gpgv", .path = "*/gpgv", .mode = TOOL_SAFE,
	  .reason = "what it computes is defined bit by bit" },

	/* ---- Debian's packages ---- */
	{ .package = "dpkg", .path = "*/dpkg-deb", .mode = TOOL_SAFE,
	  .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "unpacks archives; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg", .mode = TOOL_SAFE,
	  .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-query", .mode = TOOL_SAFE,
	  .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-split", .mode = TOOL_SAFE,
	  .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "reads archives; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-trigger", .mode = TOOL_SAFE,
	  .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-divert", .mode = TOOL_SAFE,
	  .machine = LIST("$d"), .refuse = LIST("--version"),
	  .reason = "a database of text; knows the machine's name, which is exchanged" },
	{ .package = "dpkg", .path = "*/dpkg-statoverride", .mode = TOOL_SAFE,
	  .refuse = LIST("--version"), .reason = "a database of text" },
	{ .package = "dpkg", .path = "*/dpkg-realpath", .mode = TOOL_SAFE,
	  .refuse = LIST("--version"), .reason = BYTES },
	{ .package = "dpkg", .path = "*/update-alternatives", .mode = TOOL_SAFE,
	  .reason = "a database of text" },
	{ .package = "apt", .path = "*/bin/apt*", .mode = TOOL_SAFE,
	  .refuse = LIST("--version", "-v"), .machine = LIST("?$d"),
	  .reason = "texts and hashes; the library's name of the machine is exchanged" },
	{ .package = "apt", .path = "*/lib/apt/*", .mode = TOOL_SAFE, .machine = LIST("?$d"),
	  .reason = "moves and checks bytes; the library's name of the machine is exchanged" },
	{ .package = "sqv", .path = "*/sqv", .mode = TOOL_SAFE, .refuse = LIST("--version"),
	  .reason = "what it computes is defined bit by bit" },

	/* ---- perl, and the scripts that it may run ---- */
	{ .package = "perl-base", .path = "*/bin/perl", .mode = TOOL_SAFE,
	  .flags = TOOL_INTERPRETER | TOOL_BY_NAME,
	  .modules = LIST("/usr/lib/$T/perl-base", "/usr/lib/$T/perl5", "/usr/lib/$T/perl",
			  "/usr/local/lib/$T/perl"),
	  .foreign = LIST("/usr/lib/$T/perl-base/Config.pm",
			  "/usr/lib/$T/perl-base/Config_heavy.pl"),
	  .reason = "runs known scripts only; what it was configured for is told by the target's files" },
	{ .package = "debconf", .path = "/usr/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "init-system-helpers", .path = "*bin/*", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT, .reason = SCRIPTED },
	{ .package = "libpam-runtime", .path = "*bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "adduser", .path = "*bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "autoconf", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "automake", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	{ .package = "debhelper", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_SCRIPT,
	  .reason = SCRIPTED },
	/* It has the modules of perl-base's program too. */
	{ .package = "perl", .path = "*/bin/pod2*", .mode = TOOL_SAFE,
	  .flags = TOOL_SCRIPT | TOOL_FETCH, .reason = SCRIPTED },

	/* ---- compilers: from a cross toolchain ---- */
	{ .package = "binutils*", .path = "*-ld.bfd", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("--verbose", "-V", "-v", "--version"),
	  .plugin_from = "$G/liblto_plugin.so", .plugin_to = "$R$C/liblto_plugin.so",
	  .reason = "the same linker for the same target, built for another host" },
	{ .package = "binutils*", .path = "*-ld.gold", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("-V", "-v", "--version", "-plugin", "--plugin*"),
	  .reason = "the same linker for the same target, built for another host" },
	{ .package = "binutils*", .path = "*-as", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("--version", "-v", "--statistics"),
	  .reason = "the same assembler for the same target, built for another host" },
	{ .package = "binutils*", .path = "*-gprof*", .flags = TOOL_DENIED,
	  .reason = "reads what programs of the target counted; not reviewed" },
	{ .package = "binutils*", .path = "*/bin/*-linux-gnu*-*", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_PRELOAD_OK,
	  .refuse = LIST("--plugin*", "--version", "-V", "--help", "-h", "-H", "--info", "-i"),
	  .reason = "the same tool for the same target, built for another host" },
	{ .package = "cpp-*", .path = "*/cc1", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK,
	  .refuse = LIST("-v", "-version", "-fplugin*", "-fself-test*", "-fpch*", "-mcpu=native",
			 "-march=native", "-mtune=native"),
	  .reason = "the same compiler for the same target, which computes constants in software" },
	{ .package = "g++-*", .path = "*/cc1plus", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK,
	  .refuse = LIST("-v", "-version", "-fplugin*", "-fself-test*", "-fpch*", "-mcpu=native",
			 "-march=native", "-mtune=native"),
	  .reason = "the same compiler for the same target, which computes constants in software" },
	{ .package = "gcc-*", .path = "*/lto1", .mode = TOOL_SAFE,
	  .flags = TOOL_CROSS | TOOL_ANY_WIDTH | TOOL_ANY_ENDIAN | TOOL_REVISION | TOOL_PRELOAD_OK,
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

const size_t tool_count = countof(tools);

static bool row_is_for(const struct tool *tool, const char *package)
{
	return fnmatch(tool->package, package, 0) == 0;
}

const struct tool *tool_find(const char *package, const char *path)
{
	for (size_t i = 0; i < tool_count; i++)
		if (row_is_for(&tools[i], package) &&
		    (!tools[i].path || fnmatch(tools[i].path, path, 0) == 0))
			return &tools[i];
	return NULL;
}

bool tool_package_known(const char *package, enum tool_mode mode)
{
	for (size_t i = 0; i < tool_count; i++)
		if (!(tools[i].flags & TOOL_DENIED) && tools[i].mode <= mode &&
		    row_is_for(&tools[i], package))
			return true;
	return false;
}

bool tool_package_fetched(const char *package, enum tool_mode mode)
{
	for (size_t i = 0; i < tool_count; i++)
		if ((tools[i].flags & TOOL_FETCH) && tools[i].mode <= mode &&
		    row_is_for(&tools[i], package))
			return true;
	return false;
}

static const char *word_find(const struct tool_words *words, char name)
{
	for (size_t i = 0; i < words->count; i++)
		if (words->items[i].name == name)
			return words->items[i].text;
	return NULL;
}

const char *tool_expand(struct arena *arena, const char *text, const struct tool_words *words)
{
	owned(buf) struct buf out = {};

	if (!text)
		return NULL;
	for (; *text; text++) {
		const char *word = *text == '$' ? word_find(words, text[1]) : NULL;

		if (word)
			buf_add_str(&out, word);
		else
			buf_add_char(&out, *text);
		text += word ? 1 : 0;
	}
	return arena_strdup(arena, buf_text(&out));
}

const char *const *tool_expand_list(struct arena *arena, const char *const *list,
				    const struct tool_words *words)
{
	const char **out;
	size_t count = 0;

	if (!list)
		return NULL;
	while (list[count])
		count++;
	out = arena_alloc(arena, (count + 1) * sizeof(*out));
	for (size_t i = 0; i < count; i++)
		out[i] = tool_expand(arena, list[i], words);
	return out;
}
