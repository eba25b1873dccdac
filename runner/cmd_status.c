/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu status`: what this host runs natively, emulated or not at all, and what the kernel offers.
 */
#include "runner/assist.h"
#include "runner/command.h"
#include "runner/table.h"

#include "base/json.h"
#include "base/mem.h"
#include "binfmt/binfmt.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

struct status_options {
	bool json;
};

/** What was found out; platforms and statuses are parallel arrays. */
struct findings {
	struct platform *platforms;
	struct platform_status *statuses;
	size_t count;
	struct utsname kernel;
	bool user_namespaces, private_binfmt, io_uring;
	const char *no_assist; /* why; or NULL */
};

static const struct option options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct status_options, json), NULL,
	  "print a JSON object" },
};

static const char *const head[] = {
	"PLATFORM", "STATE", "EMULATOR", "VERSION", "FLAGS", "PATH", "NOTE",
};

/** Levels of this CPU that an image may ask for. */
static const char *const levels[] = { "linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4" };

static void findings_drop(struct findings *findings)
{
	free(findings->platforms);
	free(findings->statuses);
}

static void platform_add(struct findings *findings, const char *text)
{
	struct platform platform;
	struct error ignored;

	if (platform_parse(text, &platform, &ignored))
		return;
	array_grow(findings->platforms, findings->count);
	findings->platforms[findings->count++] = platform;
}

/** The host's first, then all that have an emulator, then those without an OCI name. */
static void gather_platforms(struct findings *findings)
{
	size_t count;
	const struct emulator *known = emulators(&count);
	struct platform host = platform_host();
	char text[PLATFORM_TEXT_MAX];

	platform_add(findings, platform_text(&host, text));
	for (size_t i = 0; i < countof(levels) && strcmp(host.arch, "amd64") == 0; i++)
		platform_add(findings, levels[i]);
	for (size_t i = 0; i < count; i++) {
		if (&known[i] == emulator_host())
			continue;
		for (const char *const *platform = known[i].platforms; *platform; platform++)
			platform_add(findings, *platform);
		if (!known[i].platforms[0])
			platform_add(findings, strchr(known[i].name, '-') + 1);
	}
}

static bool can_unshare_user(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool has_io_uring(void)
{
	struct io_uring_params params = {};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static result find_out(struct findings *findings, struct error *err)
{
	if (uname(&findings->kernel) < 0)
		return fail_sys(err, "uname");
	findings->user_namespaces = can_unshare_user();
	findings->private_binfmt = binfmt_private_supported();
	findings->no_assist = assist_obstacle();
	findings->io_uring = has_io_uring();
	gather_platforms(findings);
	findings->statuses = xcalloc(findings->count, sizeof(*findings->statuses));
	return platforms_examine(findings->platforms, findings->count, findings->statuses, err);
}

/** Rare architectures and levels this CPU lacks are left out, unless something is known of them. */
static bool is_shown(const struct platform_status *status)
{
	bool named = status->emulator && status->emulator->platforms[0];

	if (status->state == PLATFORM_UNAVAILABLE)
		return named;
	if (status->state == PLATFORM_READY || status->state == PLATFORM_INSTALLED)
		return named;
	return true;
}

static void add_row(const struct platform_status *status, struct table *table)
{
	char text[PLATFORM_TEXT_MAX], version[16];

	snprintf(version, sizeof(version), "%.*s", (int)strcspn(status->version, " "),
		 status->version);
	table_add(table, platform_text(&status->platform, text));
	table_add(table, platform_state_text(status->state));
	table_add(table, status->emulator ? status->emulator->name : "-");
	table_add(table, version[0] ? version : "-");
	table_add(table, status->flags[0] ? status->flags : "-");
	table_add(table, status->interpreter[0] ? status->interpreter : "-");
	table_add(table, status->why[0] ? status->why : "-");
}

static void add_rare(const struct findings *findings, struct buf *out)
{
	size_t rare = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct platform_status *status = &findings->statuses[i];

		if (!is_shown(status) && status->state != PLATFORM_UNAVAILABLE)
			buf_printf(out, "%s%s", rare++ ? " " : "also installed      ",
				   status->platform.arch);
	}
	if (rare)
		buf_add_char(out, '\n');
}

static void text_add(const struct findings *findings, struct buf *out)
{
	owned(table) struct table table = { .columns = countof(head) };

	for (size_t i = 0; i < countof(head); i++)
		table_add(&table, head[i]);
	for (size_t i = 0; i < findings->count; i++) {
		if (is_shown(&findings->statuses[i]))
			add_row(&findings->statuses[i], &table);
	}
	table_text(&table, out);
	buf_add_char(out, '\n');
	add_rare(findings, out);
	buf_printf(out, "kernel              Linux %s, %s\n", findings->kernel.release,
		   findings->kernel.machine);
	buf_printf(out, "user namespaces     %s\n",
		   findings->user_namespaces ? "yes" : "no: builds need root");
	buf_printf(out, "own binfmt_misc     %s\n",
		   findings->private_binfmt
			   ? "yes: 'ready' is enough to build and run, without 'mpemu setup'"
			   : "no (Linux 6.7 and user namespaces): 'mpemu setup' is needed");
	buf_printf(out, "native assist       %s%s\n", findings->no_assist ? "no: " : "yes",
		   findings->no_assist ? findings->no_assist : "");
	buf_printf(out, "io_uring            %s\n",
		   findings->io_uring ? "yes" : "no: files are written one after the other");
}

static json_t *status_json(const struct platform_status *status)
{
	char text[PLATFORM_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "platform",
			 platform_text(&status->platform, text), "state",
			 platform_state_text(status->state), "emulator",
			 status->emulator ? status->emulator->name : "", "version", status->version,
			 "flags", status->flags, "path", status->interpreter, "entry",
			 status->entry, "note", status->why);
}

static void json_add(const struct findings *findings, struct buf *out)
{
	json_t *platforms = json_array();
	owned(json) json_t *all = NULL;
	owned(str) char *text = NULL;

	for (size_t i = 0; i < findings->count; i++)
		json_array_append_new(platforms, status_json(&findings->statuses[i]));
	all = json_pack("{s:o, s:{s:s, s:s, s:b, s:b, s:b, s:b}}", "platforms", platforms, "host",
			"kernel", findings->kernel.release, "machine", findings->kernel.machine,
			"user_namespaces", findings->user_namespaces, "private_binfmt",
			findings->private_binfmt, "native_assist", !findings->no_assist, "io_uring",
			findings->io_uring);
	text = json_text(all, true);
	buf_printf(out, "%s\n", text);
}

static result status_run(struct invocation *in, struct error *err)
{
	const struct status_options *wanted = in->options;
	owned(findings) struct findings findings = {};
	owned(buf) struct buf out = {};

	if (find_out(&findings, err))
		return FAILED;
	if (wanted->json)
		json_add(&findings, &out);
	else
		text_add(&findings, &out);
	return stdout_write(&out, err);
}

const struct command command_status = {
	.name = "status",
	.arguments = "[OPTIONS]",
	.summary = "Tell what this host runs natively, emulated or not at all, and why",
	.example = "mpemu status",
	.text = "States: native (the CPU runs it), emulated (registered, and a test program ran),\n"
		"ready (not registered, but builds and runs register it for themselves), unpinned\n"
		"(works outside of containers only), broken, installed (needs 'mpemu setup'),\n"
		"unavailable.",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct status_options),
	.run = status_run,
};
