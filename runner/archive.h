/* SPDX-License-Identifier: Apache-2.0 */
/**
 * OCI archives: a tar of an image layout, as skopeo and `docker load` take it.
 */
#ifndef RUNNER_ARCHIVE_H
#define RUNNER_ARCHIVE_H

#include "base/ctx.h"
#include "registry/registry.h"

struct layout_options {
	bool is_docker;            /* with a manifest.json: docker load, docker-archive */
	bool is_directory;         /* the layout as a directory, not a tar of it */
	const json_t *annotations; /* of the entry in index.json; or NULL */
};

/**
 * Write what `at` names, whole, to the file `dest` ("-": standard output), under `names` as typed
 * (may be empty).  A file has its name only when it is complete; a directory has its index.json
 * last, and blobs that it holds already stay.
 *
 * manifest.json has one entry a platform.  Where there are several, each has the names with the
 * platform behind the tag ("app:1-linux-arm64"), and the machine's own (else the first) the names
 * as they are too: docker load of an image store without indexes takes them all.
 */
result archive_export(const struct ctx *ctx, struct store *store, const struct descriptor *at,
		      const struct strings *names, const char *dest,
		      const struct layout_options *options, struct error *err);

#endif
