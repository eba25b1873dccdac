/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --provenance, --sbom and --attest: what is to be told about where images come from.
 */
#ifndef RUNNER_ATTEST_OPTIONS_H
#define RUNNER_ATTEST_OPTIONS_H

#include "base/text.h"

enum provenance { PROVENANCE_NONE, PROVENANCE_MIN, PROVENANCE_MAX };

struct attest {
	enum provenance provenance;
	char *builder_id; /* or NULL */
};

void attest_drop(struct attest *attest);

/**
 * "true", "false", or "mode=max,builder-id=URI".  FAULT_USAGE names what is not made; turning
 * something off that is not made is fine.
 */
result attest_provenance_set(struct attest *attest, const char *text, struct error *err);
result attest_sbom_set(struct attest *attest, const char *text, struct error *err);

/** "type=provenance,...": the same of either. */
result attest_add(struct attest *attest, const char *text, struct error *err);

#endif
