/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What was asked of a build, and what its steps share.
 */
#ifndef RUNNER_BUILDER_H
#define RUNNER_BUILDER_H

#include "registry/registry.h"
#include "runner/cache.h"
#include "runner/context.h"
#include "runner/plan.h"
#include "runner/secrets.h"
#include "sandbox/sandbox.h"

struct flights;
struct outside;

/** One --output. */
struct output {
	enum output_kind { OUTPUT_OCI, OUTPUT_REGISTRY } kind;
	char *dest; /* of OUTPUT_OCI: a file, or "-" for standard output */
};

struct build_request {
	const char *root;
	const char *context, *file, *target; /* file, target: or NULL */
	struct platform platforms[PLATFORMS_MAX];
	size_t platform_count;
	const struct strings *tags; /* references as typed */
	struct strings build_args;  /* NAME=value */
	const struct strings *labels;
	struct output outputs[8];
	size_t output_count;
	struct transport transport;
	size_t jobs;
	enum network network;
	struct secrets secrets;
	struct strings hosts; /* "ADDRESS\tNAME" */
	struct limit limits[16];
	size_t limit_count;
	struct resource_limits resources; /* of each RUN */
	uint64_t timeout_ms;
	uint64_t shm_size; /* 0: the default */
	bool no_cache, pull, keep_going;
};

/** What all steps share.  Set up before the workers start; afterwards only what locks changes. */
struct build {
	const struct ctx *ctx;
	const struct build_request *request;
	const struct privilege *privilege;
	struct store *store;
	struct cache *cache;
	struct context *context;
	struct dockerfile *dockerfile;
	struct plan *plan;
	struct flights *flights;
	struct outside *outside; /* what ADD gets by URLs */
	int64_t time;            /* of this build, for `created` */
};

#endif
