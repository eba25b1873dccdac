/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Copies of native files that find each other below PREFIX/N instead of in the root: made once,
 * kept in STORE/twins/files by all that their content depends on.
 */
#ifndef RUNNER_TWIN_COPY_H
#define RUNNER_TWIN_COPY_H

#include "runner/twin_arch.h"
#include "runner/twin_files.h"

/** What a file of STORE/twins/files that says that a file needs no copy holds. */
#define COPY_UNCHANGED "="

enum copy_role {
	COPY_PROGRAM,
	COPY_LIBRARY,
	COPY_LOADER,
	COPY_LIBC,
	COPY_MUSL,
	COPY_LLVM,
	COPY_DATA,
};

/** A text that becomes another one, longer or not; both are whole texts. */
struct exchange {
	const char *from, *to;
	bool optional; /* it may not be there */
};

struct copy_request {
	enum copy_role role;
	const char *root; /* PREFIX/N */
	/* Of the C library for long doubles, of a program for what is no number; or NULL. */
	const struct trip *trip;
	const struct twin_arch *host, *target;
	const struct exchange *exchanges;
	size_t exchange_count;
	/* The same for paths of a compiler, which may be absent and never grow. */
	const struct exchange *replacements;
	size_t replacement_count;
	const char *run_path; /* where the program's loader is to find libraries; NULL: it knows */
	/* A compiler's driver: the foreign one whose specs it gets, and its content; or NULL. */
	const struct native *driver;
	const struct sum *driver_sum;
	bool hides_build;   /* of a program of Go, what it was made of */
	const char *prefix; /* of the names by which it starts others, which it drops; or NULL */
	bool has_companion; /* ROOT/c */
	bool has_numbers;   /* that are others on other machines, such as on arm64 */
	bool is_arm;
};

enum { COPY_NAME_MAX = 72 };

struct copied {
	char name[COPY_NAME_MAX]; /* in STORE/twins/files */
	bool unchanged;           /* there is no copy: the file serves as it is */
	const char *reason;       /* there is none, because it cannot be one; else NULL */
};

/** Make the copy of a file whose content is `sum`, or find the one made before. */
result twin_copy(int files_fd, const struct found *found, const struct sum *sum,
		 const struct copy_request *request, struct copied *out, struct error *err);

/** The companion's name in STORE/twins/files, where it is put. */
result twin_companion(int files_fd, bool has_arm_flags, char name[COPY_NAME_MAX],
		      struct error *err);

/** What twin_copy() does, in memory: NULL, or why it cannot be.  `*changes` counts. */
const char *twin_copy_change(struct native *native, const struct copy_request *request,
			     size_t *changes);

#endif
