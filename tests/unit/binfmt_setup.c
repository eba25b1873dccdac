/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Setup against a binfmt_misc of the test's own: each test enters a user namespace, and nothing of
 * the host is touched.
 */
#include "binfmt/examine.h"
#include "binfmt/userns.h"

#include "tests/tap.h"

#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

/** Enter a namespace with a fresh instance at MISC_PATH. */
static void enter(void)
{
	struct userns userns = userns_plan();
	struct error err = {};
	char path[PATH_MAX];

	if (!binfmt_private_supported())
		tap_skip("no binfmt_misc in user namespaces");
	CHECK(userns_make(&userns) == 0);
	CHECK(mount("binfmt_misc", MISC_PATH, "binfmt_misc", 0, NULL) == 0);
	if (emulator_find(&emulators(&(size_t){ 0 })[2], NULL, path, &err))
		tap_skip("no emulator is installed");
}

static const struct emulator *by_arch(const char *arch)
{
	struct platform platform = { .os = "linux" };

	strcpy(platform.arch, arch);
	return emulator_for(&platform);
}

static struct setup_item set_up(const char *arch, struct setup_request request)
{
	struct setup_item item = { .emulator = by_arch(arch) };
	struct error err = {};

	tap_check(binfmt_setup(NULL, &request, &item, 1, &err) == OK, __FILE__, __LINE__, "%s: %s",
		  arch, err.text);
	return item;
}

static void register_raw(const char *rule)
{
	struct misc misc = {};
	struct error err = {};

	CHECK(misc_open(true, &misc, &err) == OK);
	tap_check(misc_register(&misc, rule, &err) == OK, __FILE__, __LINE__, "%s", err.text);
	misc_drop(&misc);
}

static void register_emulator(const char *arch, const char *path, const char *flags)
{
	char rule[BINFMT_RULE_MAX], found[PATH_MAX];
	struct error err = {};

	if (!path)
		CHECK(emulator_find(by_arch(arch), NULL, found, &err) == OK);
	CHECK(binfmt_rule(by_arch(arch), path ? path : found, flags, rule, &err) == OK);
	register_raw(rule);
}

static bool has_entry(const char *name, struct entry *out)
{
	struct misc misc = {};
	struct error err = {};
	const struct entry *entry;

	CHECK(misc_open(false, &misc, &err) == OK);
	entry = misc_find(&misc, name);
	if (entry && out)
		*out = *entry;
	misc_drop(&misc);
	return entry != NULL;
}

static void switch_off(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), MISC_PATH "/%s", name);
	file = fopen(path, "we");
	if (!CHECK(file != NULL))
		return;
	CHECK(fputs("0", file) >= 0);
	CHECK(fclose(file) == 0);
}

TEST(setup_registers_and_proves)
{
	struct setup_item item;
	struct entry entry;

	enter();
	item = set_up("arm64", (struct setup_request){});
	CHECK(item.action == SETUP_ADD);
	CHECK(item.status.state == PLATFORM_EMULATED);
	CHECK(item.error.fault == FAULT_NONE);
	CHECK(item.status.version[0] != '\0');
	CHECK(has_entry("qemu-aarch64", &entry));
	CHECK(strchr(entry.flags, 'F') && strchr(entry.flags, 'O') && !strchr(entry.flags, 'C'));
	CHECK(entry_is_for(&entry, by_arch("arm64")));
}

TEST(setup_twice_changes_nothing)
{
	struct setup_item item;

	enter();
	(void)set_up("arm64", (struct setup_request){});
	item = set_up("arm64", (struct setup_request){});
	CHECK(item.action == SETUP_NONE);
	CHECK(item.status.state == PLATFORM_EMULATED);
}

TEST(setup_of_all_emulators_makes_all_that_are_installed_run)
{
	struct setup_request request = { .all = true };
	struct setup_item items[64] = {};
	struct error err = {};
	size_t count;
	const struct emulator *known = emulators(&count);

	enter();
	for (size_t i = 0; i < count; i++)
		items[i].emulator = &known[i];
	CHECK(binfmt_setup(NULL, &request, items, count, &err) == OK);
	for (size_t i = 0; i < count; i++)
		tap_check(items[i].error.fault == FAULT_NONE, __FILE__, __LINE__, "%s: %s",
			  known[i].name, items[i].error.text);
	CHECK(!has_entry(emulator_host()->name, NULL));
	if (strcmp(emulator_host()->name, "qemu-x86_64") == 0)
		CHECK(!has_entry("qemu-i386", NULL) || items[1].status.state == PLATFORM_EMULATED);
}

TEST(a_stale_entry_is_replaced)
{
	struct setup_item item;
	struct entry entry;

	enter();
	register_emulator("arm64", "/bin/true", "OF");
	item = set_up("arm64", (struct setup_request){});
	CHECK(item.action == SETUP_REPLACE);
	CHECK_STR(item.reason, "was /bin/true");
	CHECK(item.status.state == PLATFORM_EMULATED);

	register_emulator("riscv64", NULL, "");
	item = set_up("riscv64", (struct setup_request){});
	CHECK(item.action == SETUP_REPLACE);
	CHECK_STR(item.reason, "had flags none");
	CHECK(item.status.state == PLATFORM_EMULATED);

	switch_off("qemu-riscv64");
	item = set_up("riscv64", (struct setup_request){});
	CHECK(item.action == SETUP_REPLACE);
	CHECK_STR(item.reason, "was disabled");

	register_raw(":qemu-s390x:M::nothing at all::/bin/true:");
	item = set_up("s390x", (struct setup_request){});
	CHECK(item.action == SETUP_REPLACE);
	CHECK(item.status.state == PLATFORM_EMULATED);
	CHECK(has_entry("qemu-s390x", &entry) && entry_is_for(&entry, by_arch("s390x")));
}

