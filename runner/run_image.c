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

result pull_parse(const char *text, enum pull *out, struct error *err)
{
	static const char *const names[] = {
		[PULL_MISSING] = "missing", [PULL_ALWAYS] = "always", [PULL_NEVER] = "never"
	};

	*out = PULL_MISSING;
	for (size_t i = 0; text && i < countof(names); i++) {
		if (strcmp(names[i], text) != 0)
			continue;
		*out = (enum pull)i;
		return OK;
	}
	return text ? fail(err, FAULT_USAGE, "--pull %s: want missing, always or never", text) : OK;
}

/** What the store has under the name; `*named` is whether it has anything. */
static result image_look(struct store *store, const struct reference *ref,
			 const struct platform *platform, bool *named, struct image **out,
			 struct error *err)
{
	char text[REFERENCE_TEXT_MAX];
	struct descriptor at;

	*named = store_resolve(store, ref, &at, err) == OK;
	if (!*named)
		return FAILED;
	if (image_choose(store, &at, platform, out, err))
		return fail_in(err, "%s", reference_text(ref, text));
	return OK;
}

result run_image_find(const struct ctx *ctx, struct store *store, const char *name,
		      const struct platform *platform, enum pull pull, struct image **out,
		      struct error *err)
{
	struct reference ref;
	struct error local;
	bool named = false, is_ours;

	if (reference_parse(name, &ref, err)) {
		err->fault = FAULT_USAGE;
		return FAILED;
	}
	/* "localhost" without a port names what was made here: no registry has it. */
	is_ours = strcmp(ref.host, "localhost") == 0;
	if (pull == PULL_ALWAYS && !is_ours)
		return image_fetch(ctx, store, &ref, platform, out, err);
	if (image_look(store, &ref, platform, &named, out, &local) == OK)
		return OK;
	if (local.fault != FAULT_MISSING || is_ours || pull == PULL_NEVER) {
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
