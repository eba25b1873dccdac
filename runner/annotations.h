/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --annotation: notes on manifests, indexes and the descriptors that point to them.
 */
#ifndef RUNNER_ANNOTATIONS_H
#define RUNNER_ANNOTATIONS_H

#include "base/json.h"
#include "base/platform.h"

/** Where an annotation stands. */
enum annotation_place {
	ANNOTATE_MANIFEST,
	ANNOTATE_INDEX,
	ANNOTATE_MANIFEST_DESCRIPTOR, /* the index's entry of the manifest */
	ANNOTATE_INDEX_DESCRIPTOR,    /* what points to the index: index.json of an archive */
};

struct annotation {
	enum annotation_place place;
	struct platform platform; /* os "": every one */
	char *name, *value;
};

struct annotations {
	struct annotation *items;
	size_t count;
};

void annotations_drop(struct annotations *annotations);

/**
 * Add "[PLACE[,PLACE...]:]NAME=VALUE", where PLACE is manifest (the default), index,
 * manifest-descriptor or index-descriptor, and those of manifests may end in "[linux/amd64]".
 * FAULT_USAGE.
 */
result annotations_parse(const char *text, struct annotations *out, struct error *err);

/** The same as a field of --output: key "annotation[-PLACE][[PLATFORM]].NAME". */
result annotations_field(const char *key, const char *value, struct annotations *out,
			 struct error *err);

/**
 * Those of one place as an object that the caller owns, NULL where there are none; `platform` is
 * the manifest's (NULL for an index).  Later ones win.
 */
json_t *annotations_json(const struct annotations *annotations, enum annotation_place place,
			 const struct platform *platform);

bool annotations_have(const struct annotations *annotations, enum annotation_place place);

void annotations_add_all(struct annotations *to, const struct annotations *from);

#endif
