/* SPDX-License-Identifier: Apache-2.0 */
/**
 * OCI platforms: "os/arch[/variant]", as values, named and compared as containerd/platforms does.
 */
#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#include "base/error.h"

struct platform {
	char os[16];
	char arch[16];
	char variant[8]; /* "" where the architecture has none */
};

#define PLATFORM_TEXT_MAX 42

/** The most platforms in one list; more is a mistake. */
enum { PLATFORMS_MAX = 64 };

/**
 * Parse one platform and normalise it: "linux/aarch64", "arm64/v8" and "arm64" are linux/arm64,
 * "linux/arm" and "armhf" are linux/arm/v7.  A single word is an OS if it is a known one (with the
 * host's architecture), else an architecture of linux.  FAULT_INPUT with the text quoted.
 */
result platform_parse(const char *text, struct platform *out, struct error *err);

/**
 * Parse a comma-separated list; doubles are dropped, the order is kept.  FAULT_INPUT on an empty
 * part or more than PLATFORMS_MAX.
 */
result platforms_parse(const char *text, struct platform out[PLATFORMS_MAX], size_t *count,
		       struct error *err);

/** Bring the parts that a manifest or a user gave into the normal form. */
void platform_normalise(struct platform *platform);

/** The platform that this program was built for and runs on. */
struct platform platform_host(void);

bool platform_equal(const struct platform *a, const struct platform *b);

/**
 * How well an image for `offered` serves where `wanted` is asked for: 0 not at all, 1 exactly,
 * else the larger the worse (arm/v7 takes v6 and v5; amd64/v3 takes v2 and v1).  386 is not
 * offered to amd64, nor arm to arm64: an image of the wrong architecture is never a silent choice.
 */
int platform_distance(const struct platform *offered, const struct platform *wanted);

const char *platform_text(const struct platform *platform, char text[PLATFORM_TEXT_MAX]);

#endif
