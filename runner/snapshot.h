/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The state of a stage after one of its instructions: file system, image config, variables.
 *
 * A snapshot is complete when its step ends and is never changed afterwards; the next step starts
 * from a copy.  Layer directories are shared on disk, so a copy is small.
 */
#ifndef RUNNER_SNAPSHOT_H
#define RUNNER_SNAPSHOT_H

#include "base/digest.h"
#include "registry/registry.h"

struct snapshot {
	json_t *document; /* the image config as a whole, without what its layers tell */
	struct layer *layers;
	size_t layer_count;
	size_t base_layers, base_history; /* how many of both came with FROM */
	struct strings lowers; /* their directories, topmost first, each once (see layers.h) */
	struct strings makers; /* of the layers on top of the base: what made each, for those that
				  nothing in the history is for */
	struct digest files;   /* key of the file system: equal keys, equal content */
	struct digest key;     /* of the step that made the topmost layer; zero: another did */
	struct digest asked; /* of what that step was asked for, where its key is of what it took */
	bool is_forecast;    /* keys alone: nothing was run, and there are no layers to look into */

	struct strings env;  /* what RUN and expansion see: ENV and ARG in the order they came */
	struct strings args; /* names of the ARGs in effect, "NAME" or "NAME=default value" */
	bool has_command;    /* CMD was seen in this stage */
	int64_t time;        /* of its newest layer; 0: it has none of its own */
};

struct snapshot *snapshot_new(void);
struct snapshot *snapshot_copy(const struct snapshot *from);
void snapshot_drop(struct snapshot **snapshot);

/** The "config" object of the document, made where it is missing; borrowed. */
json_t *snapshot_config(struct snapshot *snapshot);

/** A string of the config, "" where absent. */
const char *snapshot_text(const struct snapshot *snapshot, const char *key);

/** Put a layer on top; `path` is its directory. */
void snapshot_push(struct snapshot *snapshot, const struct layer *layer, const char *path);

/** A JSON string; a byte that is not UTF-8, which JSON cannot hold, becomes U+FFFD. */
json_t *json_from_text(const char *text);

/** A JSON array of such strings. */
json_t *json_from_strings(const struct strings *strings);

/** RFC 3339 in UTC: "2026-01-31T12:00:00Z"; the caller frees it. */
char *time_text(int64_t time);

/** The other way, to whole seconds; 0 where it is no such text (NULL too). */
int64_t time_parse(const char *text);

#endif
