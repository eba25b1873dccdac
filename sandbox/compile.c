/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From what is wanted to a list of operations.
 *
 * Three phases: with the host still in view, make mounts that are attached nowhere; put the root
 * together, every target looked up inside it; leave the host, fork the main process and give up
 * all that it shall not have.  Mount points of our own that the image lacks come from a skeleton,
 * the lowest layer of the root, so that nothing has to be made and removed for them.
 */
#include "sandbox/compile_root.h"

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/caps.h"
#include "sandbox/compile_assist.h"
#include "sandbox/compile_cgroup.h"
#include "sandbox/overlay.h"
#include "sandbox/prepare.h"
#include "sandbox/profile.h"
#include "sandbox/rights.h"
#include "sandbox/stack.h"
#include "sandbox/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

/** The first three are the streams. */
enum { SOURCES_MAX = DESCRIPTORS_MAX - 3 };

static const struct {
	int resource;
	const char *name;
	uint64_t values[2];
} limits[] = {
	{ RLIMIT_CORE, "core files to 0", { 0, 0 } },
	{ RLIMIT_NOFILE, "open files to 1024, at most 524288", { 1024, 524288 } },
};

/** Processes and threads: at least so many, and more where there are CPUs to keep busy. */
enum { PROCESSES_MIN = 4096, PROCESSES_PER_CPU = 1024 };

static void workdir_add(struct plan *plan)
{
	const char *cwd = plan->spec->cwd && *plan->spec->cwd ? plan->spec->cwd : "/";
	struct op *op = op_add(plan, OP_WORKDIR, "open directory %s", cwd);

	op->at = plan->root;
	op->path = keep(plan, cwd);
	op->to = plan->work_dir = slots_new(plan, 1);
	if (plan->spec->read_only_root)
		op_add(plan, OP_READ_ONLY, "make / read-only")->at = plan->root;
}

/* ---- the main process ---- */

static void program_add(struct plan *plan)
{
	const struct sandbox_spec *spec = plan->spec;
	struct program *program = arena_new_in(plan->sandbox->arena, struct program);
	owned(strings) struct strings directories = {}, candidates = {}, env = {};
	const char *path;

	strings_add_all(&env, (char *const *)(uintptr_t)spec->envp);
	if (!env_get(&env, "HOME"))
		env_set(&env, "HOME", plan->sandbox->user.home);
	path = env_get(&env, "PATH");
	if (strchr(spec->argv[0], '/')) {
		strings_add(&candidates, spec->argv[0]);
	} else {
		strings_split(&directories, path && *path ? path : DEFAULT_PATH, ':');
		for (size_t i = 0; i < directories.count; i++)
			strings_printf(&candidates, "%s/%s",
				       *directories.items[i] ? directories.items[i] : ".",
				       spec->argv[0]);
	}
	program->candidates = keep_list(plan, (const char *const *)candidates.items);
	program->argv = (char *const *)(uintptr_t)keep_list(plan, spec->argv);
	program->envp = (char *const *)(uintptr_t)keep_list(plan, (const char *const *)env.items);
	op_add(plan, OP_EXEC, "run %s", spec->argv[0])->data = program;
}

/** Whether the caller says it: a hard limit that was lowered before could not be raised again. */
static bool limit_is_given(const struct sandbox_spec *spec, int resource)
{
	for (size_t i = 0; i < spec->limit_count; i++) {
		if (spec->limits[i].resource == resource)
			return true;
	}
	return resource == RLIMIT_NPROC && spec->resources.pids;
}

/**
 * The user namespace counts: all that runs at the same time in a realm, which is as many steps of a
 * build as there are CPUs, and each of them may start as many compilers.  A control group would
 * count too, but moving a process into one waits for an RCU grace period: longer than all else that
 * a sandbox does.
 */
