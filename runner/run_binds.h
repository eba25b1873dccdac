/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What else `run` shows inside, as it is typed: --volume, --mount and --tmpfs.
 */
#ifndef RUNNER_RUN_BINDS_H
#define RUNNER_RUN_BINDS_H

#include "base/json.h"
#include "runner/volume.h"
#include "sandbox/sandbox.h"

/** All of them as typed. */
struct bind_options {
	struct strings volumes; /* [SOURCE:]TARGET[:ro] */
	struct strings mounts;  /* type=bind,source=SOURCE,target=TARGET */
	struct strings tmpfs;   /* DIR[:size=SIZE,ro] */
};

/** A bind whose source is a volume. */
struct run_volume {
	size_t bind;      /* its place in the items */
	const char *name; /* NULL: it goes with the sandbox */
	bool no_copy;     /* a new one starts empty, whatever the image has there */
	struct mount_cache *held;
};

/** Starts empty. */
struct run_binds {
	struct bind *items;
	size_t count;
	struct run_volume *volumes;
	size_t volume_count;
	struct strings texts; /* that the items point to */
};

/**
 * Parse them, volumes first; FAULT_USAGE names the option, and a source that is not there is a
 * fault of its own.  `out` is to be dropped after a failure too.
 */
result run_binds_parse(const struct bind_options *options, struct run_binds *out,
		       struct error *err);

/**
 * Add the volumes that the config of an image names, where nothing else is shown: what can be
 * written to although the root is read-only.
 */
result run_binds_add_image(struct run_binds *binds, const json_t *image_config, struct error *err);

/**
 * Open the volumes among them: those with a name below `root`, others in the directory `place`,
 * with what the image (its layers are `lowers`) has there.  Until they are dropped nobody removes
 * them.
 */
result run_binds_open(const struct ctx *ctx, struct run_binds *binds, const char *root,
		      const char *place, const struct strings *lowers, struct error *err);
void run_binds_drop(struct run_binds *binds);

/* ---- for those who parse ---- */

/** Another item of that target, as `option` has it (for messages). */
result run_bind_add(struct run_binds *binds, const char *option, const char *target,
		    struct bind **out, struct error *err);

/** Show a path of this host, which must be there. */
result run_bind_host(struct run_binds *binds, const char *option, const char *path,
		     struct bind *bind, struct error *err);

/** Show a volume; "" for one without a name. */
result run_bind_volume(struct run_binds *binds, const char *option, const char *name, bool no_copy,
		       const struct bind *bind, struct error *err);

/** "size=64m", "mode=0700", "ro": false where it is no option of a tmpfs, or no value for it. */
bool tmpfs_option_set(const char *text, struct bind *bind);

/** What --mount says. */
result run_mount_parse(struct run_binds *binds, const char *text, struct error *err);

#endif
