/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A cache as it travels: which step made which layer, for all platforms at once.
 *
 * It is an OCI image manifest that has the layers and, as its config, a list of steps:
 *
 *     { "version": 1,
 *       "diff_ids": ["sha256:...", ...],            of the manifest's layers, in their order
 *       "steps": [{ "key": "sha256:...", "layer": 0, "made": 1700000000, "used": 1700000000,
 *                   "title": "[linux/arm64 2/3] RUN make" }, ...] }
 *
 * and of a COPY from another stage also "asked": the digest of what it was asked to take, by which
 * it is found where that stage has not been run.
 *
 * A key is the digest of all that the step depends on, so nobody has to believe what else is said
 * here but that the layer is what the step would make.  Pure: nothing is read or written.
 */
#ifndef RUNNER_CATALOG_H
#define RUNNER_CATALOG_H

#include "registry/registry.h"

#define CATALOG_MEDIA "application/vnd.mpemu.cacheconfig.v1+json"

/** The same list in an image's config, whose layers the numbers mean. */
#define CATALOG_INLINE "mpemu.cache.v1"

enum {
	CATALOG_LAYERS_MAX = 1000, /* what a manifest may have */
	CATALOG_STEPS_MAX = 10000,
	CATALOG_BYTES_MAX = 8 << 20,
};

struct catalog_step {
	struct digest key;
	struct digest asked; /* what the step was asked for, where the key is of what it took */
	size_t layer;        /* place in `layers` */
	int64_t made;        /* seconds since the epoch */
	int64_t used;        /* when an export last had it; to the day */
	char *title;         /* for people */
};

struct catalog {
	struct layer *layers;
	size_t layer_count;
	struct catalog_step *steps;
	size_t step_count;
};

void catalog_drop(struct catalog *catalog);

/**
 * What a step made: in place of what was known of its key, unless that is as new.  The step is the
 * caller's to complete, until the next is added.
 */
struct catalog_step *catalog_add(struct catalog *catalog, const struct digest *key,
				 const struct layer *layer, int64_t made, int64_t used,
				 const char *title);

/** Add all of another one. */
void catalog_merge(struct catalog *catalog, const struct catalog *other);

/** The step of this key, or NULL. */
const struct catalog_step *catalog_find(const struct catalog *catalog, const struct digest *key);

/** Drop what was not used for the longest time until the limits are kept; returns how many. */
size_t catalog_trim(struct catalog *catalog, size_t layers_max, size_t steps_max);

/** The config; `layers` in the order in which catalog_manifest() has them. */
void catalog_config(const struct catalog *catalog, struct buf *out);

/** The manifest around a config of this text. */
void catalog_manifest(const struct catalog *catalog, const struct buf *config, struct buf *out);

/** What a manifest turns out to be. */
enum catalog_kind {
	CATALOG_OURS,
	CATALOG_IMAGE, /* may have CATALOG_INLINE in its config */
	CATALOG_INDEX, /* of such images */
	CATALOG_BUILDKIT,
	CATALOG_OTHER,
};

/** "a cache of BuildKit" */
const char *catalog_kind_text(enum catalog_kind kind);

/** What it is, and its config where it has one; FAULT_INPUT where it cannot be read. */
result catalog_look(const struct buf *manifest, enum catalog_kind *kind, struct descriptor *config,
		    struct error *err);

/** Read manifest and config; what is said twice or makes no sense is FAULT_INPUT. */
result catalog_parse(const struct buf *manifest, const struct buf *config, struct catalog *out,
		     struct error *err);

/** The same for an image and what its config says of its layers: no steps where that is nothing. */
result catalog_parse_image(const struct buf *manifest, const struct buf *config,
			   struct catalog *out, struct error *err);

/** The steps alone, as they stand in a config; the caller owns it. */
json_t *catalog_steps_json(const struct catalog *catalog);

#endif
