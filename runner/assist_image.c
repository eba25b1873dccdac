/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_image.h"

#include "base/mem.h"
#include "base/platform.h"
#include "base/progress.h"
#include "runner/layers.h"

#include <string.h>

/** Read what the index has for this machine, if all of it is here. */
static result variant_read(struct store *store, const struct descriptor *at, struct image **out,
			   bool *offered, struct error *err)
{
	const struct platform host = platform_host();
	owned(index) struct index index = {};
	struct descriptor manifest;

	*offered = false;
	if (index_read(store, at, &index, err) || index_choose(&index, &host, &manifest, err))
		return FAILED;
	*offered = true;
	return image_read(store, &manifest, out, err);
}

static result variant_pull(const struct ctx *ctx, struct store *store,
			   const struct transport *transport, const struct reference *ref,
			   struct descriptor *out, struct error *err)
{
	const struct platform host = platform_host();
	char text[REFERENCE_TEXT_MAX];

	progress_note(ctx, "pulling %s for this machine, for its native tools",
		      reference_text(ref, text));
	return image_pull(ctx, store, ref, &host, 1, transport, out, err);
}

/** Of the index that the store has, by its digest: the tag may be another one's by now. */
static result missing_pull(const struct ctx *ctx, struct store *store,
			   const struct transport *transport, const struct reference *ref,
			   const struct descriptor *at, struct error *err)
{
	struct reference exact = *ref;
	struct transport eager = *transport;
	struct descriptor ignored;

	exact.pinned = true;
	exact.digest = at->digest;
	eager.only_asks = true;
	return variant_pull(ctx, store, &eager, &exact, &ignored, err);
}

static result variant_find(const struct ctx *ctx, struct store *store,
			   const struct transport *transport, const char *name, bool wanted,
			   struct image **out, struct error *err)
{
	struct reference ref;
	struct descriptor at;
	bool named, offered = false;

	if (reference_parse(name, &ref, err))
		return FAILED;
	named = !store_resolve(store, &ref, &at, err);
	if (named && !variant_read(store, &at, out, &offered, err))
		return OK;
	/* "localhost" without a port names what was made here: no registry has it. */
	if (strcmp(ref.host, "localhost") == 0 || (!offered && (named || !wanted)))
		return FAILED;
	if (named ? missing_pull(ctx, store, transport, &ref, &at, err)
		  : variant_pull(ctx, store, transport, &ref, &at, err) ||
			    store_tag(store, &ref, &at, err)) {
		if (!wanted && !cancel_fired(ctx->cancel))
			progress_note(ctx, "no native tools: %s", err->text);
		return FAILED;
	}
	return variant_read(store, &at, out, &offered, err);
}

result assist_image(const struct ctx *ctx, struct store *store, const char *root,
		    const struct transport *transport, const char *name, bool wanted,
		    struct strings *lowers, struct error *err)
{
	owned(image) struct image *image = NULL;
	struct error own = {};

	if (variant_find(ctx, store, transport, name, wanted, &image, &own) ||
	    layers_prepare(ctx, store, root, image, lowers, &own)) {
		if (cancel_check(ctx, err))
			return FAILED;
		if (wanted)
			*err = own;
		return wanted ? FAILED : OK;
	}
	return OK;
}
