/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The reviewed policy: which programs may run natively, how, and why that is right.
 */
#ifndef RUNNER_TOOLS_H
#define RUNNER_TOOLS_H

#include "base/mem.h"
#include "base/text.h"

enum tool_mode { TOOL_SAFE, TOOL_FULL };

/** Toolchains that are in no package have names that begin so, as no package's does. */
#define UNPACKED_PREFIX "unpacked/"

/** One reviewed row: what may be done with programs of a package.  The rows are in tools_*.c. */
struct tool {
	const char *package; /* glob of names, of toolchains too: see UNPACKED_PREFIX */
	const char *path;    /* glob of paths in the package; NULL: all its programs */
	enum tool_mode mode;
	unsigned flags;     /* enum tool_flag */
	const char *reason; /* why its output cannot depend on the CPU that runs it, or what may */
	/* Lists end with NULL, or are NULL.  Arguments are "exact", "prefix*", "~suffix",
	 * "$last", or "!exact" for one that is not meant by what follows.  Texts may have $A, Go's
	 * name of the target, $L, LLVM's triple, $S, Rust's, and $D, where a toolchain has bin/,
	 * beside those of struct twin. */
	const char *const *refuse;        /* arguments that make it run under QEMU */
	const char *const *refuse_width;  /* ... where the target has narrower words */
	const char *const *refuse_endian; /* ... where it has another byte order */
	const char *const *names;         /* of argv[0]; under others it runs under QEMU */
	const char *const *insert;        /* put behind argv[0]; "+TEXT": at the end */
	const char *const *insert_unless; /* ... but not where one of these is given */
	const char *const *before;        /* pairs: an argument, and what is put before it */
	/* What is put there is what the foreign program adds by itself, if it has this text. */
	const char *if_text;
	const char *unless_text; /* a native program that has this text is no twin */
	const char *const *env;  /* NAME=value to set; "?NAME=value": unless it is set */
	/* An argument that begins so is replaced by that; other plugins are refused. */
	const char *plugin_from, *plugin_to;
	/* Of TOOL_INTERPRETER: "m:NAME" for -m NAME, "c:CODE" for -c CODE. */
	const char *const *scripts;
	/* Directories, with $T, of modules that it loads: each library there must have its twin. */
	const char *const *modules;
	/* Of TOOL_COMPANION: one that it loads most times, with $N for its own name, $V for the
	   digits in that, and $T.  Where that has no twin yet, it would only trip. */
	const char *loads;
	/* Files, with $T, in which the native ones only tell their machine: its twin has the
	   foreign ones instead. */
	const char *const *foreign;
	/* Texts in the program that name its machine: $u is what uname says, $d Debian's name, $v
	   the vendor of GNU triples, $l the C library in them, $T the triple of paths.  The copy
	   says them for the target; where a text is not in the native program or its counterpart
	   not in the foreign one, it has no twin; with a ? before it, it may be in neither.  With a
	   * behind it, it is only how the text begins. */
	const char *const *machine;
};

/** A bit each, in their order. */
enum tool_flag {
	TOOL_DENIED = 1 << 0,     /* never: `reason` says why */
	TOOL_ANY_WIDTH = 1 << 1,  /* the target may have 32 bits */
	TOOL_ANY_ENDIAN = 1 << 2, /* ... and the other byte order */
	TOOL_CROSS = 1 << 3,      /* its twin is in a cross toolchain's root */
	TOOL_REVISION = 1 << 4,   /* in full mode another revision of the same version will do */
	TOOL_PRELOAD_OK = 1 << 5, /* LD_LIBRARY_PATH may be set: it is fine without */
	TOOL_FMA = 1 << 6, /* equal only on a CPU that has fused multiply-add, as targets do */
	TOOL_LONG_DOUBLE = 1 << 7, /* may come to read a long double, which has other bits here */
	TOOL_DRIVER = 1 << 8, /* gcc's: has specs, and finds its parts by where it was called */
	TOOL_PREFIX = 1 << 9, /* a cross compiler's, which starts TRIPLE-NAME and not NAME */
	TOOL_INTERPRETER = 1 << 10, /* runs files of TOOL_SCRIPT only, and what `scripts` has */
	TOOL_SCRIPT = 1 << 11,      /* no program, but a text that such an interpreter runs */
	TOOL_BY_NAME = 1 << 12,     /* finds itself by argv[0], not by /proc/self/exe */
	TOOL_FETCH = 1 << 13,       /* worth the time to install it where no native root has it */
	TOOL_NAN = 1 << 14,         /* may come to a NaN, whose sign is another here */
	TOOL_MODULE = 1 << 15,      /* a TOOL_SCRIPT that is not executable, nor begins as one */
	TOOL_PLUGINS = 1 << 16,     /* Rust's: loads macros, which the target's libraries have */
	TOOL_TRIPLE = 1 << 17,      /* is told its target by $L or $S, which must be known */
	TOOL_ALPINE = 1 << 18,      /* as Alpine builds it: what it starts, it starts by an exec */
	TOOL_COMPANION = 1 << 19,   /* loads what it is told to: with a companion, twins of it */
	TOOL_LIBRARY = 1 << 20,     /* no program: such a one loads it */
	TOOL_ALL_SCRIPTS = 1 << 21, /* an interpreter that runs all scripts in full mode */
	TOOL_GO = 1 << 22,          /* made by Go: may keep counters by its machine's name */
};

/** Row number `index` of all; NULL past the last.  The first row that matches a file decides. */
const struct tool *tool_at(size_t index);

/** The row of a package's file (absolute path, as in the package), or NULL: not reviewed. */
const struct tool *tool_find(const char *package, const char *path);

/** Whether any row speaks of the package, so that its files are worth looking at. */
bool tool_package_known(const char *package, enum tool_mode mode);

/** Whether a row speaks of the package that is worth installing natively. */
bool tool_package_fetched(const char *package, enum tool_mode mode);

/** Whether the package may have a program of that name (without directories) by a row. */
bool tool_serves(const char *package, const char *name);

/** What the words in a row's texts stand for: the character behind the $, and the text. */
struct tool_word {
	char name;
	const char *text;
};

struct tool_words {
	const struct tool_word *items;
	size_t count;
};

/** With the words filled in; NULL stays NULL. */
const char *tool_expand(struct arena *arena, const char *text, const struct tool_words *words);
const char *const *tool_expand_list(struct arena *arena, const char *const *list,
				    const struct tool_words *words);

#endif
