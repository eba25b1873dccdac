/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/base_config.h"

#include "base/mem.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

/** What is taken over of a config, or the error. */
static char *taken(const char *text)
{
	owned(json) json_t *document = NULL, *out = NULL;
	struct error err = {};

	if (json_parse(text, strlen(text), "config", &document, &err) ||
	    base_config_take(document, &out, &err))
		return xstrdup(err.text);
	return json_text(out, false);
}

TEST(base_config_keeps_what_buildkit_knows)
{
	static const struct {
		const char *from, *want;
	} cases[] = {
		{ "{}", "{}" },
		{ "{\"os\":\"linux\",\"os.version\":\"10\",\"created\":\"2026-01-01T00:00:00Z\","
		  "\"docker_version\":\"1\",\"container\":\"x\",\"rootfs\":{}}",
		  "{\"os\":\"linux\",\"os.version\":\"10\"}" },
		{ "{\"config\":null,\"history\":null}", "{}" },
		{ "{\"config\":{}}", "{\"config\":{}}" },
		{ "{\"config\":{\"Hostname\":\"a\",\"Tty\":false,\"Image\":\"b\",\"User\":\"\","
		  "\"Env\":[],\"Cmd\":null,\"Labels\":{},\"ArgsEscaped\":false,\"Domainname\":1}}",
		  "{\"config\":{}}" },
		{ "{\"config\":{\"Cmd\":[\"\"],\"ArgsEscaped\":true,\"Volumes\":{\"/"
		  "v\":{\"a\":1}}}}",
		  "{\"config\":{\"Cmd\":[\"\"],\"Volumes\":{\"/v\":{}},\"ArgsEscaped\":true}}" },
		{ "{\"config\":{\"Healthcheck\":{\"Test\":[\"NONE\"],\"Retries\":0,\"X\":1}}}",
		  "{\"config\":{\"Healthcheck\":{\"Test\":[\"NONE\"]}}}" },
		{ "{\"history\":[{\"created_by\":\"a\",\"empty_layer\":false,\"comment\":\"\","
		  "\"x\":1},"
		  "{\"empty_layer\":true,\"author\":\"b\"}]}",
		  "{\"history\":[{\"created_by\":\"a\"},{\"author\":\"b\",\"empty_layer\":true}]"
		  "}" },
		{ "{\"config\":{\"Cmd\":\"sh\"}}", "config.config.Cmd: want a list of strings" },
		{ "{\"config\":{\"Labels\":{\"a\":1}}}",
		  "config.config.Labels: want an object of strings" },
		{ "{\"config\":{\"ArgsEscaped\":1}}",
		  "config.config.ArgsEscaped: want true or false" },
		{ "{\"history\":{\"a\":1}}", "config.history: want a list" },
		{ "{\"history\":[{\"created\":1}]}", "config.history[0].created: want a string" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(str) char *got = taken(cases[i].from);

		CHECK_STR(got, cases[i].want);
	}
}
