/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Every target is looked up inside the root by openat2(), so no link of the image leads a mount
 * astray, and every mount is handed over by descriptor, so nothing can change in between.
 */
#include "sandbox/compile_root.h"
#include "sandbox/device.h"
#include "sandbox/network.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Attach a mount to a new directory of the stage: only what is attached can be looked into. */
static void stage_attach(struct plan *plan, int from, const char *what, const char *place)
{
	struct op *op = op_add(plan, OP_DIRECTORY, "stage: directory %s", place);

	op->at = SLOT_STAGE;
	op->path = place;
	op->mode = 0700;
	op = op_add(plan, OP_ATTACH, "mount %s on the stage", what);
	op->from = from;
	op->at = SLOT_STAGE;
	op->path = place;
}

/** "dir/name": a descriptor of the layer directory goes to `slot`. */
static void layer_open(struct plan *plan, const char *path, bool is_written, int slot)
{
	struct sandbox *sandbox = plan->sandbox;
	const char *slash = strrchr(path, '/');
	owned(str) char *parent = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	struct op *op;
	size_t at;

	for (at = 0; at < plan->store_count && strcmp(plan->stores[at].path, parent) != 0; at++)
		;
	if (at == plan->store_count) {
		int from = source_add(plan, parent, true, MOUNT_ATTR_NODEV);

		array_grow(plan->stores, plan->store_count);
		plan->stores[plan->store_count++] =
			(struct store_place){ keep(plan, parent), from };
		stage_attach(plan, from, parent,
			     arena_printf(plan->sandbox->arena, "store-%zu", at));
	}
	op = op_add(plan, OP_OPEN, "open layer %s", path);
	op->at = plan->stores[at].slot;
	op->path = keep(plan, slash + 1);
	op->to = slot;
	array_grow(sandbox->layers, sandbox->layer_count);
	sandbox->layers[sandbox->layer_count++] =
		(struct layer_dir){ keep(plan, path), is_written };
}

void root_mount(struct plan *plan)
{
	const struct sandbox_spec *spec = plan->spec;
	int lowers = slots_new(plan, spec->lower_count + 1), upper = slots_new(plan, 2);
	struct op *op;

	for (size_t i = 0; i < spec->lower_count; i++)
		layer_open(plan, spec->lowers[i], false, lowers + (int)i);
	layer_open(plan, spec->upper, true, upper);
	layer_open(plan, spec->work, true, upper + 1);
	op = op_add(plan, OP_OPEN, "open the skeleton");
	op->at = SLOT_STAGE;
	op->path = "layer";
	op->to = lowers + (int)spec->lower_count;
	op = op_add(plan, OP_OVERLAY, "new overlay of %zu layers", spec->lower_count);
	op->from = lowers;
	op->count = spec->lower_count + 1;
	op->pair = upper;
	op->attributes = MOUNT_ATTR_NODEV;
	op->to = plan->root = slots_new(plan, 1);
	op = op_add(plan, OP_ATTACH, "mount the overlay on the stage");
	op->from = plan->root;
	op->at = SLOT_STAGE;
	op->path = "root";
}

void cover_add(struct plan *plan, int mount, const char *what, const char *path, unsigned cover)
{
	struct op *op = op_add(plan, OP_COVER, "mount %s on %s", what, path);

	op->from = mount;
	op->at = plan->root;
	op->path = keep(plan, path);
	op->cover = cover;
}

/** What the blank has made, moved to where the image has a place for it. */
void blank_use(struct plan *plan)
{
	cover_add(plan, SLOT_PROC, "proc", "/proc", COVER_DIRECTORY | COVER_PLAIN);
	cover_add(plan, SLOT_DEV, "tmpfs", "/dev", COVER_DIRECTORY | COVER_PLAIN);
	if (plan->spec->shm_size) {
		const char *options[] = {
			"source",
			"shm",
			"mode",
			"1777",
			"size",
			arena_printf(plan->sandbox->arena, "%llu", (unsigned long long)plan->spec->shm_size),
			NULL
		};

		cover_add(
			plan,
			filesystem_add(plan, "tmpfs", keep_list(plan, options), ATTRIBUTES_SYSTEM),
			"tmpfs", "/dev/shm", COVER_DIRECTORY | COVER_PLAIN);
	}
	cover_add(plan, SLOT_SYS, plan->spec->network == NETWORK_HOST ? "the host's /sys" : "sysfs",
		  "/sys", COVER_DIRECTORY | COVER_PLAIN);
}

