/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ELF files in memory: what a program needs, and the changes that make a copy of it feel at home in
 * another place.
 *
 * All of it is pure.  Nothing here moves: a text is replaced by one that is not longer, paths are
 * filled up with slashes, and machine code only where every byte of it is known.  A file that is
 * not of the form that a change needs is left as it is, and the caller is told.
 */
#ifndef RUNNER_NATIVE_H
#define RUNNER_NATIVE_H

#include "base/defs.h"

/** The first 64 bytes say it. */
struct elf_kind {
	bool is_64, is_big, is_program; /* ET_EXEC or ET_DYN */
	uint16_t machine;
};

bool elf_kind_read(const void *head, size_t length, struct elf_kind *out);

/** Most libraries that one file may need; and how many bytes a file may have. */
enum { NATIVE_NEEDS_MAX = 256, NATIVE_SIZE_MAX = 512 << 20 };

/** A 64-bit little-endian ELF file; texts point into it. */
struct native {
	uint8_t *data;
	size_t size;
	uint16_t machine;
	size_t interp,
		interp_size;  /* place of the loader's path; size 0: it is static, or a library */
	const char *run_path; /* DT_RUNPATH or DT_RPATH, or NULL */
	const char *needs[NATIVE_NEEDS_MAX];
	size_t need_count;
};

/** False where the file is no such ELF or lies about itself. */
bool native_read(uint8_t *data, size_t size, struct native *out);

/** The file's offset and size of a dynamic symbol's code; false where it has no such symbol. */
bool native_symbol(const struct native *native, const char *name, size_t *offset, size_t *size);

/** Give it another loader; false where the path is too long. */
bool native_set_loader(struct native *native, const char *path);

/**
 * Replace the path `from` wherever one begins with it, by `to` and slashes; `to` is not longer.
 * The number of places.
 */
size_t native_replace_path(struct native *native, const char *from, const char *to);

/**
 * Replace texts that are `from` as a whole: to their NUL, and nothing printable before them; `to`
 * is not longer.  How many.
 */
size_t native_replace_text(struct native *native, const char *from, const char *to);

/** Whether there is a whole text like it.  Of a native that was not read, only its bytes count. */
bool native_has_text(const struct native *native, const char *text);

/** The first whole text that begins and ends so; or NULL. */
const char *native_find_text(const struct native *native, const char *prefix, const char *suffix);

/**
 * Let everything that refers to the text `from` refer to `to`, which may be longer: it is put where
 * a read-only segment ends with unused bytes.  False where there is no room, nothing refers to it
 * or the code is not x86-64.
 */
bool native_move_text(struct native *native, const char *from, const char *to);

/**
 * Replace a text of five bytes that code writes to its stack, four bytes and one, as compilers do
 * it with short texts.  False where `to` is not as long, or there is not exactly one such place.
 */
bool native_replace_inline(struct native *native, const char *from, const char *to);

/** Whether the file asks another one for this function. */
bool native_imports(const struct native *native, const char *name);

/**
 * Let the file ask others for the function `to` where it asked for `from`, whose name is as long,
 * in the version of the function `like` that it also asks for.  False where it does not, or where
 * another symbol's name is part of that one's text.
 */
bool native_import_swap(struct native *native, const char *from, const char *to, const char *like);

/** What a program writes where, before it ends with status 254. */
struct trip {
	const char *path; /* of a file or FIFO that is there */
	const void *message;
	size_t size;
};

/**
 * Let the C library's functions that read a long double trip.  Its strfroml() gives way to that
 * code.  False where they are not as expected.
 */
bool native_set_trip(struct native *native, const struct trip *trip);

/**
 * Let a program trip where it comes to compute what is no number: a NaN that is made has the sign
 * bit here and has none on other machines, and one that becomes an integer becomes another.  The
 * processor tells both as an invalid operation.  False where there is no room for the code, or a
 * program without a loader is none of Go's.
 */
bool native_set_nan_trip(struct native *native, const struct trip *trip);

enum { NATIVE_SPECS_MAX = 128 };

/**
 * Let gcc's driver have the specs of another one, which may be for another machine.  The text of
 * how it was configured gives way to them, so that it must not be asked for that (-v).  False where
 * one of them is no driver as expected, or has other specs by name.
 */
bool native_set_specs(struct native *native, const struct native *other);

/**
 * A cross compiler's part starts tools by the names PREFIX-NAME; let it start NAME.  False where
 * its code does anything else with the text `prefix`, or nothing.
 */
bool native_drop_prefix(struct native *native, const char *prefix);

/**
 * Let a program of Go not know what it was made of: so it keeps none of the counters that have this
 * machine's name.  True also where it would keep none.
 */
bool native_hide_go_build(struct native *native);

/** Let the C library's uname() tell another machine; false where its code is not as expected. */
bool native_set_machine(struct native *native, const char *machine);

/**
 * Let python's names for numbers stand for those of other machines: a character has no sign there,
 * and arm64 has its own flags of open().  False where they are not as expected.
 */
bool native_set_numbers(struct native *native, bool is_arm);

/** Whether it is musl, which is loader and C library at once. */
bool native_is_musl(const struct native *native);

/**
 * The same two for musl, and where it is to look for libraries: one directory.  False where it is
 * not as expected, or has another place to be told where.
 */
bool native_set_musl(struct native *native, const char *machine, const struct trip *trip);
bool native_set_musl_folder(struct native *native, const char *folder);

/**
 * Let a program have one more library, before all others.  False where it has none, or no room for
 * the path.
 */
bool native_add_library(struct native *native, const char *path);

/**
 * Let a program have its libraries from these directories, before all others that its loader knows;
 * theirs, too.  False where it has such a path already, or no room for one.
 */
bool native_set_run_path(struct native *native, const char *path);

#endif
