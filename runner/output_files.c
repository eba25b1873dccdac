/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/output_files.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "runner/workdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static result root_open(const struct step *final, int *root_fd, struct error *err)
{
	const struct strings *lowers = &final->result->lowers;

	return overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL, root_fd,
			    err);
}

/** "/linux_arm64", or "/" where platforms have no directories of their own. */
static char *place_of(const struct build *build, const struct output *output,
		      const struct step *final)
{
	bool split = output->split == SPLIT_YES ||
		     (output->split == SPLIT_AUTO && build->plan->final_count > 1);
	char text[PLATFORM_TEXT_MAX];

	if (!split)
		return xstrdup("/");
	platform_text(final->target, text);
	for (char *slash = text; (slash = strchr(slash, '/'));)
		*slash = '_';
	return xasprintf("/%s", text);
}

/** A platform's own directory, there also where it holds nothing, has no time. */
static result place_finish(int dest, const char *place, struct error *err)
{
	static const struct timespec epoch[2] = {};
	owned(fd) int fd = open_dirs(dest, place, 0755);

	if (fd < 0 || fchmod(fd, 0755) < 0 || futimens(fd, epoch) < 0)
		return fail_sys(err, "create %s", place);
	return OK;
}

static result copy_into(const struct build *build, const struct output *output, int dest,
			bool keep_owner, struct error *err)
{
	const struct copy_options options = { .keep_owner = keep_owner };

	for (size_t i = 0; i < build->plan->final_count; i++) {
		const struct step *final = build->plan->finals[i];
		owned(str) char *place = place_of(build, output, final);
		owned(fd) int root_fd = -1;

		if (!final->result)
			continue;
		if (final->result->lowers.count &&
		    (root_open(final, &root_fd, err) ||
		     tree_copy(build->ctx, root_fd, ".", dest, place, &options, err)))
			return FAILED;
		if (place[1] && place_finish(dest, place + 1, err))
			return FAILED;
	}
	return OK;
}

static result local_export(const struct build *build, const struct output *output,
			   struct error *err)
{
	owned(fd) int dest = open_dirs(AT_FDCWD, output->dest, 0755);

	if (dest < 0)
		return fail_sys(err, "create the directory %s", output->dest);
	if (copy_into(build, output, dest, false, err))
		return fail_in(err, "output %s", output->dest);
	return OK;
}

/** All platforms side by side in a scratch directory, packed as a layer of nothing below it. */
static result tar_write(const struct build *build, const struct output *output, int fd,
			struct error *err)
{
	const struct diff_options options = {
		.compression = COMPRESSION_NONE,
		.epoch = output->form.epoch,
		.with_attributes = true,
		.rounds_times = true,
	};
	owned(workdir) struct workdir *dir = NULL;
	owned(str) char *upper = NULL;
	owned(fd) int all = -1;
	struct layer_info info;

	if (workdir_new(build->request->root, &dir, err))
		return FAILED;
	upper = xasprintf("%s/upper", workdir_path(dir));
	all = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (all < 0)
		return fail_sys(err, "open %s", upper);
	if (copy_into(build, output, all, true, err))
		return FAILED;
	return layer_diff(build->ctx, all, &options, fd, &info, err);
}

static result tar_export(const struct build *build, const struct output *output, struct error *err)
{
	owned(outfile) struct outfile file = { .fd = -1 };

	if (strcmp(output->dest, "-") == 0)
		return tar_write(build, output, STDOUT_FILENO, err);
	if (outfile_open(output->dest, 0644, &file, err))
		return FAILED;
	if (tar_write(build, output, file.fd, err))
		return fail_in(err, "output %s", output->dest);
	return outfile_finish(&file, err);
}

result files_export(const struct build *build, const struct output *output, struct error *err)
{
	return output->kind == OUTPUT_LOCAL ? local_export(build, output, err)
					    : tar_export(build, output, err);
}
