/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mpemu import: a root file system in a tar becomes an image of one layer.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/command.h"
#include "runner/commands.h"
#include "runner/contents.h"
#include "runner/history.h"
#include "runner/layers.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct import_options {
	const char *platform;
};

static const struct option options[] = {
	{ "platform", 0, OPTION_TEXT, offsetof(struct import_options, platform), "PLATFORM",
	  "what the programs in it are for (default: this machine)" },
};

static const char config_text[] = "{\"Env\":[\"PATH=" DEFAULT_PATH "\"],"
				  "\"Cmd\":[\"/bin/sh\"],\"WorkingDir\":\"/\"}";

/** The tar as a blob, and unpacked at once, so that a bad one is refused before it has a name. */
static result layer_import(const struct invocation *in, struct store *store, int tar_fd,
			   struct layer *out, struct error *err)
{
	owned(blob_writer) struct blob_writer *writer = NULL;
	owned(buf) struct buf path = {};
	const struct strings nothing = {};
	struct layer_info info;

	if (blob_writer_new(store, &writer, err) ||
	    layer_repack(in->ctx, tar_fd, COMPRESSION_GZIP, blob_writer_fd(writer), &info, err) ||
	    blob_writer_commit(take(writer), &info.blob, err))
		return FAILED;
	*out = (struct layer){
		.blob = {
			.media = media_of_layer(COMPRESSION_GZIP),
			.size = info.blob_size,
			.digest = info.blob,
		},
		.diff_id = info.diff_id,
	};
	return layer_prepare(in->ctx, store, in->globals->root, out, &nothing, &path, err);
}

static result image_make(struct store *store, const struct platform *platform,
			 const struct layer *layer, const char *source, struct descriptor *out,
			 struct error *err)
{
	owned(snapshot) struct snapshot *snapshot = snapshot_new();
	owned(image) struct image *image = image_new(platform);
	int64_t now = time(NULL);
	owned(str) char *created = time_text(now);
	owned(str) char *history = xasprintf("imported from %s", source);
	json_t *config;

	if (json_parse(config_text, strlen(config_text), "config", &config, err))
		return FAILED;
	json_object_set_new(snapshot->document, "created", json_string(created));
	json_object_set_new(snapshot->document, "config", config);
	snapshot->time = now;
	history_add(snapshot, history, true);
	json_decref(image->config);
	image->config = json_incref(snapshot->document);
	image->layers = xcalloc(1, sizeof(*image->layers));
	image->layers[0] = *layer;
	image->layer_count = 1;
	return image_write(store, image, NULL, out, err);
}

static result open_tar(const char *path, int *fd, struct error *err)
{
	*fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
				: fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (*fd < 0 && errno == ENOENT)
		return fail(err, FAULT_INPUT, "%s: no such file", path);
	if (*fd < 0)
		return fail_sys(err, "open %s", path);
	return OK;
}

static result run(struct invocation *in, struct error *err)
{
	const struct import_options *options_ = in->options;
	struct platform platform = platform_host();
	owned(store) struct store *store = NULL;
	owned(fd) int tar_fd = -1;
	struct descriptor manifest;
	struct reference ref;
	struct layer layer;
	char name[REFERENCE_TEXT_MAX], digest[DIGEST_TEXT_MAX];

	if (platform_argument(options_->platform, &platform, err) ||
	    name_parse_new(in->argv[1], &ref, err))
		return FAILED;
	if (open_tar(in->argv[0], &tar_fd, err) ||
	    store_open(in->ctx, in->globals->root, &store, err))
		return FAILED;
	if (layer_import(in, store, tar_fd, &layer, err))
		return fail_in(err, "%s", in->argv[0]);
	if (image_make(store, &platform, &layer, in->argv[0], &manifest, err) ||
	    store_tag(store, &ref, &manifest, err))
		return FAILED;
	printf("%s  %s\n", digest_text(&manifest.digest, digest), reference_text(&ref, name));
	return OK;
}

const struct command command_import = {
	.name = "import",
	.arguments = "[OPTIONS] ROOTFS.TAR NAME",
	.summary = "Make an image of a root file system in a tar file",
	.text = "ROOTFS.TAR may be packed with gzip or zstd; - reads standard input.",
	.example = "mpemu import --platform linux/arm64 rootfs.tar localhost/base:arm64",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct import_options),
	.arguments_min = 2,
	.arguments_max = 2,
	.needs_ids = true,
	.run = run,
};
