/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Images that a build starts from: looked for once, in the store and then in registries.
 */
#ifndef RUNNER_BASES_H
#define RUNNER_BASES_H

#include "runner/builder.h"

struct bases;

struct bases *bases_new(void);
void bases_drop(struct bases **bases);

/**
 * The image that `name` stands for on `platform`: from the store, else (or with --pull) from its
 * registry, together with all other platforms that steps of the plan want of it.  What was found
 * stays the answer for the whole build.  An image without an index is taken whatever its platform
 * is: see base_strays().  FAULT_MISSING lists the platforms that there are.
 */
result base_image(struct build *build, const char *name, const struct platform *platform,
		  struct image **out, struct error *err);

/**
 * Whether the image is known to have a variant for the platform, by what the store has of it:
 * nobody is asked.
 */
bool base_offers(struct build *build, const char *name, const struct platform *platform);

/**
 * The variant for another platform of the very image that base_image() found for `of`: of the same
 * index, even where its name stands for another one by now.  It is fetched where the store lacks
 * it; that this failed is told once, and then not tried again.  FAULT_MISSING where there is none.
 */
result base_variant(struct build *build, const char *name, const struct platform *of,
		    const struct platform *platform, struct image **out, struct error *err);

/**
 * Whether what base_image() found for the platform is an image of another system or architecture,
 * and `out` of which; a mere variant does not count.
 */
bool base_strays(struct build *build, const char *name, const struct platform *platform,
		 struct platform *out);

#endif
