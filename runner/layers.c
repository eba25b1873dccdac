/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/layers.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/workdir.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void layer_path(const char *root, const struct digest *diff_id, struct buf *path)
{
	char hex[DIGEST_HEX_MAX];

	buf_printf(path, "%s/layers/%s", root, digest_hex(diff_id, hex));
}

result layer_adopt(const char *root, const struct digest *diff_id, const char *from,
		   struct error *err)
{
	owned(str) char *parent = xasprintf("%s/layers", root);
	owned(fd) int parent_fd = open_dirs(AT_FDCWD, parent, 0700);
	owned(buf) struct buf path = {};

	if (parent_fd < 0)
		return fail_sys(err, "create %s", parent);
	layer_path(root, diff_id, &path);
	if (rename(from, buf_text(&path)) == 0)
		return OK;
	/* Not empty: it is there already, made by somebody else from the same bytes. */
	if (errno == ENOTEMPTY || errno == EEXIST)
		return OK;
	return fail_sys(err, "rename %s to %s", from, buf_text(&path));
}

static result check_digests(const struct layer *layer, const struct layer_info *info,
			    struct error *err)
{
	char want[DIGEST_TEXT_MAX], got[DIGEST_TEXT_MAX];

	if (!digest_equal(&layer->blob.digest, &info->blob))
		return fail(err, FAULT_INTEGRITY,
			    "blob %s: content is %s; remove the image and pull or build it again",
			    digest_text(&layer->blob.digest, want), digest_text(&info->blob, got));
	if (!digest_equal(&layer->diff_id, &info->diff_id))
		return fail(err, FAULT_INTEGRITY, "layer %s: unpacked content is %s",
			    digest_text(&layer->diff_id, want), digest_text(&info->diff_id, got));
	return OK;
}

result layer_prepare(const struct ctx *ctx, struct store *store, const char *root,
		     const struct layer *layer, struct buf *path, struct error *err)
{
	owned(workdir) struct workdir *dir = NULL;
	owned(buf) struct buf final = {};
	owned(str) char *upper = NULL;
	owned(fd) int blob = -1, into = -1;
	struct layer_info info;
	struct stat status;

	layer_path(root, &layer->diff_id, &final);
	if (stat(buf_text(&final), &status) == 0) {
		buf_add(path, final.data, final.length);
		return OK;
	}
	if (store_blob(store, &layer->blob, &blob, err) || workdir_new(root, &dir, err))
		return FAILED;
	upper = xasprintf("%s/upper", workdir_path(dir));
	into = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (into < 0)
		return fail_sys(err, "open %s", upper);
	if (layer_unpack(ctx, blob, into, NULL, &info, err) || check_digests(layer, &info, err) ||
	    layer_adopt(root, &layer->diff_id, upper, err))
		return FAILED;
	buf_add(path, final.data, final.length);
	return OK;
}

result layers_prepare(const struct ctx *ctx, struct store *store, const char *root,
		      const struct image *image, struct strings *lowers, struct error *err)
{
	for (size_t i = image->layer_count; i-- > 0;) {
		owned(buf) struct buf path = {};

		if (cancel_check(ctx, err) ||
		    layer_prepare(ctx, store, root, &image->layers[i], &path, err))
			return fail_in(err, "layer %zu", i + 1);
		if (!strings_have(lowers, buf_text(&path)))
			strings_add(lowers, buf_text(&path));
	}
	return OK;
}
