/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a name in the store leads to, read for those who want to see it.
 */
#ifndef RUNNER_CONTENTS_H
#define RUNNER_CONTENTS_H

#include "registry/registry.h"
#include "runner/command.h"

/** An entry of an index. */
struct content {
	struct descriptor entry; /* annotations are borrowed from the index */
	bool is_attestation;
	bool is_here;        /* its manifest is in the store */
	struct image *image; /* owned; NULL unless it is an image that is here */
};

/** An index, or a manifest as an index of one entry. */
struct contents {
	struct descriptor at;
	struct index index;
	struct content *items;
	size_t count;
};

/** Parse a name that was typed (FAULT_USAGE) and find it in the store (FAULT_MISSING). */
result name_resolve(struct store *store, const char *name, struct reference *ref,
		    struct descriptor *out, struct error *err);

/** Parse a name that is to be given to something: one with a digest could only lie. */
result name_parse_new(const char *name, struct reference *out, struct error *err);

/** Parse a platform that was typed (FAULT_USAGE); NULL leaves `out` as it is. */
result platform_argument(const char *text, struct platform *out, struct error *err);

/** Read the index and every image of it that is in the store. */
result contents_read(struct store *store, const struct descriptor *at, struct contents *out,
		     struct error *err);
void contents_drop(struct contents *contents);

/** Bytes of all layers as stored, those that images share only once. */
uint64_t contents_size(const struct contents *contents);

/** Bytes of the layers of one image. */
uint64_t image_size(const struct image *image);

/** When the newest image was made, as its config says ("" where none does); borrowed. */
const char *contents_created(const struct contents *contents);

/** `mpemu index inspect`, which lives beside `mpemu inspect`. */
extern const struct command command_index_inspect;

#endif