TEST(credentials_are_a_choice)
{
	struct entry entry;

	enter();
	(void)set_up("arm64", (struct setup_request){ .credentials = true });
	CHECK(has_entry("qemu-aarch64", &entry) && strchr(entry.flags, 'C'));
	CHECK(set_up("arm64", (struct setup_request){}).action == SETUP_REPLACE);
	CHECK(has_entry("qemu-aarch64", &entry) && !strchr(entry.flags, 'C'));
}

TEST(entries_of_other_names_are_told_and_left)
{
	char path[PATH_MAX], rule[BINFMT_RULE_MAX], other[BINFMT_RULE_MAX];
	struct setup_item item;
	struct error err = {};

	enter();
	CHECK(emulator_find(by_arch("arm64"), NULL, path, &err) == OK);
	CHECK(binfmt_rule(by_arch("arm64"), path, "OF", rule, &err) == OK);
	snprintf(other, sizeof(other), ":box%.1800s", rule + strlen(":qemu"));
	register_raw(other);
	item = set_up("arm64", (struct setup_request){});
	CHECK_STR(item.others, "box-aarch64");
	CHECK(item.status.state == PLATFORM_EMULATED);
	(void)set_up("arm64", (struct setup_request){ .verb = SETUP_UNDO });
	CHECK(!has_entry("qemu-aarch64", NULL));
	CHECK(has_entry("box-aarch64", NULL));
	CHECK(set_up("arm64", (struct setup_request){ .verb = SETUP_UNDO }).action == SETUP_NONE);
}

TEST(a_dry_run_and_a_check_change_nothing)
{
	struct setup_item item;

	enter();
	item = set_up("arm64", (struct setup_request){ .dry_run = true });
	CHECK(item.action == SETUP_ADD && item.error.fault == FAULT_NONE);
	CHECK(!has_entry("qemu-aarch64", NULL));
	item = set_up("arm64", (struct setup_request){ .verb = SETUP_CHECK });
	CHECK(item.status.state == PLATFORM_INSTALLED && item.error.fault == FAULT_SYSTEM);
	CHECK(!has_entry("qemu-aarch64", NULL));
	(void)set_up("arm64", (struct setup_request){});
	item = set_up("arm64", (struct setup_request){ .verb = SETUP_CHECK });
	CHECK(item.error.fault == FAULT_NONE);
}

TEST(an_emulator_that_is_missing_fails_only_where_it_was_asked_for)
{
	struct setup_item item;

	enter();
	item = set_up("arm64", (struct setup_request){ .qemu_dir = "/var/empty/nothing" });
	CHECK(item.error.fault == FAULT_MISSING);
	item = set_up("arm64",
		      (struct setup_request){ .qemu_dir = "/var/empty/nothing", .all = true });
	CHECK(item.error.fault == FAULT_NONE);
	CHECK(item.status.state == PLATFORM_UNAVAILABLE);
	/* One that works does not need its file here: a container may have brought it. */
	(void)set_up("arm64", (struct setup_request){});
	item = set_up("arm64", (struct setup_request){ .qemu_dir = "/var/empty/nothing" });
	CHECK(item.error.fault == FAULT_NONE);
	CHECK(item.status.state == PLATFORM_EMULATED);
}

TEST(an_entry_without_flag_f_is_unpinned)
{
	struct platform_status status;
	struct platform arm64 = { "linux", "arm64", "" };
	struct error err = {};

	enter();
	register_emulator("arm64", NULL, "O");
	CHECK(platform_examine(&arm64, &status, &err) == OK);
	CHECK(status.state == PLATFORM_UNPINNED);
	CHECK(strstr(status.why, "flag F") != NULL);
	CHECK_STR(status.entry, "qemu-aarch64");
}

TEST(an_entry_that_does_not_do_is_broken)
{
	struct platform_status status;
	struct platform riscv64 = { "linux", "riscv64", "" };
	struct error err = {};
	char path[PATH_MAX];

	enter();
	CHECK(emulator_find(by_arch("arm64"), NULL, path, &err) == OK);
	register_emulator("riscv64", path, "POF");
	CHECK(platform_examine(&riscv64, &status, &err) == OK);
	CHECK(status.state == PLATFORM_BROKEN);
	CHECK(status.why[0] != '\0');
}

TEST(what_is_installed_is_ready_where_namespaces_have_their_own_binfmt)
{
	struct platform_status status;
	struct platform arm64 = { "linux", "arm64", "" }, wasm = { "linux", "wasm", "" };
	struct error err = {};

	enter();
	CHECK(platform_examine(&arm64, &status, &err) == OK);
	CHECK(status.state == PLATFORM_READY);
	CHECK(platform_examine(&wasm, &status, &err) == OK);
	CHECK(status.state == PLATFORM_UNAVAILABLE && status.why[0] != '\0');
}

TEST(setup_without_root_says_so)
{
	struct setup_request request = {};
	struct setup_item item = { .emulator = by_arch("arm64") };
	struct error err = {};

	if (geteuid() == 0 && seteuid(65534) < 0)
		tap_skip("cannot become somebody else");
	CHECK(binfmt_setup(NULL, &request, &item, 1, &err) == FAILED);
	CHECK(seteuid(getuid()) == 0); /* a leak checker looks at us at the end */
	CHECK(err.fault == FAULT_PRIVILEGE);
	CHECK(strstr(err.text, "sudo mpemu setup") != NULL);
}
