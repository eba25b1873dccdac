/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Errors are values: the caller owns the struct, nobody allocates, nothing needs freeing.
 *
 * A function that can fail returns `result` and takes `struct error *err` last.  OK is zero, so
 * `if (store_open(ctx, path, &store, err))` reads as "if that failed".  On failure err is filled in
 * and the out parameters are as they were; on success err is left alone.  Whoever first meets a
 * fault calls fail() or fail_sys(); callers on the way up add where they were with fail_in(), so
 * that main() prints one line, from the outside in:
 *
 *     mpemu: linux/riscv64: Dockerfile:7: RUN apk add gcc: exit status 4
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/defs.h"

/** Marked on the type, so that the compiler asks about every call that ignores one. */
typedef enum [[nodiscard]] result{ OK = 0, FAILED = -1 } result;

/** What the caller can do about it.  fault_table[] gives each its exit status. */
enum fault {
	FAULT_NONE,
	FAULT_USAGE,     /* the command line */
	FAULT_INPUT,     /* a Dockerfile, manifest or config is wrong */
	FAULT_STEP,      /* a build step ran and failed */
	FAULT_MISSING,   /* no such image, blob, emulator */
	FAULT_AUTH,      /* the registry wants other credentials */
	FAULT_NETWORK,   /* worth another try */
	FAULT_INTEGRITY, /* content does not have its digest */
	FAULT_PRIVILEGE, /* needs `mpemu setup`, a subuid range, a kernel switch */
	FAULT_SYSTEM,    /* a system call; sys says which errno */
	FAULT_CANCELLED, /* somebody asked us to stop */
};

struct error {
	enum fault fault;
	int sys;         /* errno, or 0 */
	char text[1024]; /* grows at the front; a cut shows as "..." */
};

/** Record a fault.  Always FAILED, so that it can be returned. */
int fail(struct error *err, enum fault fault, const char *format, ...) PRINTF(3, 4);

/** Record a failed system call from errno: "format: strerror".  Always FAILED. */
int fail_sys(struct error *err, const char *format, ...) PRINTF(2, 3);

/** Say where we were: put "format: " before the text.  Always FAILED. */
int fail_in(struct error *err, const char *format, ...) PRINTF(2, 3);

/** The exit status that main() ends with for this fault. */
int fault_exit_status(enum fault fault);

/** Whether doing the same again may work. */
bool fault_is_transient(enum fault fault);

#endif
