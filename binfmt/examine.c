/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Putting together what is registered, what is installed and what really runs.
 */
#include "binfmt/examine.h"

#include "binfmt/elf.h"
#include "binfmt/parallel.h"
#include "binfmt/probe.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

void binfmt_flags(bool credentials, char flags[16])
{
	struct utsname kernel;
	int major = 0, minor = 0;
	bool preserves;

	/* Before 5.12 the kernel did not tell the emulator of P, which then took argv amiss. */
	preserves = uname(&kernel) == 0 && sscanf(kernel.release, "%d.%d", &major, &minor) == 2 &&
		    (major > 5 || (major == 5 && minor >= 12));
	snprintf(flags, 16, "%sO%sF", preserves ? "P" : "", credentials ? "C" : "");
}

const char *platform_state_text(enum platform_state state)
{
	static const char *const names[] = {
		[PLATFORM_NATIVE] = "native",       [PLATFORM_EMULATED] = "emulated",
		[PLATFORM_UNPINNED] = "unpinned",   [PLATFORM_BROKEN] = "broken",
		[PLATFORM_INSTALLED] = "installed", [PLATFORM_UNAVAILABLE] = "unavailable",
		[PLATFORM_READY] = "ready",
	};

	return names[state];
}

struct platform emulator_platform(const struct emulator *emulator)
{
	struct platform platform = { .os = "linux" };
	struct error ignored;

	if (!emulator->platforms[0] || platform_parse(emulator->platforms[0], &platform, &ignored))
		snprintf(platform.arch, sizeof(platform.arch), "%s", emulator_arch(emulator));
	return platform;
}

/** Where an entry is known, its words; else those of what is installed. */
static void describe(const struct entry *entry, const struct emulator *emulator,
		     const char *qemu_dir, struct platform_status *status)
{
	struct error missing;

	if (entry) {
		strcpy(status->entry, entry->name);
		strcpy(status->interpreter, entry->interpreter);
		strcpy(status->flags, entry->flags);
	} else if (emulator_find(emulator, qemu_dir, status->interpreter, &missing)) {
		snprintf(status->why, sizeof(status->why), "%.255s", missing.text);
	}
	if (status->interpreter[0])
		emulator_version(status->interpreter, status->version);
}

/** The program ran, in an empty root or (where none could be made) in this one. */
static void conclude_ran(const struct entry *entry, bool in_empty_root,
			 struct platform_status *status)
{
	status->state = PLATFORM_EMULATED;
	status->why[0] = '\0';
	if (!entry) {
		/* A container sees its host's emulators at work, not its entries. */
		status->interpreter[0] = status->version[0] = '\0';
		strcpy(status->why, "registered outside of this container");
	} else if (!in_empty_root && !strchr(entry->flags, 'F')) {
		status->state = PLATFORM_UNPINNED;
		snprintf(status->why, sizeof(status->why),
			 "entry %s lacks flag F, so it does not work in containers: try 'mpemu "
			 "setup'",
			 entry->name);
	}
}

/** It was taken and did not do. */
static void conclude_broken(const struct entry *entry, const struct probe *probe,
			    struct platform_status *status)
{
	status->state = PLATFORM_BROKEN;
	if (entry && probe->error == ENOENT)
		snprintf(status->why, sizeof(status->why),
			 "entry %s: interpreter %.100s is not there: try 'mpemu setup'",
			 entry->name, entry->interpreter);
	else
		strcpy(status->why, probe->why);
}

/** Nothing took the program. */
static void conclude_absent(const struct entry *off, struct platform_status *status)
{
	if (!status->interpreter[0]) {
		status->state = PLATFORM_UNAVAILABLE;
	} else if (off) {
		status->state = PLATFORM_BROKEN;
		snprintf(status->why, sizeof(status->why),
			 "entry %s is disabled or for other programs: try 'mpemu setup'",
			 off->name);
	} else {
		status->state = PLATFORM_INSTALLED;
		strcpy(status->why, "installed, not registered: try 'mpemu setup'");
	}
}

/**
 * Run the program as in a container; where that root cannot be made, or where an entry without
 * flag F may be to blame, in this root.
 */
static result try_program(const struct program *program, const struct entry *entry,
			  struct probe *probe, bool *in_empty_root, struct error *err)
{
	struct probe here;

