/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/layout.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** A layout and what is wanted of it. */
struct wanted_image {
	const struct ctx *ctx;
	struct store *store;
	struct depot *depot;
	char *path;
	const char *name; /* a tag or a digest, in `path`'s text; "" */
};

static void wanted_image_drop(struct wanted_image *image)
{
	depot_drop(&image->depot);
	free(image->path);
}

static bool is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/** A path may hold a colon itself: what is there as a directory is no tag. */
static void name_cut(struct wanted_image *image)
{
	char *at = strrchr(image->path, '@'), *colon;

	image->name = "";
	if (at && starts_with(at, "@sha256:")) {
		*at = '\0';
		image->name = at + 1;
	}
	colon = strrchr(image->path, ':');
	if (!colon || strchr(colon, '/') || is_directory(image->path))
		return;
	*colon = '\0';
	if (!*image->name)
		image->name = colon + 1;
}

static result blob_take(const struct wanted_image *image, const struct descriptor *blob,
			struct error *err)
{
	return depot_fetch(image->ctx, image->depot, image->store, blob, err);
}

/** A manifest with all that it points to. */
static result manifest_take(const struct wanted_image *image, const struct descriptor *manifest,
			    struct error *err)
{
	struct descriptor *blobs = NULL;
	size_t count = 0;
	result status = OK;

	if (blob_take(image, manifest, err) ||
	    manifest_blobs(image->store, manifest, &blobs, &count, err))
		return FAILED;
	for (size_t i = 0; !status && i < count; i++)
		status = blob_take(image, &blobs[i], err);
	free(blobs);
	return status;
}

static result image_take(const struct wanted_image *image, const struct platform *platform,
			 struct descriptor *out, struct error *err)
{
	owned(index) struct index index = {};
	owned(buf) struct buf body = {};
	struct descriptor entry = {}, manifest;

	if (depot_manifest(image->ctx, image->depot, image->name, &body, &entry, err))
		return FAILED;
	if (entry.media == MEDIA_MANIFEST) {
		if (manifest_take(image, &entry, err))
			return FAILED;
	} else if (blob_take(image, &entry, err)) {
		return FAILED;
	}
	if (index_read(image->store, &entry, &index, err) ||
	    index_choose_base(&index, platform, &manifest, err) ||
	    manifest_take(image, &manifest, err))
		return FAILED;
	manifest.annotations = NULL;
	*out = manifest;
	return OK;
}

result layout_import(const struct ctx *ctx, struct store *store, const char *name,
		     const struct platform *platform, struct descriptor *out, struct error *err)
{
	owned(wanted_image) struct wanted_image image = {
		.ctx = ctx,
		.store = store,
		.path = xstrdup(name + strlen(LAYOUT_SCHEME)),
	};

	name_cut(&image);
	if (depot_open_layout(image.path, false, &image.depot, err) ||
	    image_take(&image, platform, out, err))
		return fail_in(err, "OCI layout %s", image.path);
	return OK;
}
