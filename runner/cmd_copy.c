/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu copy`: from one registry to another (or from the store), all platforms or some of them.
 */
#include "registry/registry.h"
#include "runner/command.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy_options {
	const char *platform, *auth_file;
	bool insecure;
};

static const struct option options[] = {
	{ "platform", 0, OPTION_TEXT, offsetof(struct copy_options, platform), "LIST",
	  "only these platforms, as a new index" },
	{ "insecure", 0, OPTION_FLAG, offsetof(struct copy_options, insecure), NULL,
	  "allow plain HTTP and certificates that cannot be verified" },
	{ "authfile", 0, OPTION_TEXT, offsetof(struct copy_options, auth_file), "FILE",
	  "where credentials are (default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)" },
};

/** What a name stands for in the store; else it is fetched, without being named there. */
static result source_find(const struct ctx *ctx, struct store *store, const struct reference *ref,
			  const struct platform platforms[], size_t count,
			  const struct transport *transport, struct descriptor *out,
			  struct error *err)
{
	struct error missing = {};

	if (store_resolve(store, ref, out, &missing) == OK)
		return OK;
	if (missing.fault != FAULT_MISSING) {
		*err = missing;
		return FAILED;
	}
	return image_pull(ctx, store, ref, platforms, count, transport, out, err);
}

static bool is_among(const struct descriptor list[], size_t count, const struct descriptor *item)
{
	for (size_t i = 0; i < count; i++)
		if (digest_equal(&list[i].digest, &item->digest))
			return true;
	return false;
}

/** Write an index of the chosen entries, in the order in which they were asked for. */
static result platforms_pick(struct store *store, const struct platform platforms[], size_t count,
			     struct descriptor *at, struct error *err)
{
	struct descriptor chosen[PLATFORMS_MAX];
	owned(index) struct index index = {};
	size_t kept = 0;

	if (index_read(store, at, &index, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		if (index_choose(&index, &platforms[i], &chosen[kept], err))
			return FAILED;
		kept += !is_among(chosen, kept, &chosen[kept]);
	}
	return index_write(store, chosen, kept, NULL, at, err);
}

static result copy_run(struct invocation *in, struct error *err)
{
	const struct copy_options *chosen = in->options;
	struct transport transport = {
		.insecure = chosen->insecure,
		.auth_file = chosen->auth_file,
	};
	bool all = !chosen->platform || strcmp(chosen->platform, "all") == 0;
	struct platform platforms[PLATFORMS_MAX];
	owned(store) struct store *store = NULL;
	char digest[DIGEST_TEXT_MAX];
	struct reference from, to;
	struct descriptor at;
	size_t count = 0;

	if (!all && platforms_parse(chosen->platform, platforms, &count, err))
		return fail_in(err, "--platform");
	if (reference_parse(in->argv[0], &from, err) || reference_parse(in->argv[1], &to, err) ||
	    store_open(in->ctx, in->globals->root, &store, err) ||
	    source_find(in->ctx, store, &from, platforms, count, &transport, &at, err) ||
	    (!all && platforms_pick(store, platforms, count, &at, err)) ||
	    image_push(in->ctx, store, &at, &to, &transport, err))
		return FAILED;
	printf("%s\n", digest_text(&at.digest, digest));
	return OK;
}

const struct command command_copy = {
	.name = "copy",
	.arguments = "[OPTIONS] SOURCE DESTINATION",
	.summary = "Copy an image from one registry to another",
	.example = "mpemu copy --platform linux/amd64,linux/arm64 debian:sid "
		   "registry.example.com/debian:sid",
	.text = "A SOURCE that the store has is taken from there. Digests stay as they are unless\n"
		"platforms are left out. The digest is printed.\n",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct copy_options),
	.arguments_min = 2,
	.arguments_max = 2,
	.run = copy_run,
};