	*in_empty_root = true;
	if (probe_run(program, PROBE_EMPTY_ROOT, probe, err))
		return FAILED;
	if (probe->verdict != PROBE_IMPOSSIBLE &&
	    (probe->verdict != PROBE_NOT_STARTED || !entry || strchr(entry->flags, 'F')))
		return OK;
	if (probe_run(program, PROBE_THIS_ROOT, &here, err))
		return FAILED;
	*in_empty_root = false;
	*probe = here;
	return OK;
}

result examine(const struct misc *misc, const struct platform *platform, const char *qemu_dir,
	       struct platform_status *out, int *verdict, struct error *err)
{
	const struct emulator *emulator = emulator_for(platform);
	const struct entry *entry;
	struct program program;
	struct probe probe;
	bool in_empty_root;

	*out = (struct platform_status){ .platform = *platform };
	if (!emulator || emulator == emulator_host() || !program_make(emulator, &program)) {
		out->state = platform_is_native(platform) ? PLATFORM_NATIVE : PLATFORM_UNAVAILABLE;
		if (out->state == PLATFORM_UNAVAILABLE)
			strcpy(out->why, "this CPU cannot, and no emulator is known for it");
		return OK;
	}
	entry = misc_match(misc, program.elf, program.length, emulator->name);
	if (try_program(&program, entry, &probe, &in_empty_root, err))
		return FAILED;
	if (verdict)
		*verdict = (int)probe.verdict;
	if (probe.verdict == PROBE_RAN && !entry && host_may_run(emulator)) {
		out->state = PLATFORM_NATIVE;
		return OK;
	}
	out->emulator = emulator;
	describe(entry, emulator, qemu_dir, out);
	if (probe.verdict == PROBE_RAN) {
		conclude_ran(entry, in_empty_root, out);
	} else if (entry || probe.verdict != PROBE_NOT_STARTED) {
		conclude_broken(entry, &probe, out);
	} else {
		conclude_absent(misc_find(misc, emulator->name), out);
	}
	return OK;
}

result platform_examine(const struct platform *platform, struct platform_status *out,
			struct error *err)
{
	return platforms_examine(platform, 1, out, err);
}

struct examination {
	const struct misc *misc;
	const struct platform *platforms;
	struct platform_status *statuses;
	struct error *errors;
};

/** What is installed may do without any registration of the host's: try it so. */
static result try_private(struct platform_status *status, struct error *err)
{
	char rule[BINFMT_RULE_MAX], flags[16];
	struct program program;
	struct probe probe;

	if (status->state != PLATFORM_INSTALLED || !binfmt_private_supported() ||
	    !program_make(status->emulator, &program))
		return OK;
	binfmt_flags(false, flags);
	if (binfmt_rule(status->emulator, status->interpreter, flags, rule, err) ||
	    probe_run_private(&program, rule, &probe, err))
		return FAILED;
	if (probe.verdict == PROBE_RAN) {
		status->state = PLATFORM_READY;
		status->why[0] = '\0';
	} else if (probe.verdict != PROBE_IMPOSSIBLE) {
		status->state = PLATFORM_BROKEN;
		strcpy(status->why, probe.why);
	}
	return OK;
}

/** The first platform that has the same emulator; its answer, probe and version serve all. */
static size_t first_alike(const struct platform *platforms, size_t i)
{
	const struct emulator *emulator = emulator_for(&platforms[i]);
	size_t first = 0;

	/* Levels of the host's own CPU have one answer each. */
	if (!emulator || emulator == emulator_host())
		return i;
	while (emulator_for(&platforms[first]) != emulator)
		first++;
	return first;
}

static void examine_one(size_t i, void *arg)
{
	struct examination *all = arg;

	/* The fault in errors[i] tells whether it failed. */
	if (first_alike(all->platforms, i) == i &&
	    examine(all->misc, &all->platforms[i], NULL, &all->statuses[i], NULL,
		    &all->errors[i]) == OK)
		(void)try_private(&all->statuses[i], &all->errors[i]);
}

result platforms_examine(const struct platform *platforms, size_t count,
			 struct platform_status *out, struct error *err)
{
	owned(misc) struct misc misc = { .dir_fd = -1 };
	struct examination all = { &misc, platforms, out, NULL };
	result status = OK;

	if (misc_open(false, &misc, err))
		return FAILED;
	all.errors = xcalloc(count, sizeof(*all.errors));
	parallel_do(count, examine_one, &all);
	for (size_t i = 0; i < count && status == OK; i++) {
		out[i] = out[first_alike(platforms, i)];
		out[i].platform = platforms[i];
		if (all.errors[i].fault != FAULT_NONE) {
			*err = all.errors[i];
			status = FAILED;
		}
	}
	free(all.errors);
	return status;
}