static void processes_limit(struct plan *plan)
{
	static atomic_uint cpus;
	unsigned known = atomic_load(&cpus), most;
	uint64_t *values = arena_alloc(plan->sandbox->arena, 2 * sizeof(*values));
	struct op *op;

	if (!known)
		atomic_store(&cpus, known = (unsigned)get_nprocs());
	most = known * PROCESSES_PER_CPU;
	values[0] = values[1] = most > PROCESSES_MIN ? most : PROCESSES_MIN;
	op = op_add(plan, OP_LIMIT, "limit processes to %llu", (unsigned long long)values[0]);
	op->number = RLIMIT_NPROC;
	op->data = values;
}

static void limits_add(struct plan *plan)
{
	for (size_t i = 0; i < countof(limits); i++) {
		struct op *op;

		if (limit_is_given(plan->spec, limits[i].resource))
			continue;
		op = op_add(plan, OP_LIMIT, "limit %s", limits[i].name);
		op->number = (uint64_t)limits[i].resource;
		op->data = limits[i].values;
	}
	if (!limit_is_given(plan->spec, RLIMIT_NPROC))
		processes_limit(plan);
	for (size_t i = 0; i < plan->spec->limit_count; i++) {
		const struct limit *limit = &plan->spec->limits[i];
		uint64_t *values = arena_alloc(plan->sandbox->arena, 2 * sizeof(*values));
		struct op *op = op_add(plan, OP_LIMIT, "limit resource %d to %llu", limit->resource,
				       (unsigned long long)limit->soft);

		values[0] = limit->soft;
		values[1] = limit->hard;
		op->number = (uint64_t)limit->resource;
		op->data = values;
	}
}

/** What limits system calls of programs with these capabilities; NULL where nothing does. */
static result filter_choose(struct plan *plan, const struct filter **out, struct error *err)
{
	const struct sandbox_spec *spec = plan->spec;
	struct filter *own = &plan->sandbox->filter;
	enum filter_kind kind =
		filter_kind_of(spec->binfmt_rules, plan->sandbox->kind.makes_devices);
	uint64_t set;

	if (capabilities_tweak(spec->cap_add, spec->cap_add_count, spec->cap_drop,
			       spec->cap_drop_count, &set, err))
		return FAILED;
	plan->sandbox->capabilities = set;
	*out = own;
	if (spec->seccomp && strcmp(spec->seccomp, "unconfined") == 0)
		*out = NULL;
	else if (spec->seccomp)
		return profile_read(spec->seccomp, set, own, err) ? fail_in(err, "seccomp") : OK;
	else if (set & ~capabilities_default())
		return filter_build(kind, set, own, err);
	else
		return filter_get(kind, out, err);
	return OK;
}

/**
 * Whether the main process that a blank has made will not do: there is none, its filter is another
 * one, a control group would not have it, or it could not mount its terminal.
 */
static bool main_is_own(const struct plan *plan, const struct filter *filter)
{
	const struct resource_limits *wanted = &plan->spec->resources;

	return !filter || filter == &plan->sandbox->filter || plan->spec->terminal ||
	       wanted->memory || wanted->milli_cpus || wanted->pids;
}

static void rights_add(struct plan *plan, const struct filter *filter)
{
	const struct user *user = &plan->sandbox->user;
	uint64_t set = plan->sandbox->capabilities;
	bool is_fresh = plan->sandbox->fresh_main;

	if (is_fresh || set != capabilities_default())
		bound_add(plan, set);
	if (plan->spec->narrow_words)
		op_add(plan, OP_PERSONALITY, "be a machine of 32 bits")->number = PER_LINUX32;
	if (plan->spec->no_new_privileges)
		op_add(plan, OP_NO_NEW_PRIVILEGES, "no new privileges");
	op_add(plan, OP_USER, "become user %u, group %u and %zu more", user->uid, user->gid,
	       user->group_count - 1)
		->data = user;
	if (is_fresh)
		scope_add(plan);
	/* While it is still privileged: else programs could not have set-user-id bits. */
	if (is_fresh && filter)
		filter_add(plan, filter, !plan->spec->seccomp && plan->sandbox->kind.makes_devices,
			   plan->spec->seccomp ? " by the given profile" : "");
	if (user->uid != 0)
		set = 0;
	op_add(plan, OP_CAPABILITIES, "hold %s capabilities", set ? "these" : "no")->number = set;
}

