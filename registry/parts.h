/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What manifests point to: the blobs that have to move with them.
 */
#ifndef REGISTRY_PARTS_H
#define REGISTRY_PARTS_H

#include "registry/manifest.h"

struct part {
	struct descriptor blob;
	bool elsewhere; /* its manifest has URLs for it: a registry need not have it */
};

struct parts {
	struct part *items;
	size_t count;
};

void parts_drop(struct parts *parts);

/** Add config and layers of a manifest that document_parse() took. */
result parts_add(struct parts *parts, const json_t *manifest, struct error *err);

/** Each blob once. */
void parts_unique(struct parts *parts);

/** The mediaType that a document itself states decides over what was said about it. */
void document_describe(const json_t *json, enum media media, struct descriptor *out);

#endif
