/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_image.h"

#include "base/progress.h"

#include <string.h>

static result image_choose(struct store *store, const struct descriptor *at,
			   const struct platform *platform, struct image **out, struct error *err)
{
	owned(index) struct index index = {};
	struct descriptor manifest;

	if (index_read(store, at, &index, err) || index_choose(&index, platform, &manifest, err) ||
	    image_read(store, &manifest, out, err))
		return FAILED;
	return OK;
}

static result image_fetch(const struct ctx *ctx, struct store *store, const struct reference *ref,
			  const struct platform *platform, struct image **out, struct error *err)
{
	const struct transport transport = {};
	char text[REFERENCE_TEXT_MAX];
	struct descriptor at;

	progress_note(ctx, "pulling %s", reference_text(ref, text));
	if (image_pull(ctx, store, ref, platform, 1, &transport, &at, err) ||
	    store_tag(store, ref, &at, err))
		return FAILED;
	return image_choose(store, &at, platform, out, err);
}

result run_image_find(const struct ctx *ctx, struct store *store, const char *name,
		      const struct platform *platform, struct image **out, struct error *err)
{
	struct reference ref;
	struct descriptor at;
	struct error local;
	bool named;

	if (reference_parse(name, &ref, err)) {
		err->fault = FAULT_USAGE;
		return FAILED;
	}
	named = store_resolve(store, &ref, &at, &local) == OK;
	if (named && image_choose(store, &at, platform, out, &local) == OK)
		return OK;
	/* "localhost" without a port names what was made here: no registry has it. */
	if (local.fault != FAULT_MISSING || strcmp(ref.host, "localhost") == 0) {
		*err = local;
		return FAILED;
	}
	if (image_fetch(ctx, store, &ref, platform, out, err) == OK)
		return OK;
	/* Of an image that is here, what the store said explains more. */
	if (err->fault != FAULT_CANCELLED && named)
		*err = local;
	return FAILED;
}
