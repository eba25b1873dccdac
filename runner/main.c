/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mpemu: images for CPU architectures that the machine does not have.
 *
 * The map of the house, from the bottom up; each folder's public header tells the rest:
 *
 *   base/      values and mechanisms: errors, descriptors, digests, platforms, JSON, progress
 *   binfmt/    emulators, the kernel's table of them, and the proof that they run
 *   registry/  names, the store (an OCI layout), manifests and indexes, pull and push
 *   sandbox/   a step in namespaces over layers; layers to and from tar
 *   runner/    Dockerfile -> plan -> steps -> images, and the command line
 *
 * A build in a straight line: cmd_build.c (options) -> build.c -> plan.c (graph) -> sched.c
 * (workers) -> exec*.c (one step) -> publish.c (images, index, outputs).
 *
 * Here: the table of commands, the exit status.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/commands.h"
#include "runner/complete.h"
#include "runner/render.h"
#include "runner/signals.h"
#include "runner/table.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MPEMU_VERSION
#define MPEMU_VERSION "unknown"
#endif

/* clang-format off */
static const struct command *const commands[] = {
	&command_setup, &command_status,
	&command_build, &command_run,
	&command_images, &command_inspect, &command_index, &command_tag, &command_rm,
	&command_volume, &command_fsck, &command_prune,
	&command_pull, &command_push, &command_copy, &command_login, &command_logout,
	&command_import, &command_export,
	&command_dockerfile, &command_platform,
	NULL,
};
/* clang-format on */

static const struct command top = {
	.name = "mpemu",
	.arguments = "[GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]",
	.summary =
		"Build and run container images for CPU architectures that this machine does not "
		"have",
	.example = "sudo mpemu setup && mpemu build --platform linux/arm64,linux/s390x -t app:1 .",
	.text = "'mpemu COMMAND --help' tells more.  Exit status: 0 done, 1 system failure, 2 "
		"usage, 3 bad\ninput, 4 a build step failed, 5 not found, 6 authentication, 7 "
		"network, 8 "
		"integrity,\n9 privilege or missing kernel feature, 130 interrupted.",
	.arguments_max = -1,
	.stops_at_argument = true,
	.subcommands = commands,
};

/** A program started without standard descriptors would write into its first open file. */
static void standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(1);
	}
}

/* ---- running a command ---- */

/** $MPEMU_ROOT, /var/lib/mpemu for root, $XDG_DATA_HOME/mpemu for others; absolute. */
static result root_choose(const struct globals *globals, char **out, struct error *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	const char *root = globals->root ? globals->root : getenv("MPEMU_ROOT");
	owned(str) char *here = NULL;

	if (globals->root && !*root)
		return fail(err, FAULT_USAGE, "--root is empty: want a directory");
	if (root && *root == '/') {
		*out = xstrdup(root);
	} else if (root && *root) {
		here = getcwd(NULL, 0);
		if (!here)
			return fail_sys(err, "--root %s", root);
		*out = xasprintf("%s/%s", here, root);
	} else if (geteuid() == 0) {
		*out = xstrdup("/var/lib/mpemu");
	} else if (data && *data == '/') {
		*out = xasprintf("%s/mpemu", data);
	} else if (home && *home == '/') {
		*out = xasprintf("%s/.local/share/mpemu", home);
	} else {
		return fail(err, FAULT_USAGE, "neither --root nor HOME says where the store is");
	}
	return OK;
}

static result start(const struct command *command, struct invocation *in, struct error *err)
{
	struct cancel *cancel = cancel_new();
	struct render *render = NULL;
	struct ctx ctx = { .cancel = cancel };
	result status;

	signals_block(command->passes_signals);
	if (render_new(in->globals->quiet ? "quiet" : in->globals->progress, in->globals->verbose,
		       &render, err))
		return FAILED;
	ctx.progress = render_sink(render);
	in->ctx = &ctx;
	if (in->privilege && in->privilege->lone)
		progress_warn(&ctx, "ids of images cannot be told apart: %s", in->privilege->lone);
	if (signals_start(cancel, command->passes_signals, &in->signals, err))
		return FAILED;
	status = command->run(in, err);
	render_drop(&render);
	/* Results that could not be written are no results. */
	if (!status && (fflush(stdout) != 0 || ferror(stdout)))
		return fail_sys(err, "write to standard output");
	return status;
}

