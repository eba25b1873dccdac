/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/bases.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/layout.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct found {
	char *name;
	struct platform platform;
	struct descriptor manifest;
	/* What the name stood for, where a store or registry told; its variants belong together. */
	struct descriptor index;
	struct reference ref;
	bool has_index, lacks_variants; /* they could not be had */
};

struct bases {
	/** Held while pulling: two platforms of one base would fetch the same index twice. */
	pthread_mutex_t lock;
	struct found *found;
	size_t count;
};

/** One question. */
struct search {
	struct build *build;
	const char *name;
	const struct platform *platform;
};

struct bases *bases_new(void)
{
	struct bases *bases = xnew(struct bases);

	pthread_mutex_init(&bases->lock, NULL);
	return bases;
}

void bases_drop(struct bases **bases)
{
	if (!*bases)
		return;
	for (size_t i = 0; i < (*bases)->count; i++)
		free((*bases)->found[i].name);
	free((*bases)->found);
	pthread_mutex_destroy(&(*bases)->lock);
	free(*bases);
	*bases = NULL;
}

/** Take the manifest for the platform out of what a name stands for. */
static result choose(struct store *store, const struct descriptor *at,
		     const struct platform *platform, index_chooser *chooser,
		     struct descriptor *out, struct error *err)
{
	owned(index) struct index index = {};

	if (index_read(store, at, &index, err) || chooser(&index, platform, out, err))
		return FAILED;
	out->annotations = NULL; /* borrowed from the index, which goes now */
	return OK;
}

/** All platforms that steps of this build want of the same image, so that it is asked for once. */
static size_t wanted_platforms(const struct search *search, struct platform out[PLATFORMS_MAX])
{
	const struct plan *plan = search->build->plan;
	size_t count = 0;

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = plan->steps[i];
		bool known = false;

		if (step->kind != STEP_IMAGE || strcmp(step->image, search->name) != 0)
			continue;
		for (size_t j = 0; j < count; j++)
			known |= platform_equal(&out[j], step->platform);
		if (!known && count < PLATFORMS_MAX)
			out[count++] = *step->platform;
	}
	return count;
}

static result fetch(const struct search *search, const struct reference *ref,
		    struct descriptor *index, struct descriptor *out, struct error *err)
{
	const struct build *build = search->build;
	struct platform platforms[PLATFORMS_MAX];
	size_t count = wanted_platforms(search, platforms);
	char text[REFERENCE_TEXT_MAX];
	struct descriptor at;
	result pulled;

	progress_note(build->ctx, "pulling %s", reference_text(ref, text));
	pulled = image_pull_base(build->ctx, build->store, ref, platforms, count,
				 &build->request->transport, &at, err);
	/* That another platform is missing there is for its own step to say. */
	if (pulled && err->fault == FAULT_MISSING && count > 1)
		pulled = image_pull_base(build->ctx, build->store, ref, search->platform, 1,
					 &build->request->transport, &at, err);
	if (pulled)
		return FAILED;
	if (store_tag(build->store, ref, &at, err) ||
	    choose(build->store, &at, search->platform, index_choose_base, out, err))
		return FAILED;
	*index = at;
	return OK;
}

/** The name in the store, if it has this platform whole; `named` tells if the name is there. */
static result find_local(const struct search *search, const struct reference *ref,
			 index_chooser *chooser, struct descriptor *index, struct descriptor *out,
			 bool *named, struct error *err)
{
	struct store *store = search->build->store;
	struct descriptor at;
	char text[DIGEST_TEXT_MAX];

	*named = false;
	if (store_resolve(store, ref, &at, err))
		return FAILED;
	*named = true;
	if (choose(store, &at, search->platform, chooser, out, err))
		return FAILED;
	if (!store_has(store, &out->digest))
		return fail(err, FAULT_MISSING, "manifest %s is missing from the store",
			    digest_text(&out->digest, text));
	*index = at;
	return OK;
}

/**
 * The store first (unless --pull), then the registry: when the name is not there, or when it lacks
 * the platform, because another one was pulled before.  An image of another platform without an
 * index may be such a leftover, so the store's serves only where the registry has nothing.
 */
static result find_manifest(const struct search *search, const struct reference *ref,
			    struct descriptor *index, struct descriptor *out, struct error *err)
{
	/* "localhost" without a port names what was made here: no registry has it. */
	const bool is_local = strcmp(ref->host, "localhost") == 0;
	struct error missing = {}, ignored = {};
	bool named = false;

	if (!search->build->request->pull) {
		if (!find_local(search, ref, is_local ? index_choose_base : index_choose, index,
				out, &named, &missing))
			return OK;
		if (missing.fault != FAULT_MISSING) {
			*err = missing;
			return FAILED;
		}
	}
	if (!fetch(search, ref, index, out, err))
		return OK;
	if (err->fault == FAULT_CANCELLED || missing.fault != FAULT_MISSING)
		return FAILED;
	if (named && err->fault != FAULT_INTEGRITY &&
	    !find_local(search, ref, index_choose_base, index, out, &named, &ignored)) {
		progress_note(search->build->ctx, "%s; taking what the store has", err->text);
		return OK;
	}
	/* For a local image, what the store said explains more than that no registry has it. */
	if (named || is_local)
		*err = missing;
	return FAILED;
}

