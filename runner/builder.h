/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What was asked of a build, and what its steps share.
 */
#ifndef RUNNER_BUILDER_H
#define RUNNER_BUILDER_H

#include "registry/registry.h"
#include "runner/assist.h"
#include "runner/attest_options.h"
#include "runner/cache.h"
#include "runner/cache_options.h"
#include "runner/context.h"
#include "runner/outputs.h"
#include "runner/plan.h"
#include "runner/secrets.h"
#include "sandbox/sandbox.h"

#include <stdatomic.h>

struct bases;
struct flights;
struct imports;
struct lint;
struct slow_steps;
struct tree_keys;
struct outside;
struct toolchains;

enum { OUTPUTS_MAX = 16 };

/** What --verify asks of the finished images. */
enum verify { VERIFY_ENTRY, VERIFY_STRICT, VERIFY_OFF };

/** What is done with the Dockerfile. */
enum call { CALL_BUILD, CALL_CHECK, CALL_OUTLINE, CALL_TARGETS };

struct build_request {
	const char *root;
	const char *context, *file, *target; /* file, target: or NULL */
	struct platform platforms[PLATFORMS_MAX];
	size_t platform_count;
	const struct strings *tags; /* references as typed */
	struct strings build_args;  /* NAME=value */
	struct named_list contexts; /* --build-context */
	struct strings no_cache_stages;
	const struct strings *labels;
	struct output outputs[OUTPUTS_MAX];
	size_t output_count;
	struct form form; /* of the image that the names stand for */
	int64_t epoch;    /* SOURCE_DATE_EPOCH, -1: none */
	const char *metadata_file, *id_file;
	struct cache_places cache_to, cache_from;
	struct attest attest;
	bool cache_inline; /* images tell which steps made their layers */
	struct transport transport;
	size_t jobs;
	enum network network;
	bool allows_insecure, allows_host_network; /* --allow */
	struct secrets secrets;
	struct strings hosts; /* "ADDRESS\tNAME" */
	struct limit limits[16];
	size_t limit_count;
	struct resource_limits resources; /* of each RUN */
	uint64_t timeout_ms;
	uint64_t shm_size; /* 0: the default */
	bool no_cache, pull, keep_going;
	enum assist_mode assist;
	const char *assist_from; /* an image with native tools; or NULL */
	enum verify verify;
	enum call call;
	bool call_json;                          /* how that is told */
	struct platform optional[PLATFORMS_MAX]; /* that the index may go without */
	size_t optional_count;
	int64_t timeout; /* nanoseconds for the whole build; 0: none */
};

/** Whether the build may end well without an image for this platform. */
static inline bool platform_is_optional(const struct build_request *request,
					const struct platform *platform)
{
	for (size_t i = 0; i < request->optional_count; i++) {
		if (platform_equal(&request->optional[i], platform))
			return true;
	}
	return false;
}

/** What all steps share.  Set up before the workers start; afterwards only what locks changes. */
struct build {
	const struct ctx *ctx;
	const struct build_request *request;
	const struct privilege *privilege;
	struct store *store;
	struct cache *cache;
	struct context *context;
	struct dockerfile *dockerfile;
	struct lint *lint; /* what its checks found */
	struct plan *plan;
	struct flights *flights;
	struct imports *imports;
	struct tree_keys *tree_keys;
	struct outside *outside; /* what ADD gets by URLs */
	struct bases *bases;
	struct strings native_tools;   /* layers of the image of --assist-from, topmost first */
	struct toolchains *toolchains; /* or NULL: none may be made */
	struct triggers *triggers;     /* of base images */
	struct slow_steps *slow_steps; /* by emulation; told at the end */
	atomic_flag has_no_assist;     /* told once, where this machine has none for any step */
	int64_t time;                  /* of this build, for `created` */
};

#endif
