/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache_import.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/cache_depot.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/** One place and what it has. */
struct source {
	const struct cache_place *place;
	struct depot *depot;
	struct catalog catalog;
	atomic_bool told; /* that something is wrong with it */
};

struct imports {
	struct source *sources; /* in the order given: the first that has a step wins */
	size_t count;
};

void imports_drop(struct imports **imports)
{
	if (!*imports)
		return;
	for (size_t i = 0; i < (*imports)->count; i++) {
		depot_drop(&(*imports)->sources[i].depot);
		catalog_drop(&(*imports)->sources[i].catalog);
	}
	free((*imports)->sources);
	free(*imports);
	*imports = NULL;
}

static result source_read(const struct ctx *ctx, struct source *source,
			  const struct platform platforms[], size_t platform_count,
			  const struct transport *transport, struct error *err)
{
	owned(str) char *tag = NULL;
	enum catalog_kind kind;

	if (cache_depot_open(ctx, source->place, transport, false, &source->depot, &tag, err) ||
	    cache_depot_load(ctx, source->depot, tag, platforms, platform_count, &source->catalog,
			     &kind, NULL, err))
		return FAILED;
	if (kind == CATALOG_BUILDKIT || kind == CATALOG_OTHER)
		return fail(err, FAULT_INPUT, "it is %s", catalog_kind_text(kind));
	if (!source->catalog.step_count && kind != CATALOG_OURS)
		return fail(err, FAULT_INPUT,
			    "it is %s without a cache: build it with --cache-to type=inline",
			    catalog_kind_text(kind));
	return OK;
}

struct imports *imports_open(const struct ctx *ctx, const struct cache_places *places,
			     const struct platform platforms[], size_t platform_count,
			     const struct transport *transport)
{
	struct imports *imports = xnew(struct imports);

	imports->sources = xcalloc(places->count + 1, sizeof(*imports->sources));
	imports->count = places->count;
	for (size_t i = 0; i < places->count && !cancel_fired(ctx->cancel); i++) {
		struct source *source = &imports->sources[i];
		struct error why = {};

		source->place = &places->items[i];
		if (source_read(ctx, source, platforms, platform_count, transport, &why))
			progress_warn(ctx, "no cache from %s: %s", cache_place_text(source->place),
				      why.text);
		else
			progress_note(ctx, "cache from %s: %zu step%s",
				      cache_place_text(source->place), source->catalog.step_count,
				      source->catalog.step_count == 1 ? "" : "s");
	}
	return imports;
}

/**
 * Whoever wrote the list said which diff_id the blob has: an image made of it would be broken if
 * that were not so, even where the layer itself is here already.
 */
static result layer_check(const struct ctx *ctx, struct store *store, const struct layer *layer,
			  struct error *err)
{
	char want[DIGEST_TEXT_MAX], got[DIGEST_TEXT_MAX];
	owned(fd) int blob = -1, nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct layer_info info = {};

	if (nothing < 0)
		return fail_sys(err, "open /dev/null");
	if (store_blob(store, &layer->blob, &blob, err) ||
	    layer_repack(ctx, blob, COMPRESSION_NONE, nothing, &info, err))
		return FAILED;
	if (!digest_equal(&info.diff_id, &layer->diff_id))
		return fail(err, FAULT_INTEGRITY, "layer %s: unpacked content is %s",
			    digest_text(&layer->diff_id, want), digest_text(&info.diff_id, got));
	return OK;
}

static result layer_take(const struct ctx *ctx, struct source *source, struct store *store,
			 const struct catalog_step *step, struct made *out, struct error *err)
{
	const struct layer *layer = &source->catalog.layers[step->layer];
	int64_t now = time(NULL);

	if (depot_fetch(ctx, source->depot, store, &layer->blob, err) ||
	    layer_check(ctx, store, layer, err))
		return FAILED;
	*out = (struct made){ .layer = *layer, .time = step->made < now ? step->made : now };
	return OK;
}

bool imports_find(struct imports *imports, const struct ctx *ctx, struct store *store,
		  const struct digest *key, struct made *out)
{
	for (size_t i = 0; i < imports->count; i++) {
		struct source *source = &imports->sources[i];
		const struct catalog_step *step = catalog_find(&source->catalog, key);
		struct error why = {};

		if (!step || cancel_fired(ctx->cancel))
			continue;
		if (!layer_take(ctx, source, store, step, out, &why))
			return true;
		if (!cancel_fired(ctx->cancel) && !atomic_exchange(&source->told, true))
			progress_warn(ctx, "cache from %s: %s; what it does not have is built",
				      cache_place_text(source->place), why.text);
	}
	return false;
}

bool imports_asked(const struct imports *imports, const struct digest *asked, struct digest *key)
{
	for (size_t i = 0; i < imports->count; i++) {
		const struct catalog *catalog = &imports->sources[i].catalog;

		for (size_t j = 0; j < catalog->step_count; j++) {
			if (!digest_equal(&catalog->steps[j].asked, asked))
				continue;
			*key = catalog->steps[j].key;
			return true;
		}
	}
	return false;
}
