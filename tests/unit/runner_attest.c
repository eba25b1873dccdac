/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/attest_options.h"
#include "tests/tap.h"

TEST(attestations_are_asked_for_as_with_buildx)
{
	static const struct {
		const char *attest, *provenance;
		enum provenance want;
		const char *builder;
	} cases[] = {
		{ NULL, "true", PROVENANCE_MAX, "" },
		{ NULL, "false", PROVENANCE_NONE, "" },
		{ NULL, "0", PROVENANCE_NONE, "" },
		{ NULL, "mode=min", PROVENANCE_MIN, "" },
		{ NULL, "mode=max,version=v1", PROVENANCE_MAX, "" },
		{ NULL, "mode=max,disabled=true", PROVENANCE_NONE, "" },
		{ "type=provenance", NULL, PROVENANCE_MAX, "" },
		{ "type=provenance,mode=min", NULL, PROVENANCE_MIN, "" },
		{ "type=provenance,builder-id=https://x/1", NULL, PROVENANCE_MAX, "https://x/1" },
		{ "type=provenance,disabled=true", NULL, PROVENANCE_NONE, "" },
		{ "type=provenance", "false", PROVENANCE_NONE, "" },
		{ "type=sbom,disabled=true", NULL, PROVENANCE_NONE, "" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct attest attest = {};
		struct error err = {};

		CHECK(!cases[i].attest || !attest_add(&attest, cases[i].attest, &err));
		CHECK(!cases[i].provenance ||
		      !attest_provenance_set(&attest, cases[i].provenance, &err));
		CHECK_STR(err.text, "");
		CHECK(attest.provenance == cases[i].want);
		CHECK_STR(attest.builder_id ? attest.builder_id : "", cases[i].builder);
		attest_drop(&attest);
	}
}

TEST(attestations_that_are_not_made_are_refused)
{
	static const char *const cases[] = {
		"",
		"mode=max",
		"type=sbom",
		"type=what",
		"type=provenance,mode=",
		"type=provenance,version=v0.2",
		"type=provenance,x",
		"type=provenance,inline-only=true",
		"type=provenance,disabled=x",
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct attest attest = {};
		struct error err = {};

		CHECK(attest_add(&attest, cases[i], &err) && err.fault == FAULT_USAGE);
		attest_drop(&attest);
	}
}
