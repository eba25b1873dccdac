/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of what every system has, and of what builds: shells, texts, files, archives, make.
 */
#include "runner/tools_internal.h"

#include "base/text.h"

#define LOGINS "reads records of logins, which have the size of their machine"

/* A tool whose counts and columns are as wide as its words, which is seen where they are too large.
 */
#define COUNTING(name)                                                                         \
	{                                                                                      \
		.package = "coreutils*", .path = "*/" name, .mode = TOOL_SAFE, .reason = BYTES \
	}

/* Sizes that do not fit into 32 bits, so that a tool with such words may refuse them. */
#define LARGE_WITH(digit) "~" digit "G", "~" digit "GB", "~" digit "GiB", "~" digit "T"
#define LARGE                                                                                \
	LARGE_WITH("0"), LARGE_WITH("1"), LARGE_WITH("2"), LARGE_WITH("3"), LARGE_WITH("4"), \
		LARGE_WITH("5"), LARGE_WITH("6"), LARGE_WITH("7"), LARGE_WITH("8"),          \
		LARGE_WITH("9")

/* clang-format off */
static const struct tool rows[] = {
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
	{ .package = "coreutils*", .path = "*/who", .flags = TOOL_DENIED, .reason = LOGINS },
	{ .package = "coreutils*", .path = "*/users", .flags = TOOL_DENIED, .reason = LOGINS },
	{ .package = "coreutils*", .path = "*/pinky", .flags = TOOL_DENIED, .reason = LOGINS },
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
	{ .package = "git*", .path = "*/scalar", .flags = TOOL_DENIED, .reason = MACHINE },

	/* ---- shells ---- */
	{ .package = "dash", .path = "*/dash", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .reason = "integers are 64 bits wide, and printf reads a double; no machine name in it" },
	{ .package = "bash", .path = "*/bash", .mode = TOOL_SAFE, .flags = TOOL_LONG_DOUBLE,
	  .machine = LIST("$u-$v-linux-$l", "$u"),
	  .reason = "64-bit integers; MACHTYPE and HOSTTYPE are exchanged; printf %f trips" },

	/* ---- text ---- */
	{ .package = "sed", .path = "*/sed", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .reason = BYTES "; no file has as many lines as its words can count" },
	{ .package = "grep", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .reason = BYTES },
	{ .package = "diffutils", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .reason = BYTES },
	{ .package = "patch", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .reason = BYTES },
	{ .package = "mawk", .path = "*/mawk", .mode = TOOL_SAFE, .flags = TOOL_FMA | TOOL_NAN,
	  .reason = "doubles and the library's functions are equal; what is no number trips" },
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
	{ .package = "coreutils*", .path = "*/sort", .mode = TOOL_SAFE,
	  .flags = TOOL_LONG_DOUBLE | TOOL_ANY_WIDTH,
	  .refuse_width = LIST("-S*", "--buffer*", "--batch*"),
	  .reason = "compares texts; -g, which reads long doubles, trips" },
	COUNTING("base[36]*"), COUNTING("basenc"), COUNTING("dd"), COUNTING("*expand"),
	COUNTING("fmt"), COUNTING("fold"), COUNTING("mknod"), COUNTING("pr"), COUNTING("ptx"),
	COUNTING("shuf"),
	{ .package = "coreutils*", .path = "*/bin/*", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .refuse_width = LIST(LARGE), .reason = BYTES ", or makes one system call" },

	/* ---- files and archives ---- */
	{ .package = "findutils", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .refuse_width = LIST(LARGE, "--show-limits", "-s*", "--max-chars*"),
	  .reason = "walks and compares with integers; seconds are doubles of whole numbers" },
	{ .package = "tar", .path = "*/tar", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH,
	  .refuse_width = LIST(LARGE),
	  .reason = "reads and writes what the format says, and starts packers by name" },
	{ .package = "cpio", .path = "*/cpio", .mode = TOOL_SAFE,
	  .reason = "reads and writes what the format says; the old binary format has a byte order",
	  .refuse = LIST("-H*", "--format*", "-b*", "--swap*", "-s*", "-S*") },
	{ .package = "gzip", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH, .reason = CODEC },
	{ .package = "bzip2", .mode = TOOL_SAFE, .flags = TOOL_ANY_WIDTH, .reason = CODEC },
	{ .package = "xz*", .mode = TOOL_SAFE, .refuse = LIST("--info-memory"),
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
	  .machine = LIST("$u-$v-linux-$l", "?/usr/lib/$T"),
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
	{ .package = "glibc-common", .path = "*/getent", .mode = TOOL_SAFE,
	  .reason = "asks the same files and name servers" },
	{ .package = "glibc-common", .path = "*/iconv", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "libc-bin", .path = "*/iconv", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "libc-bin", .path = "*/locale", .mode = TOOL_SAFE,
	  .refuse = LIST("-k*", "--keyword*", "-ck*", "-kc*"),
	  .reason = "lists what is in files; keywords also tell of the machine" },
	{ .package = "util-linux*", .path = "*/getopt", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "util-linux*", .path = "*/flock", .mode = TOOL_SAFE, .reason = BYTES },
	{ .package = "util-linux*", .path = "*/rev", .mode = TOOL_SAFE, .reason = BYTES },
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
};
/* clang-format on */

const struct tool_group tools_base = { rows, countof(rows) };
