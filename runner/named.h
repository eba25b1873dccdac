/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --build-context: names that stand for something else in FROM and --from.  Pure.
 */
#ifndef RUNNER_NAMED_H
#define RUNNER_NAMED_H

#include "base/platform.h"
#include "base/text.h"

enum named_kind {
	NAMED_IMAGE, /* value: a reference, or "oci-layout://PATH..." */
	NAMED_FILES, /* value: what context_obtain() takes */
};

struct named {
	char *name; /* as given, without platform */
	bool has_platform;
	struct platform platform; /* of "name::linux/arm64" */
	enum named_kind kind;
	char *value;
};

/** Starts as {}. */
struct named_list {
	struct named *items;
	size_t count;
};

void named_list_drop(struct named_list *list);

/** Add "NAME[::PLATFORM]=VALUE"; a name given again replaces the older one.  FAULT_USAGE. */
result named_add(struct named_list *list, const char *text, struct error *err);

/**
 * What a name of a stage or image stands for on a platform; NULL: itself.  Names of images agree
 * however they are written: alpine, alpine:latest and docker.io/library/alpine.
 */
const struct named *named_find(const struct named_list *list, const char *name,
			       const struct platform *platform);

#endif