/** A file of ours on the stage, seen at `path`. */
static void file_add(struct plan *plan, const char *path, const struct buf *content)
{
	const uint64_t attributes =
		ATTRIBUTES_SYSTEM | (plan->spec->may_edit_files ? 0 : MOUNT_ATTR_RDONLY);
	const char *name = arena_printf(plan->sandbox->arena, "files/%s", strrchr(path, '/') + 1);
	struct op *op = op_add(plan, OP_FILE, "write a new %s", path);
	int mount;

	op->at = SLOT_STAGE;
	op->path = name;
	op->data = arena_strndup(plan->sandbox->arena, buf_text(content), content->length);
	op->size = strlen(op->data);
	mount = clone_add(plan, SLOT_STAGE, name, attributes, false);
	cover_add(plan, mount, "it", path, 0);
}

/** From inside, this host's resolvers may be out of reach: the network's helper asks them. */
static void resolver_replace(struct buf *resolver)
{
	owned(strings) struct strings lines = {};

	strings_split(&lines, buf_text(resolver), '\n');
	buf_clear(resolver);
	buf_add_str(resolver, "nameserver " NETWORK_RESOLVER "\n");
	for (size_t i = 0; i < lines.count; i++) {
		const char *line = lines.items[i] + strspn(lines.items[i], " \t");

		if (*line && !starts_with(line, "nameserver"))
			buf_printf(resolver, "%s\n", line);
	}
}

/** Whether two lines begin with the same word. */
static bool same_word(const char *a, const char *b)
{
	size_t length = strcspn(a, " \t");

	return strcspn(b, " \t") == length && memcmp(a, b, length) == 0;
}

/** Lines that were asked for, behind those of this host that have other words. */
static void resolver_change(const struct sandbox_spec *spec, struct buf *resolver)
{
	owned(strings) struct strings lines = {};

	if (!spec->resolver_count)
		return;
	strings_split(&lines, buf_text(resolver), '\n');
	buf_clear(resolver);
	for (size_t i = 0; i < lines.count; i++) {
		const char *line = lines.items[i] + strspn(lines.items[i], " \t");
		bool replaced = !*line;

		/* An old word for a search of one domain. */
		if (same_word(line, "domain"))
			line = "search";
		for (size_t at = 0; at < spec->resolver_count; at++)
			replaced |= same_word(line, spec->resolver[at]);
		if (!replaced)
			buf_printf(resolver, "%s\n", lines.items[i]);
	}
	for (size_t i = 0; i < spec->resolver_count; i++) {
		if (strpbrk(spec->resolver[i], " \t"))
			buf_printf(resolver, "%s\n", spec->resolver[i]);
	}
}

void host_files_add(struct plan *plan, const char *hostname)
{
	enum { RESOLVER_FILE_MAX = 64 << 10 };
	owned(buf) struct buf resolver = {}, hosts = {}, name = {};
	struct error ignored;

	/* A machine without a resolver has none to offer. */
	if (read_file(AT_FDCWD, "/etc/resolv.conf", RESOLVER_FILE_MAX, &resolver, &ignored))
		buf_clear(&resolver);
	if (plan->spec->network == NETWORK_PRIVATE)
		resolver_replace(&resolver);
	resolver_change(plan->spec, &resolver);
	buf_printf(&hosts,
		   "127.0.0.1\tlocalhost%s%s\n"
		   "::1\tlocalhost ip6-localhost ip6-loopback\n",
		   strcmp(hostname, "localhost") ? " " : "",
		   strcmp(hostname, "localhost") ? hostname : "");
	for (size_t i = 0; i < plan->spec->host_count; i++)
		buf_printf(&hosts, "%s\n", plan->spec->hosts[i]);
	buf_printf(&name, "%s\n", hostname);
	file_add(plan, "/etc/resolv.conf", &resolver);
	file_add(plan, "/etc/hosts", &hosts);
	if (!plan->spec->leaves_hostname)
		file_add(plan, "/etc/hostname", &name);
}

