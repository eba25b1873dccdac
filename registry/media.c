/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Media types as a table: each kind of content has OCI's name, Docker's, and names that are only
 * read.
 */
#include "registry/registry.h"

#include <string.h>

/* clang-format off */
/** The first row that fits is the name that is written. */
static const struct {
	enum media media;
	bool is_docker;
	const char *text;
} types[] = {
	{ MEDIA_INDEX,      false, "application/vnd.oci.image.index.v1+json" },
	{ MEDIA_INDEX,      true,  "application/vnd.docker.distribution.manifest.list.v2+json" },
	{ MEDIA_MANIFEST,   false, "application/vnd.oci.image.manifest.v1+json" },
	{ MEDIA_MANIFEST,   true,  "application/vnd.docker.distribution.manifest.v2+json" },
	{ MEDIA_CONFIG,     false, "application/vnd.oci.image.config.v1+json" },
	{ MEDIA_CONFIG,     true,  "application/vnd.docker.container.image.v1+json" },
	{ MEDIA_LAYER_TAR,  false, "application/vnd.oci.image.layer.v1.tar" },
	{ MEDIA_LAYER_TAR,  true,  "application/vnd.docker.image.rootfs.diff.tar" },
	{ MEDIA_LAYER_GZIP, false, "application/vnd.oci.image.layer.v1.tar+gzip" },
	{ MEDIA_LAYER_GZIP, true,  "application/vnd.docker.image.rootfs.diff.tar.gzip" },
	{ MEDIA_LAYER_ZSTD, false, "application/vnd.oci.image.layer.v1.tar+zstd" },
	{ MEDIA_LAYER_ZSTD, true,  "application/vnd.docker.image.rootfs.diff.tar.zstd" },
	/* deprecated: "not to be distributed"; a registry has them or has not, like any other */
	{ MEDIA_LAYER_TAR,  false, "application/vnd.oci.image.layer.nondistributable.v1.tar" },
	{ MEDIA_LAYER_GZIP, false, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" },
	{ MEDIA_LAYER_ZSTD, false, "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" },
	{ MEDIA_LAYER_GZIP, true,  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" },
};

static const struct {
	enum media media;
	enum compression compression;
} layers[] = {
	{ MEDIA_LAYER_TAR,  COMPRESSION_NONE },
	{ MEDIA_LAYER_GZIP, COMPRESSION_GZIP },
	{ MEDIA_LAYER_ZSTD, COMPRESSION_ZSTD },
};
/* clang-format on */

const char *media_text(enum media media, bool is_docker)
{
	for (size_t i = 0; i < countof(types); i++) {
		if (types[i].media == media && types[i].is_docker == is_docker)
			return types[i].text;
	}
	return "";
}

enum media media_parse(const char *text, bool *is_docker)
{
	for (size_t i = 0; i < countof(types); i++) {
		if (strcmp(types[i].text, text) == 0) {
			*is_docker = types[i].is_docker;
			return types[i].media;
		}
	}
	*is_docker = false;
	return MEDIA_UNKNOWN;
}

bool media_is_layer(enum media media)
{
	for (size_t i = 0; i < countof(layers); i++) {
		if (layers[i].media == media)
			return true;
	}
	return false;
}

enum media media_of_layer(enum compression compression)
{
	for (size_t i = 0; i < countof(layers); i++) {
		if (layers[i].compression == compression)
			return layers[i].media;
	}
	return MEDIA_UNKNOWN;
}

enum compression media_compression(enum media media)
{
	for (size_t i = 0; i < countof(layers); i++) {
		if (layers[i].media == media)
			return layers[i].compression;
	}
	return COMPRESSION_NONE;
}
