/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/prepare.h"
#include "sandbox/caps.h"
#include "sandbox/rights.h"

#include "base/mem.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const char *const device_names[] = { "null", "zero", "full", "random", "urandom", "tty" };

static const struct {
	const char *name, *target;
} device_links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },          { "core", "/proc/kcore" },
};

/** File systems below /dev. */
static const struct {
	const char *name, *type;
	uint64_t attributes;
	const char *options[9];
} device_mounts[] = {
	{ "pts",
	  "devpts",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	  { "source", "devpts", "ptmxmode", "0666", "mode", "0620", "gid", "5" } },
	{ "shm", "tmpfs", ATTRIBUTES_SYSTEM, { "source", "shm", "mode", "1777", "size", "64m" } },
	{ "mqueue", "mqueue", ATTRIBUTES_SYSTEM, { "source", "mqueue" } },
};

/** The group of terminals, where there is such an id: the last pair of the first options above. */
enum { TERMINAL_GROUP = 5, TERMINAL_GROUP_OPTION = 6 };

/** Of the host, whoever looks: hidden where the kernel has them. */
static const char *const masked[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	/* The host's are none of the sandbox's; its own sysfs has none. */
	"/sys/fs/cgroup",
};

/** Settings of the whole machine. */
static const char *const protected[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/** Mount points that every sandbox has. */
static const struct {
	const char *path;
	bool is_directory;
} points[] = {
	{ "/dev", true },        { "/proc", true }, { "/sys", true }, { "/etc/resolv.conf", false },
	{ "/etc/hosts", false },
};

static struct plan plan_new(void)
{
	struct plan plan = { .sandbox = xnew(struct sandbox) };

	plan.sandbox->arena = arena_new();
	plan.sandbox->slot_count = SLOT_FIRST_FREE;
	return plan;
}

/** Have the op that was added last fill a slot that all lists know. */
static int made_at(struct plan *plan, int slot)
{
	plan->sandbox->ops[plan->sandbox->op_count - 1].to = slot;
	return slot;
}

static void directory_add(struct plan *plan, int at, const char *what, const char *path)
{
	struct op *op = op_add(plan, OP_DIRECTORY, "%s: directory %s", what, path);

	op->at = at;
	op->path = path;
	op->mode = 0755;
}

static void attach_add(struct plan *plan, int from, int at, const char *what, const char *path)
{
	struct op *op = op_add(plan, OP_ATTACH, "mount %s", what);

	op->from = from;
	op->at = at;
	op->path = path;
}

struct realm_kind realm_kind_of(const struct sandbox_spec *spec)
{
	return (struct realm_kind){
		.shifted = spec->privilege->is_root,
		.network = spec->network,
		.id_count = spec->privilege->id_count,
		.rules = spec->binfmt_rules,
		.rule_count = spec->binfmt_rules ? spec->binfmt_rule_count : 0,
		.engine = spec->assist ? spec->assist->engine : spec->engine,
		.makes_devices = spec->makes_devices && spec->privilege->is_root,
	};
}

/* ---- the realm ---- */

/** Its own handlers for foreign programs; whoever holds the mount keeps them, nobody sees it. */
static void rules_add(struct plan *plan, const struct realm_kind *kind)
{
	if (!kind->rules)
		return;
	filesystem_add(plan, "binfmt_misc", NULL, ATTRIBUTES_SYSTEM);
	made_at(plan, SLOT_RULES);
	for (size_t i = 0; i < kind->rule_count; i++) {
		struct op *op = op_add(plan, OP_WRITE, "register %s", kind->rules[i]);

		op->at = SLOT_RULES;
		op->path = "register";
		op->data = keep(plan, kind->rules[i]);
		op->size = strlen(kind->rules[i]);
	}
}

/** A view of the host that the realm keeps. */
static void view_add(struct plan *plan, int root, const char *path)
{
	const char *name = path + 1;

	int mount = clone_add(plan, -1, path, 0, true);

	directory_add(plan, root, "realm", name);
	attach_add(plan, mount, root, path, name);
}

/**
 * The kernel shows a new proc or sysfs only beside an old one in full view.  Of the rest of the
 * host, a sandbox needs only six devices.
 */
static void realm_fill(struct plan *plan, const struct realm_kind *kind, int root)
{
	view_add(plan, root, "/proc");
	view_add(plan, root, "/sys");
	directory_add(plan, root, "realm", "tmp");
	directory_add(plan, root, "realm", "etc");
	directory_add(plan, root, "realm", "dev");
	if (kind->shifted) {
		attach_add(plan, SLOT_DEVICES, root, "devices", "dev");
		return;
	}
	for (size_t i = 0; i < countof(device_names); i++) {
		struct arena *arena = plan->sandbox->arena;
		const char *path = arena_printf(arena, "/dev/%s", device_names[i]);
		const char *name = path + 1;
		int node = clone_add(plan, -1, path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false);
		struct op *op = op_add(plan, OP_FILE, "realm: file %s", name);

		op->at = root;
		op->path = name;
		attach_add(plan, node, root, path, name);
	}
}

static void engine_add(struct plan *plan, int root)
{
	directory_add(plan, root, "realm", "engine");
	attach_add(plan, SLOT_ENGINE, root, "the engine", "engine");
}

static void loopback_add(struct plan *plan, const struct realm_kind *kind)
{
	op_add(plan, OP_LOOPBACK, "bring lo up")->data =
		arena_printf(plan->sandbox->arena, "0 %u", kind->id_count - 1);
}

struct sandbox *realm_compile(const struct realm_kind *kind)
{
	static const char *const options[] = { "source", "tmpfs", "mode", "0755", NULL };
	struct plan plan = plan_new();
	int root;

	op_add(&plan, OP_BECOME, "become root of the user namespace");
	if (kind->network == NETWORK_PRIVATE)
		loopback_add(&plan, kind);
	root = filesystem_add(&plan, "tmpfs", options, MOUNT_ATTR_NOSUID);
	/* Over a directory that every host has and no op looks at. */
	attach_add(&plan, root, -1, "the realm's root", "/etc");
	if (kind->engine)
		engine_add(&plan, root);
	/* With the host in view: the kernel opens emulators when they are registered. */
	rules_add(&plan, kind);
	realm_fill(&plan, kind, root);
	op_add(&plan, OP_ENTER, "enter the realm, leave the host's root")->at = root;
	return plan.sandbox;
}

/* ---- the blank ---- */

/**
 * A private tmpfs: places to attach things to, and the skeleton layer.  It covers a directory that
 * realms and hosts have and no op looks at.
 */
static void stage_add(struct plan *plan)
{
	static const char *const options[] = { "source", "tmpfs", "mode", "0700", NULL };
	static const char *const places[] = { "root", "layer", "files", "empty",
					      "dev",  "proc",  "sys" };

	filesystem_add(plan, "tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	made_at(plan, SLOT_STAGE);
	attach_add(plan, SLOT_STAGE, -1, "the stage", "/etc");
	for (size_t i = 0; i < countof(places); i++)
		directory_add(plan, SLOT_STAGE, "stage", places[i]);
	for (size_t i = 0; i < countof(points); i++)
		skeleton_add(plan, points[i].path, points[i].is_directory);
	strings_drop(&plan->skeleton);
}

static void device_attach(struct plan *plan, int from, const char *name)
{
	attach_add(plan, from, SLOT_DEV, arena_printf(plan->sandbox->arena, "/dev/%s", name), name);
}

static void device_nodes_add(struct plan *plan)
{
	for (size_t i = 0; i < countof(device_names); i++) {
		const char *path = arena_printf(plan->sandbox->arena, "/dev/%s", device_names[i]);
		/* They are shared with others: nobody shall change their looks. */
		int node =
			clone_add(plan, -1, path,
				  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY, false);
		struct op *op = op_add(plan, OP_FILE, "make /dev/%s", device_names[i]);

		op->at = SLOT_DEV;
		op->path = device_names[i];
		device_attach(plan, node, device_names[i]);
	}
	for (size_t i = 0; i < countof(device_links); i++) {
		struct op *op;

		/* Not every kernel has its memory there. */
		if (strcmp(device_links[i].name, "core") == 0 &&
		    access(device_links[i].target, F_OK) < 0)
			continue;
		op = op_add(plan, OP_LINK, "link /dev/%s to %s", device_links[i].name,
			    device_links[i].target);
		op->at = SLOT_DEV;
		op->path = device_links[i].name;
		op->data = device_links[i].target;
	}
}

static void devices_add(struct plan *plan, const struct realm_kind *kind)
{
	static const char *const whole[] = {
		"source", "tmpfs", "mode", "0755", "size", "64m", NULL
	};

	filesystem_add(plan, "tmpfs", whole,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME);
	made_at(plan, SLOT_DEV);
	attach_add(plan, SLOT_DEV, SLOT_STAGE, "/dev on the stage", "dev");
	device_nodes_add(plan);
	for (size_t i = 0; i < countof(device_mounts); i++) {
		const char *options[countof(device_mounts[i].options)];
		struct op *op = op_add(plan, OP_DIRECTORY, "make /dev/%s", device_mounts[i].name);

		op->at = SLOT_DEV;
		op->path = device_mounts[i].name;
		op->mode = 0755;
		memcpy(options, device_mounts[i].options, sizeof(options));
		if (kind->id_count <= TERMINAL_GROUP)
			options[TERMINAL_GROUP_OPTION] = NULL;
		device_attach(plan,
			      filesystem_add(plan, device_mounts[i].type, keep_list(plan, options),
					     device_mounts[i].attributes),
			      device_mounts[i].name);
	}
}

static void mask_add(struct plan *plan, int view, const char *path, const char *inside)
{
	struct op *op = op_add(plan, OP_MASK, "hide %s", path);

	op->from = SLOT_DEV;
	op->pair = SLOT_STAGE;
	op->attributes = ATTRIBUTES_SYSTEM | MOUNT_ATTR_RDONLY;
	op->at = view;
	op->path = inside;
}

static void protect_add(struct plan *plan, int view, const char *path, const char *inside)
{
	struct op *op = op_add(plan, OP_PROTECT, "protect %s", path);

	op->at = view;
	op->path = inside;
	op->attributes = ATTRIBUTES_SYSTEM | MOUNT_ATTR_RDONLY;
}

/** How often each CPU was too hot tells of what others do: of CPUs that count it, all do. */
static void throttles_mask(struct plan *plan)
{
	const long count = sysconf(_SC_NPROCESSORS_CONF);

	if (access("/sys/devices/system/cpu/cpu0/thermal_throttle", F_OK) < 0)
		return;
	for (long cpu = 0; cpu < count; cpu++) {
		const char *path =
			arena_printf(plan->sandbox->arena,
				     "/sys/devices/system/cpu/cpu%ld/thermal_throttle", cpu);

		mask_add(plan, SLOT_SYS, path, path + strlen("/sys"));
	}
}

/** Hide what is not for sandboxes below `top`, which is in the slot `view`. */
static void restrict_add(struct plan *plan, const char *top, int view)
{
	size_t length = strlen(top);

	for (size_t i = 0; i < countof(masked); i++) {
		if (starts_with(masked[i], top))
			mask_add(plan, view, masked[i], masked[i] + length);
	}
	for (size_t i = 0; i < countof(protected); i++) {
		if (starts_with(protected[i], top))
			protect_add(plan, view, protected[i], protected[i] + length);
	}
}

static void proc_add(struct plan *plan)
{
	static const char *const options[] = { "source", "proc", NULL };

	filesystem_add(plan, "proc", options, ATTRIBUTES_SYSTEM);
	made_at(plan, SLOT_PROC);
	attach_add(plan, SLOT_PROC, SLOT_STAGE, "/proc on the stage", "proc");
}

static void sys_add(struct plan *plan, enum network network)
{
	static const char *const options[] = { "source", "sysfs", NULL };
	const uint64_t attributes = ATTRIBUTES_SYSTEM | MOUNT_ATTR_RDONLY;

	if (network == NETWORK_HOST)
		clone_add(plan, -1, "/sys", attributes, true);
	else
		filesystem_add(plan, "sysfs", options, attributes);
	made_at(plan, SLOT_SYS);
	attach_add(plan, SLOT_SYS, SLOT_STAGE, "/sys on the stage", "sys");
	restrict_add(plan, "/sys", SLOT_SYS);
	throttles_mask(plan);
}

/**
 * Nearly all sandboxes have the same filter: with another one, or more capabilities, they make
 * another main process.
 */
static void main_add(struct plan *plan, const struct realm_kind *kind)
{
	enum filter_kind which = filter_kind_of(kind->rules, kind->makes_devices);
	const struct filter *filter;
	struct error ignored;
	size_t at = plan->sandbox->op_count;

	if (filter_get(which, &filter, &ignored))
		return;
	op_add(plan, OP_MAIN, "make the main process, which waits when it has done this:");
	inheritance_drop(plan);
	bound_add(plan, capabilities_default());
	scope_add(plan);
	filter_add(plan, filter, kind->makes_devices, "");
	plan->sandbox->ops[at].count = plan->sandbox->op_count - at - 1;
}

/** In the order of every runtime's default list: /proc, /dev, /sys. */
static void blank_fill(struct plan *plan, const struct realm_kind *kind)
{
	if (kind->network == NETWORK_NONE)
		loopback_add(plan, kind);
	stage_add(plan);
	proc_add(plan);
	devices_add(plan, kind);
	/* Masks are clones of /dev/null. */
	restrict_add(plan, "/proc", SLOT_PROC);
	sys_add(plan, kind->network);
}

struct sandbox *blank_compile(const struct realm_kind *kind)
{
	struct plan plan = plan_new();

	op_add(&plan, OP_BECOME, "become the first process");
	blank_fill(&plan, kind);
	main_add(&plan, kind);
	return plan.sandbox;
}

struct sandbox *lone_compile(const struct realm_kind *kind)
{
	struct plan plan = plan_new();

	op_add(&plan, OP_BECOME, "become root of the user namespace");
	op_add(&plan, OP_QUEUES, "message queues of its own");
	if (kind->network == NETWORK_PRIVATE)
		loopback_add(&plan, kind);
	if (kind->engine) {
		int root = filesystem_add(&plan, "tmpfs", NULL, MOUNT_ATTR_NOSUID);

		attach_add(&plan, root, -1, "a place for the engine", "/etc");
		engine_add(&plan, root);
	}
	rules_add(&plan, kind);
	if (kind->shifted)
		attach_add(&plan, SLOT_DEVICES, -1, "devices", "/dev");
	blank_fill(&plan, kind);
	main_add(&plan, kind);
	return plan.sandbox;
}

unsigned long blank_namespaces(enum network network)
{
	return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
	       (network == NETWORK_NONE ? CLONE_NEWNET : 0);
}

void skeleton_inherit(struct plan *plan)
{
	for (size_t i = 0; i < countof(points); i++) {
		strings_add(&plan->skeleton, points[i].path);
		if (!points[i].is_directory && !strings_have(&plan->skeleton, "/etc"))
			strings_add(&plan->skeleton, "/etc");
	}
}