static bool is_tmpfs(const struct bind *bind)
{
	return !bind->file && !bind->lowers && !bind->source;
}

/** An empty file system as the bind says; its slot. */
static int tmpfs_add(struct plan *plan, const struct bind *bind)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "size", bind->size },
		{ "nr_inodes", bind->inodes },
		{ "uid", bind->uid },
		{ "gid", bind->gid },
	};
	struct arena *arena = plan->sandbox->arena;
	const char *options[2 * countof(numbers) + 5] = { "source", "tmpfs" };
	size_t count = 2;

	options[count++] = "mode";
	options[count++] = arena_printf(arena, "%o", bind->mode ? bind->mode : 01777);
	for (size_t i = 0; i < countof(numbers); i++) {
		if (!numbers[i].value)
			continue;
		options[count++] = numbers[i].name;
		options[count++] =
			arena_printf(arena, "%llu", (unsigned long long)numbers[i].value);
	}
	options[count] = NULL;
	return filesystem_add(plan, "tmpfs", keep_list(plan, options),
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				      (bind->no_exec ? MOUNT_ATTR_NOEXEC : 0) |
				      (bind->read_only ? MOUNT_ATTR_RDONLY : 0));
}

/** A file of ours on the stage, as a mount; its slot. */
static int own_file_add(struct plan *plan, const struct bind *bind, size_t number)
{
	const struct bind_file *file = bind->file;
	const char *name = arena_printf(plan->sandbox->arena, "files/bind-%zu", number);
	struct op *op = op_add(plan, OP_FILE, "write a file for %s", bind->target);

	op->at = SLOT_STAGE;
	op->path = name;
	op->data = memcpy(arena_alloc(plan->sandbox->arena, file->size + 1),
			  file->size ? file->data : "", file->size);
	op->size = file->size;
	op->mode = file->mode;
	op->number = file->uid;
	op->count = file->gid;
	return clone_add(plan, SLOT_STAGE, name,
			 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				 (file->mode & 0111 ? 0 : MOUNT_ATTR_NOEXEC) |
				 (bind->read_only ? MOUNT_ATTR_RDONLY : 0),
			 false);
}

int view_add(struct plan *plan, const struct bind *bind, uint64_t attributes)
{
	int lowers = slots_new(plan, bind->lower_count + 1);
	int upper = bind->upper ? slots_new(plan, 2) : 0;
	struct op *op;

	for (size_t i = 0; i < bind->lower_count; i++)
		layer_open(plan, bind->lowers[i], false, lowers + (int)i);
	if (bind->upper) {
		layer_open(plan, bind->upper, true, upper);
		layer_open(plan, bind->work, true, upper + 1);
	}
	op = op_add(plan, OP_OPEN, "open the empty directory");
	op->at = SLOT_STAGE;
	op->path = "empty";
	op->to = lowers + (int)bind->lower_count;
	op = op_add(plan, OP_OVERLAY, "new overlay of %zu layers for %s", bind->lower_count,
		    bind->target);
	op->from = lowers;
	op->count = bind->lower_count + 1;
	op->pair = upper;
	op->attributes = attributes;
	return op->to = slots_new(plan, 1);
}

/** Only a part of the mount `whole`; its slot. */
static int inside_add(struct plan *plan, const struct bind *bind, int whole, size_t number,
		      uint64_t attributes)
{
	struct op *op;

	stage_attach(plan, whole, "a source",
		     arena_printf(plan->sandbox->arena, "bind-%zu", number));
	op = op_add(plan, OP_SUBTREE, "take %s inside it", bind->inside);
	op->at = whole;
	op->path = keep(plan, bind->inside);
	op->attributes = attributes;
	return op->to = slots_new(plan, 1);
}

