/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Images of finished stages in the form that an output asks for.
 */
#ifndef RUNNER_FORM_H
#define RUNNER_FORM_H

#include "runner/builder.h"

/** What a build made in one form. */
struct published {
	struct descriptor index; /* of one platform: its manifest */
	struct descriptor manifests[PLATFORMS_MAX];
	struct digest configs[PLATFORMS_MAX];
	size_t count;
};

/**
 * Write the images of all platforms and their index.  Layers of base images stay as they came
 * unless force-compression; layers of this build are packed again only where the form differs.
 */
result form_publish(struct build *build, const struct form *form, struct published *out,
		    struct error *err);

#endif
