/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/named.h"

#include "runner/onbuild.h"
#include "tests/tap.h"

static const char *const given[] = {
	"alpine=docker-image://localhost/other",
	"tools=../tools",
	"debian:12::linux/arm64=oci-layout:///srv/debian",
	"debian:12=docker-image://debian:13",
};

static const struct {
	const char *name, *platform, *value; /* value: NULL for itself */
} cases[] = {
	{ "alpine", "linux/amd64", "localhost/other" },
	{ "alpine:latest", "linux/amd64", "localhost/other" },
	{ "docker.io/library/alpine", "linux/amd64", "localhost/other" },
	{ "alpine:3", "linux/amd64", NULL },
	{ "TOOLS", "linux/amd64", "../tools" },
	{ "debian:12", "linux/arm64", "oci-layout:///srv/debian" },
	{ "debian:12", "linux/amd64", "debian:13" },
	{ "other", "linux/amd64", NULL },
};

TEST(names_of_contexts_stand_for_stages_and_images)
{
	owned(named_list) struct named_list list = {};
	struct error err = {};

	for (size_t i = 0; i < countof(given); i++)
		CHECK(!named_add(&list, given[i], &err));
	for (size_t i = 0; i < countof(cases); i++) {
		const struct named *found;
		struct platform platform;

		CHECK(!platform_parse(cases[i].platform, &platform, &err));
		found = named_find(&list, cases[i].name, &platform);
		CHECK(!found == !cases[i].value);
		if (found && cases[i].value)
			CHECK_STR(found->value, cases[i].value);
	}
	CHECK(!named_add(&list, "alpine=dir", &err));
	CHECK(list.count == countof(given));
}

TEST(names_of_contexts_that_make_no_sense_are_usage)
{
	static const char *const bad[] = { "x",
					   "=dir",
					   "x=",
					   "x=docker-image://UPPER",
					   "x=target:y",
					   "x::linux/a/b/c=dir",
					   "::linux/arm64=dir" };

	for (size_t i = 0; i < countof(bad); i++) {
		owned(named_list) struct named_list list = {};
		struct error err = {};

		CHECK(named_add(&list, bad[i], &err) && err.fault == FAULT_USAGE);
	}
}

static const struct {
	const char *config, *want; /* want: start of the error, NULL for none */
	size_t count;
} triggers[] = {
	{ "{}", NULL, 0 },
	{ "{\"config\":null}", NULL, 0 },
	{ "{\"config\":{\"OnBuild\":null}}", NULL, 0 },
	{ "{\"config\":{\"OnBuild\":[\"RUN a\",\"COPY <<x /\\nb\\nx\"]}}", NULL, 2 },
	{ "{\"config\":{\"OnBuild\":[\"ONBUILD RUN a\"]}}", "FROM i: trigger", 0 },
	{ "{\"config\":{\"OnBuild\":[\"FROM a\"]}}", "FROM i: trigger", 0 },
	{ "{\"config\":{\"OnBuild\":[\"RUN a\\nRUN b\"]}}", "FROM i: trigger", 0 },
	{ "{\"config\":{\"OnBuild\":[\"\"]}}", "FROM i: trigger", 0 },
	{ "{\"config\":{\"OnBuild\":\"RUN a\"}}", "FROM i: ", 0 },
};

TEST(triggers_of_a_base_are_read_and_checked)
{
	const struct platform platform = { "linux", "arm64", "" };

	for (size_t i = 0; i < countof(triggers); i++) {
		owned(triggers) struct triggers *list = NULL;
		owned(json) json_t *config = json_loads(triggers[i].config, 0, NULL);
		struct error err = {};
		bool failed = triggers_read(&list, "i", &platform, config, &err) != OK;

		CHECK(failed == (triggers[i].want != NULL));
		if (triggers[i].want)
			CHECK(starts_with(err.text, triggers[i].want));
		else
			CHECK(triggers_of(list, "i", &platform)->count == triggers[i].count);
	}
}