/** A node for a device, as a mount; its slot. */
static int device_add(struct plan *plan, const struct bind *bind, size_t number)
{
	const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	const struct bind inside = { .target = bind->target, .inside = DEVICE_NODE };
	int whole = source_add(plan, bind->source, false, attributes);

	plan->sandbox->sources[plan->sandbox->source_count - 1].is_device = true;
	return inside_add(plan, &inside, whole, number, attributes);
}

static void bind_add(struct plan *plan, const struct bind_plan *known, size_t number)
{
	const struct bind *bind = known->bind;
	uint64_t attributes = MOUNT_ATTR_NODEV | (bind->read_only ? MOUNT_ATTR_RDONLY : 0);
	const char *what = bind->source ? bind->source : "tmpfs";
	int mount;

	if (bind->file) {
		mount = own_file_add(plan, bind, number);
		what = "it";
	} else if (bind->lowers) {
		mount = view_add(plan, bind, attributes);
		what = "it";
	} else if (bind->is_device) {
		mount = device_add(plan, bind, number);
	} else if (bind->source) {
		mount = source_add(plan, bind->source, false, attributes);
	} else {
		mount = tmpfs_add(plan, bind);
	}
	if (bind->inside && (bind->lowers || bind->source))
		mount = inside_add(plan, bind, mount, number, attributes);
	cover_add(plan, mount, what, known->target,
		  (known->is_directory ? COVER_DIRECTORY : 0) |
			  (is_tmpfs(bind) && !bind->mode ? COVER_MODE : 0));
}

/** What is wanted of one bind, checked. */
static result bind_check(const struct bind *bind, struct bind_plan *out, struct error *err)
{
	struct stat info;

	if (!bind->target || bind->target[0] != '/')
		return fail(err, FAULT_INPUT, "mount target '%s' is not absolute",
			    bind->target ? bind->target : "");
	out->bind = bind;
	out->target = path_absolute(bind->target);
	if (!out->target[1])
		return fail(err, FAULT_INPUT, "nothing can be mounted on /");
	out->is_directory = !bind->file && !(bind->inside && bind->inside_is_file);
	if (bind->file || bind->lowers || bind->inside || !bind->source)
		return OK;
	if (stat(bind->source, &info) < 0)
		return fail_sys(err, "mount source %s", bind->source);
	out->is_directory = S_ISDIR(info.st_mode);
	return OK;
}

static size_t depth(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

static void binds_sort(struct bind_plan *binds, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct bind_plan bind = binds[i];
		size_t at = i;

		for (; at && depth(binds[at - 1].target) > depth(bind.target); at--)
			binds[at] = binds[at - 1];
		binds[at] = bind;
	}
}

result binds_prepare(struct plan *plan, struct bind_plan *binds, struct error *err)
{
	for (size_t i = 0; i < plan->spec->bind_count; i++) {
		if (bind_check(&plan->spec->binds[i], &binds[i], err))
			return FAILED;
	}
	binds_sort(binds, plan->spec->bind_count);
	return OK;
}

/** By another view of /proc, which is attached nowhere and shows the namespaces that we are in. */
void sysctls_add(struct plan *plan)
{
	static const char *const options[] = { "source", "proc", NULL };
	int proc = plan->spec->sysctl_count
			   ? filesystem_add(plan, "proc", options, ATTRIBUTES_SYSTEM)
			   : 0;

	for (size_t i = 0; i < plan->spec->sysctl_count; i++) {
		const char *text = plan->spec->sysctls[i];
		const char *value = text + strcspn(text, "=");
		struct op *op = op_add(plan, OP_WRITE, "set /proc/sys/%s", text);

		op->at = proc;
		op->path =
			arena_printf(plan->sandbox->arena, "sys/%.*s", (int)(value - text), text);
		op->data = keep(plan, value + (*value == '='));
		op->size = strlen(op->data);
	}
}

void binds_add(struct plan *plan, const struct bind_plan *binds)
{
	for (size_t i = 0; i < plan->spec->bind_count; i++)
		bind_add(plan, &binds[i], i);
}
