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

/** Bytes of an ELF header that rules look at: up to e_flags of a 32-bit one (mips, mipsn32). */
enum { ELF_HEAD_MAX = 40 };

/** A QEMU user-mode emulator and the ELF header by which the kernel picks it. */
struct emulator {
	const char *name;         /* of the entry and of the program: "qemu-aarch64" */
	const char *platforms[4]; /* OCI platforms it serves, NULL-terminated; none: NULL first */
	uint8_t magic[ELF_HEAD_MAX], mask[ELF_HEAD_MAX]; /* e_ident to e_machine, or to e_flags */
};

/** All emulators known, in a fixed order. */
const struct emulator *emulators(size_t *count);

/**
 * The emulator for a platform (normalised), or NULL where none is known.  An architecture without
 * an OCI name goes by QEMU's: linux/m68k is qemu-m68k.
 */
const struct emulator *emulator_for(const struct platform *platform);

/**
 * The emulator whose rule matches the first bytes of a file, or NULL: no ELF file, or one of an
 * unknown architecture.  Tells what an "exec format error" is about.
 */
const struct emulator *emulator_for_file(const void *head, size_t length);

/** The emulator of this host's own architecture, which is never registered. */
const struct emulator *emulator_host(void);

/**
 * Find the installed static binary of an emulator in `qemu_dir` (NULL: MPEMU_QEMU_DIR, then the
 * usual places).  FAULT_MISSING names the Debian package and the command that installs it.
 */
result emulator_find(const struct emulator *emulator, const char *qemu_dir, char path[PATH_MAX],
		     struct error *err);

/** "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)": what the binary says of itself; "" where it fails. */
void emulator_version(const char *path, char version[128]);

#define BINFMT_RULE_MAX 1921 /* the kernel takes 1920 bytes */

/**
 * The text that registers an emulator when it is written to a `register` file in one write:
 * ":qemu-aarch64:M::\x7fELF...:MASK:PATH:FLAGS".  Fails (FAULT_INPUT) where path holds ':' or the
 * rule would be longer than the kernel's limit.
 */
result binfmt_rule(const struct emulator *emulator, const char *path, const char *flags,
		   char rule[BINFMT_RULE_MAX], struct error *err);

/** What an ELF file says of the machine that it is for. */
struct elf_facts {
	bool is_elf; /* all else is zero where it is not */
	bool wide, big_endian;
	uint16_t machine, type;
	char loader[256]; /* of PT_INTERP; "" where it needs none */
	int arm_arch;     /* Tag_CPU_arch of an arm program: 10 is v7; -1: not said */
	int x86_level;    /* x86-64 level that it says it needs: 1 to 4; 0: not said */
};

/** Reads up to `length` bytes at `offset`; short at the end of the file, 0 on errors. */
typedef size_t elf_reader(void *closure, uint64_t offset, void *data, size_t length);

/**
 * Read what concerns us of a file that may be hostile: a bounded number of bytes, whatever it says
 * of its own size.  What is damaged counts as not said.
 */
void elf_facts_read(elf_reader *read, void *closure, struct elf_facts *out);

/** The same from a descriptor, whose offset is left alone. */
void elf_facts_of(int fd, struct elf_facts *out);

enum elf_fit {
	ELF_FITS,
	ELF_NEWER,  /* the right machine, but it may want a newer CPU than the platform promises */
	ELF_OTHER,  /* another machine whose programs such CPUs commonly run too: 386 on amd64 */
	ELF_WRONG,  /* another machine, or ARM instructions that the platform does not have */
	ELF_DEVICE, /* for no CPU that runs programs: BPF, GPUs */
};

/** How a file fits a platform; `why` says what it is where it does not: "x86-64, 64-bit". */
enum elf_fit elf_fits(const struct elf_facts *facts, const struct platform *platform,
		      char why[128]);

enum platform_state {
	PLATFORM_NATIVE,      /* the CPU runs it */
	PLATFORM_EMULATED,    /* an enabled entry, and the probe ran */
	PLATFORM_UNPINNED,    /* the probe ran, but without flag F: not inside a container */
	PLATFORM_BROKEN,      /* an entry is there and the probe did not run */
	PLATFORM_INSTALLED,   /* the emulator is installed, nothing is registered */
	PLATFORM_UNAVAILABLE, /* no emulator is installed, or none exists */
	PLATFORM_READY,       /* INSTALLED, and the probe ran with a binfmt_misc of its own */
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

/**
 * The flags of a rule that serves containers on this kernel: F (opened now, so that it is there in
 * every root), O (the program comes as a descriptor), P (argv[0] is kept; Linux 5.12), and C where
 * `credentials` (setuid programs keep their rights: only safe with an emulator that ignores QEMU_*
 * then).
 */
void binfmt_flags(bool credentials, char flags[16]);

/** What this host does with programs for `platform`; runs the probe where that tells more. */
result platform_examine(const struct platform *platform, struct platform_status *out,
			struct error *err);

/** "native", "emulated", "ready": one word for people. */
const char *platform_state_text(enum platform_state state);

/**
 * Make and run the tiny static program for `platform` in a fresh process with an empty root, as a
 * container would (so that an entry without flag F fails).  `*ran` tells; `why` says why not.
 * FAULT_INPUT where no program is known for that platform.
 */
result platform_probe(const struct platform *platform, bool *ran, char why[256], struct error *err);

/** platform_examine() for many, at the same time on all CPUs. */
result platforms_examine(const struct platform *platforms, size_t count,
			 struct platform_status *out, struct error *err);

/** Whether programs for `platform` run without any emulator here. */
bool platform_is_native(const struct platform *platform);

/* ---- setup ---- */

enum setup_action {
	SETUP_NONE,    /* nothing to do: in place, native, or not installed */
	SETUP_ADD,     /* registered */
	SETUP_REPLACE, /* an entry of that name was stale; `reason` says how */
	SETUP_REMOVE,
};

enum setup_verb { SETUP_APPLY, SETUP_CHECK, SETUP_UNDO };

struct setup_request {
	enum setup_verb verb;
	bool dry_run;     /* tell, change nothing */
	bool credentials; /* flag C */
	bool all;         /* an emulator that is not installed is no failure */
	bool persist;     /* write, or with UNDO remove, BINFMT_PERSIST_PATH */
	const char *qemu_dir;
};

/** What was done for one emulator and what it came to. */
struct setup_item {
	const struct emulator *emulator; /* filled in by the caller */
	enum setup_action action;
	char reason[256];
	char others[128];              /* enabled entries of other names for the same programs */
	struct platform_status status; /* its platform: the emulator's first one, or its name */
	struct error error;            /* fault FAULT_NONE where all is well */
};

#define BINFMT_PERSIST_PATH "/etc/binfmt.d/mpemu.conf"

/**
 * Bring the system's binfmt_misc to what is asked, one item an emulator, and prove each by running
 * its program.  FAILED (FAULT_PRIVILEGE and the like) where nothing could be done at all; what went
 * wrong for one emulator is in its item.
 */
result binfmt_setup(const struct ctx *ctx, const struct setup_request *request,
		    struct setup_item *items, size_t count, struct error *err);

/** Whether an unprivileged user namespace can have its own binfmt_misc (Linux 6.7); tried once. */
bool binfmt_private_supported(void);

#endif
