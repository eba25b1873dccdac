/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/tree_key.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/flights.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct tree_keys {
	struct flights *flights;
	struct recall *recall; /* of the context; NULL where it is not kept */
};

/** ROOT/recall has a file for each directory that was a context. */
static struct recall *recall_open(const char *root, int context_fd)
{
	owned(str) char *place = xasprintf("%s/recall", root), *path = NULL;
	owned(fd) int place_fd = open_dirs(AT_FDCWD, place, 0700);
	struct stat info;

	if (place_fd < 0 || fstat(context_fd, &info) < 0)
		return NULL;
	path = xasprintf("%s/%llx-%llx", place, (unsigned long long)info.st_dev,
			 (unsigned long long)info.st_ino);
	return recall_load(path);
}

struct tree_keys *tree_keys_new(const char *root, const struct context *context)
{
	struct tree_keys *keys = xnew(struct tree_keys);

	keys->flights = flights_new();
	if (!context->obtained.dir)
		keys->recall = recall_open(root, context->fd);
	return keys;
}

void tree_keys_drop(struct tree_keys **keys)
{
	if (!*keys)
		return;
	flights_drop(&(*keys)->flights);
	recall_drop(&(*keys)->recall);
	free(*keys);
	*keys = NULL;
}

void tree_keys_save(struct tree_keys *keys, const struct ctx *ctx)
{
	struct error why = {};

	if (keys->recall && recall_save(keys->recall, &why))
		progress_note(ctx, "what is in the context is not remembered: %s", why.text);
}

/** What a stage has is told by its layers, whatever made them. */
static struct digest part_key(const struct tree_part *part)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	const struct snapshot *source = part->source ? part->source->result : NULL;

	hasher_add_str(hasher, "mpemu part 1");
	hasher_add_str(hasher, source ? "stage" : "context");
	for (size_t i = 0; source && i < source->layer_count; i++)
		hasher_add(hasher, source->layers[i].diff_id.bytes,
			   sizeof(source->layers[i].diff_id.bytes));
	hasher_add_str(hasher, part->path);
	hasher_add_str(hasher, part->filter);
	hasher_add_str(hasher, part->with_owner ? "owner" : "");
	return hasher_finish(hasher);
}

/** Layers never change, so a part of a stage is what it was in any earlier build. */
static result stage_key(struct build *build, const struct tree_part *part, const struct digest *key,
			struct digest *out, struct error *err)
{
	owned(buf) struct buf text = {};
	char digest[DIGEST_TEXT_MAX];
	struct error ignored = {};
	bool found;

	if (cache_note_find(build->cache, key, &text, &found, err))
		return FAILED;
	if (found && !digest_parse(buf_text(&text), out, &ignored))
		return OK;
	if (tree_hash(build->ctx, part->root_fd, part->path, part->options, part->with_owner, out,
		      err))
		return FAILED;
	return cache_note_keep(build->cache, key, digest_text(out, digest), err);
}

static result context_key(struct build *build, const struct tree_part *part, struct digest *out,
			  struct error *err)
{
	struct copy_options options = *part->options;

	options.recall = build->tree_keys->recall;
	return tree_hash(build->ctx, part->root_fd, part->path, &options, part->with_owner, out,
			 err);
}

result tree_key(struct build *build, const struct tree_part *part, struct digest *out,
		struct error *err)
{
	struct flights *flights = build->tree_keys->flights;
	struct made made = {}; /* nothing flies but a digest */
	struct digest key;

	if (!part->filter)
		return part->source ? tree_hash(build->ctx, part->root_fd, part->path,
						part->options, part->with_owner, out, err)
				    : context_key(build, part, out, err);
	key = part_key(part);
	if (flight_board(flights, &key, &made)) {
		*out = made.layer.diff_id;
		return OK;
	}
	if (part->source ? stage_key(build, part, &key, &made.layer.diff_id, err)
			 : context_key(build, part, &made.layer.diff_id, err)) {
		flight_land(flights, &key, NULL);
		return FAILED;
	}
	flight_land(flights, &key, &made);
	*out = made.layer.diff_id;
	return OK;
}
