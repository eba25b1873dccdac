/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "runner/outputs.h"
#include "tests/tap.h"

TEST(outputs_are_read_as_buildx_reads_them)
{
	static const struct {
		const char *text;
		enum output_kind kind;
		const char *dest;
		size_t names;
		bool push, is_directory;
	} cases[] = {
		{ "out", OUTPUT_LOCAL, "out", 0, false, false },
		{ "-", OUTPUT_TAR, "-", 0, false, false },
		{ "type=oci,dest=a.tar", OUTPUT_OCI, "a.tar", 0, false, false },
		{ "type=oci", OUTPUT_OCI, "-", 0, false, false },
		{ "type=oci,dest=dir,tar=false", OUTPUT_OCI, "dir", 0, false, true },
		{ "type=docker", OUTPUT_DOCKER, "", 0, false, false },
		{ "type=registry", OUTPUT_IMAGE, "", 0, true, false },
		{ "type=image,\"name=a:1,b:2\",push=true", OUTPUT_IMAGE, "", 2, true, false },
		{ "\"type=local\",dest=x", OUTPUT_LOCAL, "x", 0, false, false },
		{ "type=cacheonly", OUTPUT_NONE, "", 0, false, false },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(output) struct output out = {};
		struct error err = {};

		CHECK(!output_parse(cases[i].text, &out, &err));
		CHECK_STR(err.text, "");
		CHECK(out.kind == cases[i].kind && out.names.count == cases[i].names &&
		      out.push == cases[i].push && out.is_directory == cases[i].is_directory);
		CHECK_STR(out.dest ? out.dest : "", cases[i].dest);
	}
}

TEST(outputs_that_say_nothing_clear_are_refused)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "type=", "--output type=: unknown type '': want image, registry, oci, docker, "
			   "local, tar or cacheonly" },
		{ "dest=x", "--output dest=x: type= is missing" },
		{ "type=local", "--output type=local: dest=DIRECTORY is missing" },
		{ "type=local,dest=-",
		  "--output type=local,dest=-: a directory cannot go to standard output" },
		{ "type=oci,color=red", "--output type=oci,color=red: unknown field 'color'" },
		{ "type=oci,push=true", "--output type=oci,push=true: type=oci has no push" },
		{ "type=oci,compression=lz4", "--output type=oci,compression=lz4: compression=lz4: "
					      "want gzip, zstd or uncompressed" },
		{ "type=oci,dset=x", "--output type=oci,dset=x: unknown field 'dset' (did you mean "
				     "dest?)" },
		{ "type=oci,\"dest=x",
		  "--output type=oci,\"dest=x: an extraneous or missing \" in a "
		  "quoted field" },
		{ "type=oci,\"dest=x\"y", "--output type=oci,\"dest=x\"y: an extraneous or missing "
					  "\" in a quoted field" },
		{ "type=oci,dest=x\"y", "--output type=oci,dest=x\"y: a bare \" in a field that is "
					"not quoted" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(output) struct output out = {};
		struct error err = {};

		CHECK(output_parse(cases[i].text, &out, &err) == FAILED);
		CHECK(err.fault == FAULT_USAGE);
		CHECK_STR(err.text, cases[i].error);
	}
}

TEST(annotations_know_their_places)
{
	static const struct {
		const char *text;
		size_t count; /* 0: refused */
		const char *name, *value;
	} cases[] = {
		{ "a=b", 1, "a", "b" },
		{ "index:a=b=c:d", 1, "a", "b=c:d" },
		{ "index,manifest:org.x=", 2, "org.x", "" },
		{ "manifest-descriptor[linux/arm64]:a=b", 1, "a", "b" },
		{ "a=http://x", 1, "a", "http://x" },
		{ "index[linux/arm64]:a=b", 0, NULL, NULL },
		{ "elsewhere:a=b", 0, NULL, NULL },
		{ "manifest[linux/arm64:a=b", 0, NULL, NULL },
		{ "index:=b", 0, NULL, NULL },
		{ "a", 0, NULL, NULL },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct annotations out = {};
		struct error err = {};
		result parsed = annotations_parse(cases[i].text, &out, &err);

		CHECK((parsed == OK) == (cases[i].count > 0));
		if (cases[i].count && out.count) {
			CHECK(out.count == cases[i].count);
			CHECK_STR(out.items[0].name, cases[i].name);
			CHECK_STR(out.items[0].value, cases[i].value);
		}
		annotations_drop(&out);
	}
}
