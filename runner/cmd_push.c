/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu push`: from the store to a registry, all platforms of it.
 */
#include "registry/registry.h"
#include "runner/command.h"

#include <stdio.h>

struct push_options {
	const char *auth_file;
	bool insecure;
};

static const struct option options[] = {
	{ "insecure", 0, OPTION_FLAG, offsetof(struct push_options, insecure), NULL,
	  "allow plain HTTP and certificates that cannot be verified" },
	{ "authfile", 0, OPTION_TEXT, offsetof(struct push_options, auth_file), "FILE",
	  "where credentials are (default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)" },
};

static result push_run(struct invocation *in, struct error *err)
{
	const struct push_options *chosen = in->options;
	struct transport transport = {
		.insecure = chosen->insecure,
		.auth_file = chosen->auth_file,
	};
	owned(store) struct store *store = NULL;
	char digest[DIGEST_TEXT_MAX];
	struct reference from, to;
	struct descriptor at;

	if (reference_parse(in->argv[0], &from, err) ||
	    reference_parse(in->argv[in->argc - 1], &to, err) ||
	    store_open(in->ctx, in->globals->root, &store, err) ||
	    store_resolve(store, &from, &at, err) ||
	    image_push(in->ctx, store, &at, &to, &transport, err))
		return FAILED;
	printf("%s\n", digest_text(&at.digest, digest));
	return OK;
}

const struct command command_push = {
	.name = "push",
	.arguments = "[OPTIONS] IMAGE [DESTINATION]",
	.summary = "Upload an image to a registry",
	.example = "mpemu push demo:1 registry.example.com/team/demo:1",
	.text = "All platforms of an index go, with their digests unchanged; what the registry "
		"has\n"
		"already is not sent again. The digest is printed. Without DESTINATION the image\n"
		"goes where its own name says.\n",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct push_options),
	.arguments_min = 1,
	.arguments_max = 2,
	.run = push_run,
};