static struct found *found_of(const struct bases *bases, const char *name,
			      const struct platform *platform)
{
	for (size_t i = 0; i < bases->count; i++) {
		if (strcmp(bases->found[i].name, name) == 0 &&
		    platform_equal(&bases->found[i].platform, platform))
			return &bases->found[i];
	}
	return NULL;
}

static result find_once(const struct search *search, struct descriptor *out, struct error *err)
{
	struct bases *bases = search->build->bases;
	const struct found *known = found_of(bases, search->name, search->platform);
	struct found found = { .platform = *search->platform };

	if (known) {
		*out = known->manifest;
		return OK;
	}
	if (starts_with(search->name, LAYOUT_SCHEME)) {
		if (layout_import(search->build->ctx, search->build->store, search->name,
				  search->platform, &found.manifest, err))
			return FAILED;
	} else if (reference_parse(search->name, &found.ref, err) ||
		   find_manifest(search, &found.ref, &found.index, &found.manifest, err)) {
		return FAILED;
	} else {
		found.has_index = true;
	}
	found.name = xstrdup(search->name);
	array_grow(bases->found, bases->count);
	bases->found[bases->count++] = found;
	*out = found.manifest;
	return OK;
}

result base_image(struct build *build, const char *name, const struct platform *platform,
		  struct image **out, struct error *err)
{
	const struct search search = { build, name, platform };
	struct descriptor manifest;
	result found;

	pthread_mutex_lock(&build->bases->lock);
	found = find_once(&search, &manifest, err);
	pthread_mutex_unlock(&build->bases->lock);
	return found ? FAILED : image_read(build->store, &manifest, out, err);
}

/** By its digest: the tag may be another index's by now. */
static result variant_fetch(struct build *build, struct found *found,
			    const struct platform *platform, struct error *err)
{
	struct reference ref = found->ref;
	struct transport transport = build->request->transport;
	char text[REFERENCE_TEXT_MAX], name[PLATFORM_TEXT_MAX];
	struct descriptor ignored;

	/* "localhost" without a port names what was made here: no registry has it. */
	if (found->lacks_variants || strcmp(ref.host, "localhost") == 0)
		return fail(err, FAULT_MISSING, "it cannot be had");
	reference_text(&found->ref, text);
	platform_text(platform, name);
	progress_note(build->ctx, "pulling %s for %s, for its native tools", text, name);
	ref.pinned = true;
	ref.digest = found->index.digest;
	transport.only_asks = true;
	if (!image_pull(build->ctx, build->store, &ref, platform, 1, &transport, &ignored, err))
		return OK;
	if (!cancel_fired(build->ctx->cancel))
		progress_note(build->ctx, "no native tools of %s: %s", text, err->text);
	found->lacks_variants = true;
	return FAILED;
}

static result variant_find(struct build *build, struct found *found,
			   const struct platform *platform, struct descriptor *out,
			   struct error *err)
{
	if (!found || !found->has_index)
		return fail(err, FAULT_MISSING, "it is no image of an index");
	if (choose(build->store, &found->index, platform, index_choose, out, err))
		return FAILED;
	return store_has(build->store, &out->digest) ? OK
						     : variant_fetch(build, found, platform, err);
}

result base_variant(struct build *build, const char *name, const struct platform *of,
		    const struct platform *platform, struct image **out, struct error *err)
{
	struct descriptor manifest;
	result found;

	pthread_mutex_lock(&build->bases->lock);
	found = variant_find(build, found_of(build->bases, name, of), platform, &manifest, err);
	pthread_mutex_unlock(&build->bases->lock);
	return found ? FAILED : image_read(build->store, &manifest, out, err);
}

bool base_offers(struct build *build, const char *name, const struct platform *platform)
{
	struct reference ref;
	struct descriptor at, chosen;
	struct error ignored = {};

	if (starts_with(name, LAYOUT_SCHEME))
		return false;
	return !reference_parse(name, &ref, &ignored) &&
	       !store_resolve(build->store, &ref, &at, &ignored) &&
	       !choose(build->store, &at, platform, index_choose, &chosen, &ignored);
}

bool base_strays(struct build *build, const char *name, const struct platform *platform,
		 struct platform *out)
{
	struct bases *bases = build->bases;
	const struct found *found;
	bool strays = false;

	if (!bases)
		return false;
	pthread_mutex_lock(&bases->lock);
	found = found_of(bases, name, platform);
	if (found) {
		*out = found->manifest.platform;
		strays = strcmp(out->os, platform->os) != 0 ||
			 strcmp(out->arch, platform->arch) != 0;
	}
	pthread_mutex_unlock(&bases->lock);
	return strays;
}
