/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu setup`: what is registered, what should be, the difference, and the proof.
 *
 * Names are the usual ones ("qemu-aarch64"), which Debian, Docker and QEMU's own script use as
 * well: an entry of such a name is replaced where it differs.  Entries of other names are never
 * touched, only reported.
 */
#include "binfmt/elf.h"
#include "binfmt/examine.h"
#include "binfmt/parallel.h"
#include "binfmt/persist.h"
#include "binfmt/probe.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** What should be registered for one item. */
struct target {
	char path[PATH_MAX]; /* "" where the emulator is not installed */
	char flags[16];
};

struct setup {
	const struct setup_request *request;
	struct setup_item *items;
	struct target *targets;
	size_t count;
	struct misc misc;
};

static void setup_drop(struct setup *setup)
{
	free(setup->targets);
	misc_drop(&setup->misc);
}

static bool same_file(const char *a, const char *b)
{
	struct stat one, other;

	return strcmp(a, b) == 0 || (stat(a, &one) == 0 && stat(b, &other) == 0 &&
				     one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}

/**
 * With F the kernel holds the file that was there when the rule was written: after an upgrade of
 * the emulator it would go on with the old one.
 */
static bool is_outdated(const struct entry *entry)
{
	struct stat file;

	return strchr(entry->flags, 'F') && stat(entry->interpreter, &file) == 0 &&
	       (file.st_ctim.tv_sec > entry->registered.tv_sec ||
		(file.st_ctim.tv_sec == entry->registered.tv_sec &&
		 file.st_ctim.tv_nsec > entry->registered.tv_nsec));
}

/** How an entry differs from what it should be; false where it does not. */
static bool find_difference(const struct entry *entry, const struct emulator *emulator,
			    const struct target *target, char reason[256])
{
	if (!entry->enabled)
		strcpy(reason, "was disabled");
	else if (!entry_is_for(entry, emulator))
		strcpy(reason, "magic or mask differed");
	else if (!same_file(entry->interpreter, target->path))
		snprintf(reason, 256, "was %.200s", entry->interpreter);
	else if (strcmp(entry->flags, target->flags) != 0)
		snprintf(reason, 256, "had flags %s", entry->flags[0] ? entry->flags : "none");
	else if (is_outdated(entry))
		strcpy(reason, "the emulator was updated since");
	else
		return false;
	return true;
}

/** Name the enabled entries that take the same programs: which of two wins is up to chance. */
static void find_others(const struct misc *misc, struct setup_item *item)
{
	struct program program;
	size_t length = 0;

	if (!program_make(item->emulator, &program))
		return;
	for (size_t i = 0; i < misc->count; i++) {
		const struct entry *entry = &misc->entries[i];

		if (!entry->enabled || strcmp(entry->name, item->emulator->name) == 0 ||
		    !entry_matches(entry, program.elf, program.length))
			continue;
		length += (size_t)snprintf(item->others + length, sizeof(item->others) - length,
					   "%s%s", length ? ", " : "", entry->name);
		if (length >= sizeof(item->others))
			return;
	}
}

/** Whether the CPU runs it, so that an entry would only slow it down. */
static bool needs_nothing(const struct setup *setup, const struct setup_item *item)
{
	struct platform platform = emulator_platform(item->emulator);

	if (item->emulator == emulator_host())
		return true;
	return host_may_run(item->emulator) && !misc_find(&setup->misc, item->emulator->name) &&
	       platform_is_native(&platform);
}

static void plan_item(const struct setup *setup, size_t i)
{
	struct setup_item *item = &setup->items[i];
	struct target *target = &setup->targets[i];
	const struct entry *entry = misc_find(&setup->misc, item->emulator->name);
	struct error missing;

	find_others(&setup->misc, item);
	if (setup->request->verb == SETUP_UNDO) {
		item->action = entry ? SETUP_REMOVE : SETUP_NONE;
		return;
	}
	if (needs_nothing(setup, item))
		return;
	if (emulator_find(item->emulator, setup->request->qemu_dir, target->path, &missing))
		return; /* unless an entry works all the same; examined later */
	binfmt_flags(setup->request->credentials, target->flags);
	if (!entry)
		item->action = SETUP_ADD;
	else if (find_difference(entry, item->emulator, target, item->reason))
		item->action = SETUP_REPLACE;
}

static result act(const struct setup *setup, size_t i, struct error *err)
{
	const struct setup_item *item = &setup->items[i];
	const struct target *target = &setup->targets[i];
	char rule[BINFMT_RULE_MAX];

	if (item->action == SETUP_NONE)
		return OK;
	/* The rule first: what cannot be replaced stays. */
	if (item->action != SETUP_REMOVE &&
	    binfmt_rule(item->emulator, target->path, target->flags, rule, err))
		return FAILED;
	if (item->action != SETUP_ADD && misc_remove(&setup->misc, item->emulator->name, err))
		return FAILED;
	return item->action == SETUP_REMOVE ? OK : misc_register(&setup->misc, rule, err);
}

/** An item that runs, or that nobody asked for, is well. */
static void judge(const struct setup *setup, struct setup_item *item)
{
	const struct platform_status *status = &item->status;
	char text[PLATFORM_TEXT_MAX];

	if (item->error.fault != FAULT_NONE || status->state == PLATFORM_NATIVE ||
	    status->state == PLATFORM_EMULATED)
		return;
	if (status->state == PLATFORM_UNAVAILABLE) {
		if (!setup->request->all)
			(void)fail(&item->error, FAULT_MISSING, "%s: %s",
				   platform_text(&status->platform, text), status->why);
	} else if (!setup->request->dry_run || item->action == SETUP_NONE) {
		(void)fail(&item->error, FAULT_SYSTEM, "%s: %s",
			   platform_text(&status->platform, text), status->why);
	}
}

static void examine_item(size_t i, void *arg)
{
	const struct setup *setup = arg;
	struct setup_item *item = &setup->items[i];
	struct target *target = &setup->targets[i];
	struct platform platform = emulator_platform(item->emulator);
	const char *dir = setup->request->qemu_dir;
	struct error error = {};
	int verdict = PROBE_RAN;

	if (examine(&setup->misc, &platform, dir, &item->status, &verdict, &error))
		goto failed;
	/* An emulator older than flag P: do without. */
	if (verdict == PROBE_SHIFTED && item->action != SETUP_NONE && !setup->request->dry_run &&
	    target->flags[0] == 'P') {
		memmove(target->flags, target->flags + 1, strlen(target->flags));
		item->action = SETUP_REPLACE;
		if (act(setup, i, &error) ||
		    examine(&setup->misc, &platform, dir, &item->status, NULL, &error))
			goto failed;
		strcpy(item->status.flags, target->flags);
	}
	judge(setup, item);
	return;
failed:
	if (item->error.fault == FAULT_NONE)
		item->error = error;
}

static result reopen(struct setup *setup, bool mount_it, struct error *err)
{
	misc_drop(&setup->misc);
	setup->misc.dir_fd = -1;
	return misc_open(mount_it, &setup->misc, err);
}

/** All that changes the system; one write after the other takes less than a millisecond each. */
static result apply(const struct ctx *ctx, struct setup *setup, struct error *err)
{
	if (setup->request->verb == SETUP_APPLY && misc_enable(&setup->misc, err))
		return FAILED;
	for (size_t i = 0; i < setup->count; i++) {
		struct setup_item *item = &setup->items[i];

		if (cancel_check(ctx, err))
			return FAILED;
		if (act(setup, i, &item->error))
			(void)fail_in(&item->error, "%s", item->emulator->name);
	}
	return reopen(setup, false, err);
}

static result persist(const struct setup *setup, struct error *err)
{
	owned(strings) struct strings lines = {};
	bool undo = setup->request->verb == SETUP_UNDO;

	for (size_t i = 0; i < setup->count; i++) {
		const struct target *target = &setup->targets[i];
		char rule[BINFMT_RULE_MAX];

		if (undo) {
			strings_add(&lines, setup->items[i].emulator->name);
		} else if (target->path[0]) {
			if (binfmt_rule(setup->items[i].emulator, target->path, target->flags, rule,
					err))
				return FAILED;
			strings_add(&lines, rule);
		}
	}
	return undo ? persist_remove(BINFMT_PERSIST_PATH, &lines, err)
		    : persist_write(BINFMT_PERSIST_PATH, &lines, err);
}

result binfmt_setup(const struct ctx *ctx, const struct setup_request *request,
		    struct setup_item *items, size_t count, struct error *err)
{
	bool changes = request->verb != SETUP_CHECK && !request->dry_run;
	owned(setup) struct setup setup = {
		.request = request,
		.items = items,
		.targets = xcalloc(count, sizeof(struct target)),
		.count = count,
		.misc = { .dir_fd = -1 },
	};

	if (changes && geteuid() != 0)
		return fail(err, FAULT_PRIVILEGE,
			    "registering emulators needs root: try 'sudo mpemu setup'%s",
			    binfmt_private_supported()
				    ? " (builds do not need it: they register their own)"
				    : "");
	if (reopen(&setup, changes && request->verb == SETUP_APPLY, err))
		return FAILED;
	for (size_t i = 0; i < count; i++)
		plan_item(&setup, i);
	if (changes && setup.misc.dir_fd >= 0 && apply(ctx, &setup, err))
		return FAILED;
	if (request->verb != SETUP_UNDO)
		parallel_do(count, examine_item, &setup);
	if (changes && request->persist)
		return persist(&setup, err);
	return OK;
}