/** The first of three slots for the streams of the program. */
static int terminal_add(struct plan *plan)
{
	const struct terminal_size *size = &plan->spec->terminal->size;
	struct winsize *winsize = arena_new_in(plan->sandbox->arena, struct winsize);
	struct op *op =
		op_add(plan, OP_TERMINAL, "new terminal of %u by %u", size->columns, size->rows);

	winsize->ws_col = size->columns;
	winsize->ws_row = size->rows;
	op->data = winsize;
	op->number = plan->sandbox->user.uid;
	return op->to = slots_new(plan, 3);
}

static void process_add(struct plan *plan, const struct filter *filter)
{
	int streams = SLOT_INPUT;

	op_add(plan, OP_FORK, "leave init and the host's root behind")->at = plan->root;
	if (plan->spec->new_terminal_session || plan->spec->terminal)
		op_add(plan, OP_SESSION, "new session");
	if (plan->spec->terminal)
		streams = terminal_add(plan);
	if (plan->sandbox->fresh_main)
		inheritance_drop(plan);
	op_add(plan, OP_CHDIR, "enter directory %s",
	       plan->spec->cwd && *plan->spec->cwd ? plan->spec->cwd : "/")
		->at = plan->work_dir;
	op_add(plan, OP_STREAMS, "set input, output and error; close all others")->from = streams;
	limits_add(plan);
	rights_add(plan, filter);
	program_add(plan);
}

/* ---- all of it ---- */

/** From a directory of the host that a program has open, it could go anywhere on this host. */
static result streams_check(const struct sandbox_spec *spec, struct error *err)
{
	const int fds[] = { spec->input_fd, spec->output_fd, spec->error_fd };
	static const char *const names[] = { "input", "output", "error" };

	for (size_t i = 0; i < countof(fds); i++) {
		struct stat info;

		if (fstat(fds[i], &info) == 0 && S_ISDIR(info.st_mode))
			return fail(err, FAULT_USAGE,
				    "standard %s is a directory, from which the program would "
				    "get out",
				    names[i]);
	}
	return OK;
}

static result spec_check(const struct sandbox_spec *spec, struct error *err)
{
	const char *const *paths[] = { &spec->upper, &spec->work };

	if (!spec->argv || !spec->argv[0] || !*spec->argv[0])
		return fail(err, FAULT_INPUT, "no command to run");
	if (streams_check(spec, err))
		return FAILED;
	if (spec->lower_count >= OVERLAY_LAYERS_MAX)
		return fail(err, FAULT_INPUT, "%zu layers; the kernel takes %d", spec->lower_count,
			    OVERLAY_LAYERS_MAX - 1);
	for (size_t i = 0; i < countof(paths); i++) {
		if (!*paths[i] || **paths[i] != '/')
			return fail(err, FAULT_INPUT, "want absolute paths of directories");
	}
	for (size_t i = 0; i < spec->lower_count; i++) {
		if (spec->lowers[i][0] != '/')
			return fail(err, FAULT_INPUT, "layer %s is not absolute", spec->lowers[i]);
	}
	if (spec->cwd && *spec->cwd && spec->cwd[0] != '/')
		return fail(err, FAULT_INPUT, "working directory '%s' is not absolute", spec->cwd);
	return OK;
}

static result id_check(const struct sandbox_spec *spec, const char *what, uint32_t id,
		       struct error *err)
{
	if (id < spec->privilege->id_count)
		return OK;
	return fail(err, FAULT_PRIVILEGE,
		    "%s %u: only ids below %u are available (see /etc/subuid)", what, id,
		    spec->privilege->id_count);
}

