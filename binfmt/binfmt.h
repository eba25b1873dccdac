/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Emulators and how the kernel is told of them (binfmt_misc).
 *
 * A rule is "registered" where its entry is in a binfmt_misc instance, and "works" only where a
 * tiny program of that architecture, which this module makes itself, has really run.
 */
#ifndef BINFMT_BINFMT_H
#define BINFMT_BINFMT_H

#include "base/ctx.h"
#include "base/platform.h"
#include "base/text.h"

#include <limits.h>

/** A QEMU user-mode emulator and the ELF header by which the kernel picks it. */
struct emulator {
	const char *name;         /* of the entry and of the program: "qemu-aarch64" */
	const char *platforms[4]; /* OCI platforms it serves, NULL-terminated; none: NULL first */
	uint8_t magic[20], mask[20]; /* e_ident to e_machine */
};

/** All emulators known, in a fixed order. */
const struct emulator *emulators(size_t *count);

/** The emulator for a platform (normalised), or NULL where none is known. */
const struct emulator *emulator_for(const struct platform *platform);

/**
 * Find the installed static binary of an emulator in `qemu_dir` (NULL: MPEMU_QEMU_DIR, then the
 * usual places).  FAULT_MISSING names the Debian package and the command that installs it.
 */
result emulator_find(const struct emulator *emulator, const char *qemu_dir, char path[PATH_MAX],
		     struct error *err);

/** "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)": what the binary says of itself; "" where it fails. */
void emulator_version(const char *path, char version[128]);

#define BINFMT_RULE_MAX 512

/**
 * The text that registers an emulator when it is written to a `register` file in one write:
 * ":qemu-aarch64:M::\x7fELF...:MASK:PATH:FLAGS".  Fails (FAULT_INPUT) where path holds ':' or the
 * rule would be longer than the kernel's limit.
 */
result binfmt_rule(const struct emulator *emulator, const char *path, const char *flags,
		   char rule[BINFMT_RULE_MAX], struct error *err);

enum platform_state {
	PLATFORM_NATIVE,     /* the CPU runs it */
	PLATFORM_EMULATED,   /* an enabled entry, and the probe ran */
	PLATFORM_UNPINNED,   /* the probe ran, but without flag F: not inside a container */
	PLATFORM_BROKEN,     /* an entry is there and the probe did not run */
	PLATFORM_INSTALLED,  /* the emulator is installed, nothing is registered */
	PLATFORM_UNAVAILABLE /* no emulator is installed, or none exists */
};

struct platform_status {
	struct platform platform;
	enum platform_state state;
	const struct emulator *emulator; /* NULL: native or none known */
	char entry[64];                  /* name of the binfmt_misc entry; "" where none */
	char interpreter[PATH_MAX];      /* registered, else installed, else "" */
	char flags[16];                  /* of the entry: "POCF" */
	char version[128];
	char why[256]; /* one sentence for people, "" where all is well */
};

/** What this host does with programs for `platform`; runs the probe where that tells more. */
result platform_examine(const struct platform *platform, struct platform_status *out,
			struct error *err);

/**
 * Make and run the tiny static program for `platform` in a fresh process with an empty root, as a
 * container would (so that an entry without flag F fails).  `*ran` tells; `why` says why not.
 * FAULT_INPUT where no program is known for that platform.
 */
result platform_probe(const struct platform *platform, bool *ran, char why[256], struct error *err);

/** Whether programs for `platform` run without any emulator here. */
bool platform_is_native(const struct platform *platform);

/** Whether an unprivileged user namespace can have its own binfmt_misc (Linux 6.7); tried once. */
bool binfmt_private_supported(void);

#endif
