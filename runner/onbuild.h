/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ONBUILD triggers of base images: known once the image is here, and parts of the plan then.
 */
#ifndef RUNNER_ONBUILD_H
#define RUNNER_ONBUILD_H

#include "base/json.h"
#include "base/platform.h"
#include "runner/dockerfile.h"

/** A list, one entry an image and platform; starts as NULL. */
struct triggers {
	char *image; /* as FROM names it, expanded */
	struct platform platform;
	bool is_here;                  /* the image could be had */
	struct dockerfile **documents; /* one instruction each */
	size_t count;
	struct triggers *next;
};

/**
 * Read `OnBuild` of an image's config (NULL: not known, so none) and put an entry in front of the
 * list, also where there are no triggers.
 * FAULT_INPUT where a trigger is no single instruction, or one that may not be a trigger.
 */
result triggers_read(struct triggers **list, const char *image, const struct platform *platform,
		     const json_t *config, struct error *err);

/** The entry of an image, NULL where it was not read yet. */
const struct triggers *triggers_of(const struct triggers *list, const char *image,
				   const struct platform *platform);

/** One trigger by itself. */
result trigger_parse(const char *text, struct dockerfile **out, struct error *err);

void triggers_drop(struct triggers **list);

#endif
