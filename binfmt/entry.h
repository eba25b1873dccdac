/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Entries of binfmt_misc as text: the rule that makes one, and the file that shows one.  Pure.
 */
#ifndef BINFMT_ENTRY_H
#define BINFMT_ENTRY_H

#include "binfmt/binfmt.h"

#include <time.h>

enum {
	ENTRY_TEXT_MAX = 8 << 10, /* bytes of a file that shows an entry */
	ENTRY_MAGIC_MAX = 256,    /* the kernel looks no further into a program */
};

struct entry {
	char name[64]; /* filled in by whoever opened the file */
	bool enabled;
	char interpreter[PATH_MAX];
	char flags[16];
	bool by_extension; /* then there is no magic */
	size_t offset, size;
	uint8_t magic[ENTRY_MAGIC_MAX], mask[ENTRY_MAGIC_MAX];
	struct timespec registered; /* filled in likewise */
};

/** Parse what /proc/sys/fs/binfmt_misc/NAME holds.  FAULT_INPUT on anything odd. */
result entry_parse(const char *text, struct entry *out, struct error *err);

/** Whether the kernel would choose it for a file that starts so. */
bool entry_matches(const struct entry *entry, const void *head, size_t length);

/** Whether it has the magic and mask that binfmt_rule() gives this emulator. */
bool entry_is_for(const struct entry *entry, const struct emulator *emulator);

#endif