static result prepare_and_start(const struct command *command, struct globals *globals,
				struct invocation *in, struct error *err)
{
	/* It ends with us: nobody waits for it. */
	static struct zygote *zygote;
	owned(str) char *root = NULL, *filters = NULL;
	struct privilege privilege = {};

	if (root_choose(globals, &root, err))
		return FAILED;
	globals->root = root;
	filters = xasprintf("%s/filters", root);
	filter_cache_use(filters);

	if (command->needs_ids) {
		if (userns_enter(&privilege, err) ||
		    (command->sandboxes &&
		     zygote_start(command->sandboxes == RUNS_MANY, &zygote, err)))
			return FAILED;
		privilege.zygote = zygote;
		in->privilege = &privilege;
	}
	return start(command, in, err);
}

static result help_show(const char *path, const struct command *command)
{
	owned(buf) struct buf out = {};

	command_help(path, command, &out);
	fputs(buf_text(&out), stdout);
	return OK;
}

static const struct command *subcommand_find(const struct command *group, const char *name)
{
	for (const struct command *const *at = group->subcommands; *at; at++) {
		if (strcmp((*at)->name, name) == 0)
			return *at;
	}
	return NULL;
}

static int unknown_command(const struct command *group, const char *path, const char *name,
			   struct error *err)
{
	const char *names[64];
	char hint[HINT_MAX];
	size_t count = 0;

	for (const struct command *const *at = group->subcommands; *at && count < countof(names);
	     at++)
		names[count++] = (*at)->name;
	return fail(err, FAULT_USAGE, "unknown command '%s'%s; '%s --help' lists them", name,
		    hint_text("", nearest(name, names, count), hint), path);
}

/** Parse this level's options; a group goes on with its subcommand. */
static result dispatch(const struct command *command, const char *path, struct globals *globals,
		       int argc, char **argv, int *status, struct error *err)
{
	void *options = xcalloc(1, command->options_size);
	struct invocation in = { .globals = globals, .options = options, .argv = argv };
	bool help = false;
	result done = FAILED;

	if (options_parse(command, options, globals, &argc, argv, &help, err)) {
		/* The program's own name is told with every error. */
		if (strchr(path, ' '))
			(void)fail_in(err, "%s", strchr(path, ' ') + 1);
	} else if (help || (command->subcommands && argc == 0)) {
		done = help_show(path, command);
		if (!help) {
			*status = 2;
		}
	} else if (command->subcommands) {
		const struct command *sub = subcommand_find(command, argv[0]);
		owned(str) char *longer = xasprintf("%s %s", path, argv[0]);

		if (sub)
			done = dispatch(sub, longer, globals, argc - 1, argv + 1, status, err);
		else
			(void)unknown_command(command, path, argv[0], err);
	} else {
		in.argc = argc;
		done = prepare_and_start(command, globals, &in, err);
		*status = in.status;
	}
	options_drop(command, options);
	free(options);
	return done;
}

static bool version_asked(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0);
}

/** `mpemu --complete SHELL`: for packagers and `source <(mpemu --complete bash)`. */
static result completion_show(const char *shell, struct error *err)
{
	owned(buf) struct buf out = {};

	if (complete_script(&top, shell, &out, err))
		return FAILED;
	return stdout_write(&out, err);
}

static bool completion_asked(int argc, char **argv)
{
	return argc == 3 && strcmp(argv[1], "--complete") == 0;
}

int main(int argc, char **argv)
{
	struct globals globals = {};
	struct error err = {};
	int status = 0;

	standard_fds();
	signals_block(false);
	/* Results come last, below what was drawn meanwhile on the same terminal. */
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	if (version_asked(argc, argv)) {
		puts("mpemu " MPEMU_VERSION);
		return 0;
	}
	if (completion_asked(argc, argv)
		    ? completion_show(argv[2], &err)
		    : dispatch(&top, "mpemu", &globals, argc - 1, argv + 1, &status, &err)) {
		fflush(stdout);
		render_error(globals.quiet ? NULL : globals.progress, &err);
		return fault_exit_status(err.fault);
	}
	return status;
}
