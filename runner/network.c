/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/network.h"

#include "base/progress.h"

#include <string.h>

static const struct {
	const char *name;
	enum network network;
} names[] = {
	{ "none", NETWORK_NONE },
	{ "host", NETWORK_HOST },
	{ "private", NETWORK_PRIVATE },
	{ "bridge", NETWORK_PRIVATE },
};

static enum network network_default(const struct ctx *ctx)
{
	struct error why;

	if (network_possible(&why))
		return NETWORK_PRIVATE;
	progress_warn(ctx, "programs share this host's network, also its loopback: %s", why.text);
	return NETWORK_HOST;
}

result network_parse(const struct ctx *ctx, const char *text, enum network *out, struct error *err)
{
	if (!text || strcmp(text, "default") == 0) {
		*out = network_default(ctx);
		return OK;
	}
	for (size_t i = 0; i < countof(names); i++) {
		if (strcmp(names[i].name, text) != 0)
			continue;
		*out = names[i].network;
		return *out != NETWORK_PRIVATE || network_possible(err)
			       ? OK
			       : fail_in(err, "--network %s", text);
	}
	return fail(err, FAULT_USAGE, "--network %s: want private, host or none", text);
}