static result user_find(struct plan *plan, struct error *err)
{
	const struct sandbox_spec *spec = plan->spec;
	owned(buf) struct buf passwd = {}, group = {};
	struct user *user = &plan->sandbox->user;

	if (stack_read(spec->lowers, spec->lower_count, "/etc/passwd", USER_FILE_MAX, &passwd,
		       err) ||
	    stack_read(spec->lowers, spec->lower_count, "/etc/group", USER_FILE_MAX, &group, err) ||
	    user_resolve(spec->user, buf_text(&passwd), buf_text(&group), user, err))
		return FAILED;
	for (size_t i = 0; i < spec->group_count; i++) {
		if (user_group_add(user, spec->groups[i], buf_text(&group), err))
			return FAILED;
	}
	for (size_t i = 0; i < user->group_count; i++) {
		if (id_check(spec, "group", user->groups[i], err))
			return FAILED;
	}
	return id_check(spec, "user", user->uid, err);
}

static const char *hostname_of(const struct sandbox_spec *spec)
{
	return spec->hostname && *spec->hostname ? spec->hostname : "localhost";
}

static result compile(struct plan *plan, struct bind_plan *binds, struct error *err)
{
	struct sandbox *sandbox = plan->sandbox;
	const struct filter *filter;

	if (spec_check(plan->spec, err) || user_find(plan, err) ||
	    filter_choose(plan, &filter, err))
		return FAILED;
	sandbox->fresh_main = main_is_own(plan, filter);
	sandbox->source_slot = slots_new(plan, SOURCES_MAX);
	op_add(plan, OP_HOSTNAME, "set the host name to %s", hostname_of(plan->spec))->path =
		keep(plan, hostname_of(plan->spec));
	skeleton_inherit(plan);
	if (!plan->spec->leaves_hostname)
		skeleton_add(plan, "/etc/hostname", false);
	if (binds_prepare(plan, binds, err))
		return FAILED;
	root_mount(plan);
	blank_use(plan);
	if (cgroup_view_add(plan, err))
		return FAILED;
	assist_hidden_add(plan);
	host_files_add(plan, hostname_of(plan->spec));
	sysctls_add(plan);
	binds_add(plan, binds);
	workdir_add(plan);
	op_add(plan, OP_PIVOT, "enter the root")->at = plan->root;
	process_add(plan, filter);
	if (sandbox->source_count > SOURCES_MAX)
		return fail(err, FAULT_INPUT, "more than %d directories to mount", SOURCES_MAX);
	return OK;
}

static void kind_keep(struct plan *plan)
{
	struct realm_kind *kind = &plan->sandbox->kind;

	*kind = realm_kind_of(plan->spec);
	if (kind->rules) {
		const char **rules =
			arena_alloc(plan->sandbox->arena, kind->rule_count * sizeof(*rules));

		for (size_t i = 0; i < kind->rule_count; i++)
			rules[i] = keep(plan, kind->rules[i]);
		kind->rules = rules;
	}
	if (kind->engine)
		kind->engine = keep(plan, kind->engine);
}

result sandbox_compile(const struct sandbox_spec *spec, struct sandbox **out, struct error *err)
{
	owned(sandbox) struct sandbox *sandbox = xnew(struct sandbox);
	struct bind_plan *binds = xcalloc(spec->bind_count, sizeof(*binds));
	struct plan plan = { .sandbox = sandbox, .spec = spec };
	result status;

	sandbox->arena = arena_new();
	sandbox->slot_count = SLOT_FIRST_FREE;
	sandbox->privilege = *spec->privilege;
	kind_keep(&plan);
	sandbox->streams[0] = spec->input_fd;
	sandbox->streams[1] = spec->output_fd;
	sandbox->streams[2] = spec->error_fd;
	for (size_t i = 0; spec->terminal && i < countof(sandbox->streams); i++)
		sandbox->streams[i] = spec->terminal->socket_fd;
	sandbox->signal_fd = spec->signal_fd;
	sandbox->sampling = spec->assist ? spec->assist->sampling : NULL;
	sandbox->door = spec->assist ? spec->assist->door : NULL;
	sandbox->resources = spec->resources;
	sandbox->timeout_ms = spec->timeout_ms;
	status = compile(&plan, binds, err);
	for (size_t i = 0; i < spec->bind_count; i++)
		free(binds[i].target);
	free(binds);
	strings_drop(&plan.skeleton);
	free(plan.stores);
	if (status)
		return fail_in(err, "sandbox");
	sandbox->upper = arena_strdup(sandbox->arena, spec->upper);
	*out = take(sandbox);
	return OK;
}

