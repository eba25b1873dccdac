/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"
#include "tests/tap.h"

static const struct {
	const char *text;
	enum media media;
	bool is_docker;
	const char *written;
} cases[] = {
	{ "application/vnd.oci.image.index.v1+json", MEDIA_INDEX, false, NULL },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX, true, NULL },
	{ "application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST, false, NULL },
	{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST, true, NULL },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER_ZSTD, false, NULL },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER_GZIP, true, NULL },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER_GZIP, true,
	  "application/vnd.docker.image.rootfs.diff.tar.gzip" },
	{ "application/vnd.oci.empty.v1+json", MEDIA_UNKNOWN, false, "" },
	{ "Application/vnd.oci.image.index.v1+json", MEDIA_UNKNOWN, false, "" },
	{ "", MEDIA_UNKNOWN, false, "" },
};

TEST(media_types_are_read_and_written_alike)
{
	for (size_t i = 0; i < countof(cases); i++) {
		bool is_docker = !cases[i].is_docker;
		enum media media = media_parse(cases[i].text, &is_docker);

		tap_check(media == cases[i].media && is_docker == cases[i].is_docker, __FILE__,
			  __LINE__, "'%s' is %d", cases[i].text, media);
		CHECK_STR(media_text(media, is_docker),
			  cases[i].written ? cases[i].written : cases[i].text);
	}
}

TEST(media_of_a_layer_is_its_compression)
{
	for (int i = COMPRESSION_NONE; i <= COMPRESSION_ZSTD; i++) {
		CHECK(media_is_layer(media_of_layer(i)));
		CHECK(media_compression(media_of_layer(i)) == (enum compression)i);
	}
	CHECK(!media_is_layer(MEDIA_CONFIG) && !media_is_layer(MEDIA_UNKNOWN));
}
