/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu pull`: from a registry into the store, under the same name.
 */
#include "registry/registry.h"
#include "runner/command.h"

#include <stdio.h>
#include <string.h>

struct pull_options {
	const char *platform, *auth_file;
	bool insecure;
};

static const struct option options[] = {
	{ "platform", 0, OPTION_TEXT, offsetof(struct pull_options, platform), "LIST",
	  "platforms to fetch, or 'all' (default: the one of this host)" },
	{ "insecure", 0, OPTION_FLAG, offsetof(struct pull_options, insecure), NULL,
	  "allow plain HTTP and certificates that cannot be verified" },
	{ "authfile", 0, OPTION_TEXT, offsetof(struct pull_options, auth_file), "FILE",
	  "where credentials are (default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)" },
};

/** The list that --platform means; a count of 0 stands for all. */
static result platforms_read(const char *text, struct platform out[PLATFORMS_MAX], size_t *count,
			     struct error *err)
{
	*count = 0;
	if (!text) {
		out[(*count)++] = platform_host();
		return OK;
	}
	if (strcmp(text, "all") == 0)
		return OK;
	if (platforms_parse(text, out, count, err))
		return fail_in(err, "--platform");
	return OK;
}

static result pull_run(struct invocation *in, struct error *err)
{
	const struct pull_options *chosen = in->options;
	struct transport transport = {
		.insecure = chosen->insecure,
		.auth_file = chosen->auth_file,
	};
	struct platform platforms[PLATFORMS_MAX];
	owned(store) struct store *store = NULL;
	char text[REFERENCE_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	struct descriptor pulled;
	struct reference ref;
	size_t count;

	if (platforms_read(chosen->platform, platforms, &count, err) ||
	    reference_parse(in->argv[0], &ref, err) ||
	    store_open(in->ctx, in->globals->root, &store, err) ||
	    image_pull(in->ctx, store, &ref, platforms, count, &transport, &pulled, err) ||
	    store_tag(store, &ref, &pulled, err))
		return FAILED;
	printf("%s  %s\n", digest_text(&pulled.digest, digest), reference_text(&ref, text));
	return OK;
}

const struct command command_pull = {
	.name = "pull",
	.arguments = "[OPTIONS] IMAGE",
	.summary = "Fetch an image from a registry",
	.example = "mpemu pull --platform linux/arm64,linux/riscv64 debian:sid",
	.text = "Layers that the store has already are not fetched again. What the name stands "
		"for\n"
		"is printed: the digest of the index, or of the image where there is no index.\n",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct pull_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = pull_run,
};
