/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Manifests, configs and indexes: bytes from anywhere become checked documents.
 *
 * manifest.c is pure; the two functions at the end that read from the store are image.c's.
 */
#ifndef REGISTRY_MANIFEST_H
#define REGISTRY_MANIFEST_H

#include "registry/registry.h"

/** How much of each is taken from outside. */
enum {
	MANIFEST_BYTES_MAX = 4 << 20, /* what every registry must accept; indexes too */
	CONFIG_BYTES_MAX = 8 << 20,
	LAYERS_MAX = 1000,
	INDEX_ENTRIES_MAX = 10000,
	ANNOTATIONS_MAX = 1000,
};

/** Read a descriptor; its platform too where it has one.  Annotations stay in the document. */
result descriptor_read(const struct json_at *at, struct descriptor *out, struct error *err);

/** The descriptor as it is written; the caller owns it. */
json_t *descriptor_json(const struct descriptor *descriptor);

/** A platform as it is written: architecture, os, and variant where it has one. */
json_t *platform_json(const struct platform *platform);

/** "name" of a descriptor's annotations, or NULL. */
const char *annotation_get(const struct descriptor *descriptor, const char *name);

/** Read "os", "architecture" and "variant" of a config or an entry, and normalise them. */
result platform_read(const struct json_at *at, struct platform *out, struct error *err);

/**
 * Parse an index or manifest and say which it is.  `expected` is what its descriptor or
 * Content-Type says (MEDIA_UNKNOWN: nothing known); the document must not say otherwise, nor be
 * both at once (CVE-2021-41190).  `name` starts the paths of errors.
 */
result document_parse(const char *text, size_t length, const char *name, enum media expected,
		      json_t **out, enum media *media, struct error *err);

/** What a manifest points to; the descriptors borrow from its document. */
struct manifest {
	struct descriptor config;
	struct descriptor *layers;
	size_t layer_count;
};

void manifest_drop(struct manifest *manifest);

/** Read a manifest that document_parse() took.  A config or layer of unknown media is no fault. */
result manifest_read(const json_t *json, struct manifest *out, struct error *err);

/** Read an index that document_parse() took; entries as they are, without looking further. */
result index_parse(const json_t *json, struct index *out, struct error *err);

/** Read a config: what it runs on and the digests of its layers unpacked (the caller frees). */
result config_read(const json_t *json, struct platform *platform, struct digest **diff_ids,
		   size_t *count, struct error *err);

/** Read a config from the store as a document; FAULT_INPUT where `at` is no image's config. */
result config_load(struct store *store, const struct descriptor *at, json_t **out,
		   struct error *err);

/** The platform that the config of the manifest `at` says. */
result image_platform(struct store *store, const struct descriptor *at, struct platform *out,
		      struct error *err);

#endif
