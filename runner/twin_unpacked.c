/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Toolchains that are in no package become packages of the roots in which they may be compared.
 */
#include "base/mem.h"
#include "runner/twin_finder.h"
#include "runner/unpacked.h"

#include <string.h>

static struct unpacked_root root_of(const struct finder *finder, int fd,
				    const struct twin_arch *arch, struct packages *packages)
{
	return (struct unpacked_root){ finder->ctx, finder->search.request->cache, fd, arch,
				       packages };
}

/** All that comparing two of them depends on: layers do not change. */
static struct digest compare_key(const struct native_root *source, const struct package *package)
{
	const struct strings *const stacks[] = { source->spec->lowers, source->spec->published };
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu unpacked 1");
	hasher_add_str(hasher, package->name);
	hasher_add_str(hasher, package->version);
	for (size_t i = 0; i < countof(stacks); i++) {
		for (size_t j = 0; j < stacks[i]->count; j++)
			hasher_add_str(hasher, strrchr(stacks[i]->items[j], '/'));
		hasher_add_str(hasher, "");
	}
	return hasher_finish(hasher);
}

/** What a comparison comes to, "" where they are the same; as noted, else found out and noted. */
static result compare(struct finder *finder, const struct native_root *source,
		      const struct unpacked_root *native, const struct package *ours,
		      const struct unpacked_root *foreign, const struct package *theirs,
		      struct buf *out, struct error *err)
{
	const struct digest key = compare_key(source, ours);
	struct cache *cache = source->spec->lowers->count ? finder->search.request->cache : NULL;
	const char *reason;
	bool known = false;

	if (cache && cache_note_find(cache, &key, out, &known, err))
		return FAILED;
	if (known)
		return OK;
	if (unpacked_compare(native, ours, foreign, theirs, &reason, err))
		return FAILED;
	buf_clear(out);
	buf_add_str(out, reason ? reason : "");
	return cache ? cache_note_keep(cache, &key, buf_text(out), err) : OK;
}

/** One of the native root's; where its counterpart is another one, versions say so. */
static result one_prepare(struct finder *finder, const struct native_root *source,
			  const struct unpacked_root *native, struct package *ours,
			  const struct unpacked_root *foreign, struct error *err)
{
	const struct twin_search *search = &finder->search;
	const struct unpacked_root here =
		root_of(finder, search->request->foreign, search->target, search->foreign);
	const char *arch = twin_arch_package(search->target, search->foreign->kind);
	const struct package *theirs = packages_find(source->peer, ours->name, arch);
	struct package *now = packages_find(search->foreign, ours->name, arch);
	owned(buf) struct buf reason = {};

	if (!theirs || !now || strcmp(theirs->version, ours->version) != 0)
		return OK;
	if (compare(finder, source, native, ours, foreign, theirs, &reason, err))
		return FAILED;
	if (reason.length)
		ours->version = arena_printf(native->packages->arena, "%s, %s", ours->version,
					     buf_text(&reason));
	else if (!unpacked_has_its_own(&here, foreign, theirs))
		ours->version = arena_printf(native->packages->arena,
					     "%s, without what is beside it", ours->version);
	return OK;
}

result twin_unpacked_find(struct finder *finder, struct error *err)
{
	const struct twin_search *search = &finder->search;
	const struct unpacked_root here =
		root_of(finder, search->request->foreign, search->target, search->foreign);
	bool is_wanted = false;

	for (size_t i = 0; i < search->request->source_count; i++)
		is_wanted |= search->request->sources[i].published != NULL;
	return is_wanted ? unpacked_add(&here, err) : OK;
}

result twin_unpacked_prepare(struct finder *finder, struct native_root *source, struct error *err)
{
	const struct twin_search *search = &finder->search;
	const struct unpacked_root native =
		root_of(finder, source->spec->native, search->host, source->native);
	const struct unpacked_root foreign =
		root_of(finder, source->spec->peer, search->target, source->peer);

	if (!source->spec->published || !source->own_peer)
		return OK;
	if (unpacked_add(&native, err) || unpacked_add(&foreign, err))
		return FAILED;
	if (unpacked_read(&native, err) || unpacked_read(&foreign, err))
		return FAILED;
	for (size_t i = 0; i < source->native->count; i++) {
		struct package *ours = &source->native->items[i];

		if (ours->folder && one_prepare(finder, source, &native, ours, &foreign, err))
			return FAILED;
	}
	return OK;
}
