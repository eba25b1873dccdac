/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Attestations: a manifest beside an image's that says in in-toto's words where it came from.
 */
#ifndef RUNNER_ATTEST_H
#define RUNNER_ATTEST_H

#include "runner/builder.h"

/**
 * Write the provenance of an image of this build, whose last step is `final`, as SLSA 1.0 has it.
 * `out` is the entry for the index, with annotations that the caller drops.
 */
result attest_write(struct build *build, const struct form *form, const struct step *final,
		    const struct descriptor *manifest, struct descriptor *out, struct error *err);

#endif
