/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --cache-to and --cache-from: where caches go and come from.
 */
#ifndef RUNNER_CACHE_OPTIONS_H
#define RUNNER_CACHE_OPTIONS_H

#include "base/digest.h"
#include "base/text.h"

enum cache_kind {
	CACHE_REGISTRY, /* a reference */
	CACHE_LOCAL,    /* an image layout in a directory */
	CACHE_INLINE,   /* in the config of the images themselves; only to */
};

/** One of them. */
struct cache_place {
	enum cache_kind kind;
	char *where;       /* reference or path; NULL for CACHE_INLINE */
	char *tag;         /* in a layout; or a digest's text */
	bool all_steps;    /* mode=max, else those of the images alone */
	bool ignore_error; /* a failure is a warning */
	bool replaces;     /* merge=false */
	bool insecure;
};

struct cache_places {
	struct cache_place *items;
	size_t count;
};

void cache_places_drop(struct cache_places *places);

/** "type=registry,ref=NAME[,...]" or a bare NAME; FAULT_USAGE names the field. */
result cache_to_add(struct cache_places *places, const char *text, struct error *err);
result cache_from_add(struct cache_places *places, const char *text, struct error *err);

/** For messages: "registry.example/app:cache", "the directory out". */
const char *cache_place_text(const struct cache_place *place);

#endif