void sandbox_drop(struct sandbox **sandbox)
{
	if (!*sandbox)
		return;
	arena_drop(&(*sandbox)->arena);
	free((*sandbox)->filter.instructions);
	free((*sandbox)->ops);
	free((*sandbox)->sources);
	free((*sandbox)->layers);
	free(*sandbox);
	*sandbox = NULL;
}

static const struct {
	unsigned long flag;
	const char *name;
} namespace_names[] = {
	{ CLONE_NEWUSER, "user" }, { CLONE_NEWNS, "mount" }, { CLONE_NEWPID, "pid" },
	{ CLONE_NEWIPC, "ipc" },   { CLONE_NEWUTS, "uts" },  { CLONE_NEWCGROUP, "cgroup" },
	{ CLONE_NEWNET, "net" },
};

static void resources_explain(const struct sandbox *sandbox, struct buf *out)
{
	const struct resource_limits *wanted = &sandbox->resources;
	char size[SIZE_TEXT_MAX];

	if (wanted->memory)
		buf_printf(out, "memory: at most %s\n", size_text(wanted->memory, size));
	if (wanted->milli_cpus)
		buf_printf(out, "CPUs: at most %llu.%03llu\n",
			   (unsigned long long)wanted->milli_cpus / 1000,
			   (unsigned long long)wanted->milli_cpus % 1000);
	if (wanted->pids)
		buf_printf(out, "processes: at most %llu\n", (unsigned long long)wanted->pids);
	if (wanted->layer)
		buf_printf(out, "layer: at most %s\n", size_text(wanted->layer, size));
	if (sandbox->timeout_ms)
		buf_printf(out, "time: at most %llu ms\n", (unsigned long long)sandbox->timeout_ms);
}

/** A main process that will be replaced is not worth a line. */
static void ops_explain(const char *when, const struct sandbox *list, bool fresh_main,
			struct buf *out)
{
	buf_printf(out, "%s:\n", when);
	for (size_t i = 0; i < list->op_count; i++) {
		const struct op *op = &list->ops[i];

		if (op->kind == OP_MAIN && fresh_main)
			i += op->count;
		else
			buf_printf(out, "%s\n", op->text);
	}
}

/** What is done before it is known what is to run. */
static void advance_explain(const struct sandbox *sandbox, struct buf *out)
{
	owned(sandbox) struct sandbox *realm = NULL, *blank = NULL;

	if (zygote_has_realms(sandbox->privilege.zygote)) {
		realm = realm_compile(&sandbox->kind);
		blank = blank_compile(&sandbox->kind);
		ops_explain("once, for all sandboxes of this kind", realm, false, out);
		ops_explain("for each of them, in advance", blank, sandbox->fresh_main, out);
	} else {
		blank = lone_compile(&sandbox->kind);
		ops_explain("in advance", blank, sandbox->fresh_main, out);
	}
}

void sandbox_explain(const struct sandbox *sandbox, struct buf *out)
{
	unsigned long namespaces = CLONE_NEWUSER | blank_namespaces(sandbox->kind.network);

	if (sandbox->kind.network == NETWORK_PRIVATE)
		namespaces |= CLONE_NEWNET; /* all of the realm share it */

	buf_add_str(out, "new namespaces:");
	for (size_t i = 0; i < countof(namespace_names); i++) {
		if (namespaces & namespace_names[i].flag)
			buf_printf(out, " %s", namespace_names[i].name);
	}
	if (sandbox->privilege.is_root)
		buf_printf(out, "\nids from 0: the host's from %u\n", SHIFT_FIRST);
	else
		buf_printf(out, "\nids from 0 to %u: ours\n", sandbox->privilege.id_count - 1);
	resources_explain(sandbox, out);
	advance_explain(sandbox, out);
	ops_explain("for this one", sandbox, false, out);
}
