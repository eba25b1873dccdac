/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu run`: a program of an image, in a sandbox, on whatever CPU it is for.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "binfmt/binfmt.h"
#include "registry/registry.h"
#include "runner/assist.h"
#include "runner/assist_image.h"
#include "runner/assist_tell.h"
#include "runner/commands.h"
#include "runner/contents.h"
#include "runner/emulation.h"
#include "runner/layers.h"
#include "runner/limits.h"
#include "runner/network.h"
#include "runner/run_attend.h"
#include "runner/run_binds.h"
#include "runner/run_image.h"
#include "runner/run_options.h"
#include "runner/run_program.h"
#include "runner/run_refused.h"
#include "runner/run_settings.h"
#include "runner/workdir.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run_options {
	struct limit_options limits;
	struct attendance attendance;
	struct program_options program;
	struct bind_options binds;
	struct setting_options settings;
	const char *platform, *network, *shm_size, *pull;
	const char *assist, *assist_from;
	struct strings hosts, ulimits, groups, cap_add, cap_drop, security, labels, expose;
	bool read_only, explain, remove, init, no_healthcheck;
	const char *name;
};

#define FIELD(name) offsetof(struct run_options, name)

static const struct option options[] = {
	{ "platform", 0, OPTION_TEXT, FIELD(platform), "PLATFORM",
	  "which of the image's platforms (default: the one of this host)" },
	{ "env", 'e', OPTION_LIST, FIELD(program.env), "NAME=VALUE",
	  "set a variable; NAME alone takes it from here" },
	{ "env-file", 0, OPTION_LIST, FIELD(program.env_files), "FILE",
	  "read variables, one a line" },
	{ "volume", 'v', OPTION_LIST, FIELD(binds.volumes), "[SOURCE:]TARGET[:ro]",
	  "show a file or directory of the host (SOURCE begins with / or .) or a volume inside" },
	{ "mount", 0, OPTION_LIST, FIELD(binds.mounts), "type=TYPE,target=DIR,...",
	  "the same in other words: type=bind|volume|tmpfs, source=SOURCE, readonly" },
	{ "workdir", 'w', OPTION_TEXT, FIELD(program.workdir), "DIR",
	  "working directory; made if it is missing" },
	{ "user", 'u', OPTION_TEXT, FIELD(program.user), "USER[:GROUP]",
	  "names of the image, or ids" },
	{ "group-add", 0, OPTION_LIST, FIELD(groups), "GROUP", "one more group of the user" },
	{ "network", 0, OPTION_TEXT, FIELD(network), "private|host|none",
	  "one of its own (the default where this host can), the host's, or only loopback" },
	{ "net", 0, OPTION_TEXT, FIELD(network), "private|host|none", "the same" },
	{ "hostname", 'h', OPTION_TEXT, FIELD(program.hostname), "NAME",
	  "the host name inside (default: localhost)" },
	{ "entrypoint", 0, OPTION_TEXT, FIELD(program.entrypoint), "PROGRAM",
	  "instead of the image's; its default command goes too" },
	{ "tmpfs", 0, OPTION_LIST, FIELD(binds.tmpfs), "DIR[:size=SIZE,...]",
	  "an empty file system in memory; also mode=, uid=, gid=, nr_inodes=, exec, ro" },
	{ "shm-size", 0, OPTION_TEXT, FIELD(shm_size), "SIZE", "size of /dev/shm (default: 64m)" },
	{ "add-host", 0, OPTION_LIST, FIELD(hosts), "NAME:ADDRESS",
	  "a line for /etc/hosts; host-gateway is this host's own address" },
	{ "dns", 0, OPTION_LIST, FIELD(settings.dns), "ADDRESS",
	  "ask this server for names instead of those that this host asks" },
	{ "dns-search", 0, OPTION_LIST, FIELD(settings.dns_search), "DOMAIN",
	  "look for names in there too; a lone dot: in no domain" },
	{ "dns-option", 0, OPTION_LIST, FIELD(settings.dns_options), "OPTION",
	  "how to ask, as resolv.conf has it: ndots:2" },
	{ "sysctl", 0, OPTION_LIST, FIELD(settings.sysctls), "NAME=VALUE",
	  "a setting of its own namespaces: net.*, fs.mqueue.*, kernel.shm*, .msg*, .sem" },
	{ "device", 0, OPTION_LIST, FIELD(settings.devices), "/dev/NAME[:TARGET]",
	  "let it use a device of this host; only root can give one" },
	{ "cap-add", 0, OPTION_LIST, FIELD(cap_add), "NAME|ALL",
	  "let root inside have this capability too" },
	{ "cap-drop", 0, OPTION_LIST, FIELD(cap_drop), "NAME|ALL", "do not let it have this one" },
	{ "security-opt", 0, OPTION_LIST, FIELD(security), "OPTION",
	  "seccomp=FILE: another filter of system calls, as JSON; seccomp=unconfined: none; "
	  "no-new-privileges: set-user-id bits have no effect" },
	{ "ulimit", 0, OPTION_LIST, FIELD(ulimits), "NAME=SOFT[:HARD]", "a resource limit" },
	{ "memory", 'm', OPTION_TEXT, FIELD(limits.memory), "SIZE",
	  "memory of all its processes, and no swap on top" },
	{ "cpus", 0, OPTION_TEXT, FIELD(limits.cpus), "NUMBER", "CPU time of all of them: 1.5" },
	{ "pids-limit", 0, OPTION_TEXT, FIELD(limits.pids), "NUMBER",
	  "processes and threads (default: 4096 or 1024 a CPU)" },
	{ "timeout", 0, OPTION_TEXT, FIELD(limits.timeout), "TIME",
	  "kill it when it has run for so long: 90s, 5m" },
	{ "pull", 0, OPTION_TEXT, FIELD(pull), "missing|always|never",
	  "when the registry is asked (default: missing, if the store has no such image)" },
	{ "read-only", 0, OPTION_FLAG, FIELD(read_only), NULL,
	  "let nothing write to the image, but for the volumes that it names" },
	{ "assist", 0, OPTION_TEXT, FIELD(assist), "MODE",
	  "native twins of emulated tools: off (default), safe or full" },
	{ "assist-from", 0, OPTION_TEXT, FIELD(assist_from), "IMAGE",
	  "take twins from this image too" },
	{ "explain", 0, OPTION_FLAG, FIELD(explain), NULL,
	  "print what would be done instead of doing it" },
	{ "interactive", 'i', OPTION_FLAG, FIELD(attendance.interactive), NULL,
	  "pass standard input on (default: it is empty)" },
	{ "tty", 't', OPTION_FLAG, FIELD(attendance.terminal), NULL,
	  "give it a terminal of its own, shown on this one" },
	{ "rm", 0, OPTION_FLAG, FIELD(remove), NULL, "has no effect: nothing is ever kept" },
	{ "init", 0, OPTION_FLAG, FIELD(init), NULL,
	  "has no effect: there is always a first process that reaps" },
	{ "name", 0, OPTION_TEXT, FIELD(name), "NAME",
	  "has no effect: nothing is kept to be named" },
	{ "label", 'l', OPTION_LIST, FIELD(labels), "NAME=VALUE",
	  "has no effect: nothing is kept to be labelled" },
	{ "label-file", 0, OPTION_LIST, FIELD(labels), "FILE", "has no effect" },
	{ "expose", 0, OPTION_LIST, FIELD(expose), "PORT",
	  "has no effect: it says what is anyhow" },
	{ "no-healthcheck", 0, OPTION_FLAG, FIELD(no_healthcheck), NULL,
	  "has no effect: there is none" },
};

/** All that a run needs, in the order in which it is found. */
struct job {
	const struct invocation *in;
	const struct run_options *wanted;
	struct platform platform;
	struct store *store;
	struct image *image;
	struct workdir *workdir;
	struct buf engine;
	struct strings lowers, rules;
	struct run_program program;
	struct run_binds binds;
	struct run_settings settings;
	struct build_request request; /* of it, only what a build's programs are given too */
	struct privilege privilege;
	const char *seccomp;
	enum pull pull;
	bool no_new_privileges;
	struct resource_limits resources;
	uint64_t timeout_ms;
	char *upper, *work, *scratch;
	enum network network;
	enum assist_mode mode;
	struct assist *assist; /* or NULL; with what it uses while it runs */
	struct cache *cache;
	struct toolchains *toolchains;
};

static void job_drop(struct job *job)
{
	struct strings *lists[] = { &job->lowers, &job->rules };
	char *texts[] = { job->upper, job->work, job->scratch };

	for (size_t i = 0; i < countof(lists); i++)
		strings_drop(lists[i]);
	for (size_t i = 0; i < countof(texts); i++)
		free(texts[i]);
	assist_drop(&job->assist);
	toolchains_drop(&job->toolchains);
	cache_drop(&job->cache);
	run_program_drop(&job->program);
	run_binds_drop(&job->binds);
	run_settings_drop(&job->settings);
	buf_drop(&job->engine);
	strings_drop(&job->request.hosts);
	workdir_drop(&job->workdir);
	image_drop(&job->image);
	store_drop(&job->store);
}

/* ---- the command line ---- */

/** "seccomp=FILE", or that privileges cannot grow. */
static result security_parse(struct job *job, const char *text, struct error *err)
{
	static const char prefix[] = "seccomp";

	if (strcmp(text, "no-new-privileges") == 0 || strcmp(text, "no-new-privileges=true") == 0 ||
	    strcmp(text, "no-new-privileges:true") == 0) {
		job->no_new_privileges = true;
		return OK;
	}
	if (!starts_with(text, prefix) || !strchr("=:", text[strlen(prefix)]) ||
	    !text[strlen(prefix)] || !text[strlen(prefix) + 1])
		return fail(err, FAULT_USAGE,
			    "--security-opt %s is not supported yet by this version of mpemu: want "
			    "seccomp=FILE, seccomp=unconfined or no-new-privileges",
			    text);
	job->seccomp = text + strlen(prefix) + 1;
	if (strcmp(job->seccomp, "builtin") == 0)
		job->seccomp = NULL;
	return OK;
}

static result rights_collect(struct job *job, struct error *err)
{
	static const struct strings none = {};
	const struct run_options *wanted = job->wanted;

	for (size_t i = 0; i < wanted->security.count; i++) {
		if (security_parse(job, wanted->security.items[i], err))
			return FAILED;
	}
	if (limits_parse(&wanted->limits, &job->resources, &job->timeout_ms, err))
		return FAILED;
	return run_options_set(&none, &none, &wanted->hosts, &wanted->ulimits, wanted->shm_size,
			       &job->request, err);
}

static result options_check(struct job *job, struct error *err)
{
	const struct run_options *wanted = job->wanted;

	job->platform = platform_host();
	if (pull_parse(wanted->pull, &job->pull, err) ||
	    platform_argument(wanted->platform, &job->platform, err))
		return FAILED;
	if (network_parse(job->in->ctx, wanted->network, &job->network, err))
		return FAILED;
	if (wanted->attendance.terminal && wanted->attendance.interactive && !isatty(STDIN_FILENO))
		return fail(err, FAULT_USAGE,
			    "-it: standard input is not a terminal; without -t it can be a pipe");
	job->mode = ASSIST_OFF;
	if (wanted->assist && assist_mode_parse(wanted->assist, &job->mode, err))
		return FAILED;
	if (assist_mode_verifies(job->mode))
		return fail(err, FAULT_USAGE,
			    "--assist verify is for builds: want off, safe or full");
	return run_binds_parse(&wanted->binds, &job->binds, err) ||
			       run_settings_parse(&wanted->settings, job->network,
						  job->privilege.is_root, &job->settings,
						  &job->binds, err) ||
			       rights_collect(job, err)
		       ? FAILED
		       : OK;
}

/* ---- running ---- */

static result place_make(struct job *job, struct error *err)
{
	const char *root = job->in->globals->root, *path;

	if (layers_prepare(job->in->ctx, job->store, root, job->image, &job->lowers, err) ||
	    workdir_spare(root, &job->workdir, err))
		return FAILED;
	path = workdir_path(job->workdir);
	job->upper = xasprintf("%s/upper", path);
	job->work = xasprintf("%s/work", path);
	job->scratch = xasprintf("%s/scratch", path);
	return run_binds_open(job->in->ctx, &job->binds, root, path, &job->lowers, err);
}

/** Twins from the same image's variant for this machine. */
static result assist_prepare(struct job *job, const char *name, struct error *err)
{
	const char *root = job->in->globals->root;
	const struct transport transport = {};
	owned(strings) struct strings native = {}, extra = {};
	owned(buf) struct buf why = {};
	struct assist_source sources[2] = {};
	struct assist_request request = {
		.ctx = job->in->ctx,
		.root = root,
		.privilege = &job->privilege,
		.mode = job->mode,
		.platform = &job->platform,
		.lowers = &job->lowers,
		.sources = sources,
		.place = workdir_path(job->workdir),
		.upper = job->upper,
	};
	const char *obstacle;

	if (job->mode == ASSIST_OFF || platform_is_native(&job->platform))
		return OK;
	obstacle = assist_obstacle();
	if (obstacle) {
		progress_note(job->in->ctx, "no native assist: %s: all is emulated", obstacle);
		return OK;
	}
	if (assist_image(job->in->ctx, job->store, root, &transport, name, false, &native, err) ||
	    (job->wanted->assist_from &&
	     assist_image(job->in->ctx, job->store, root, &transport, job->wanted->assist_from,
			  true, &extra, err)) ||
	    cache_open(job->in->ctx, root, &job->cache, err))
		return FAILED;
	if (job->network != NETWORK_NONE)
		job->toolchains = toolchains_new();
	request.toolchains = job->toolchains;
	request.cache = job->cache;
	if (native.count)
		sources[request.source_count++] = (struct assist_source){ .origin = TWIN_SIBLING,
									  .lowers = &native,
									  .peer = &job->lowers,
									  .is_published = true };
	if (extra.count)
		sources[request.source_count++] =
			(struct assist_source){ .origin = TWIN_IMAGE, .lowers = &extra };
	if (assist_start(&request, &job->assist, &why, err))
		return FAILED;
	if (why.length)
		progress_note(job->in->ctx, "no native assist: %s", buf_text(&why));
	if (job->assist) {
		strings_drop(&job->rules);
		strings_add(&job->rules, assist_rule(job->assist));
	}
	return OK;
}

/** NULL where the CPU runs it, or the host's entries do. */
static const char *const *rules_of(const struct job *job)
{
	return job->rules.count ? (const char *const *)job->rules.items : NULL;
}

static struct sandbox_spec spec_of(const struct job *job, int input_fd)
{
	struct sandbox_spec spec = {
		.lowers = (const char *const *)job->lowers.items,
		.lower_count = job->lowers.count,
		.upper = job->upper,
		.work = job->work,
		.scratch = job->scratch,
		.privilege = &job->privilege,
		.argv = (const char *const *)job->program.argv.items,
		.envp = (const char *const *)job->program.env.items,
		.cwd = job->program.cwd,
		.user = job->program.user,
		.groups = (const char *const *)job->wanted->groups.items,
		.group_count = job->wanted->groups.count,
		.hostname = job->program.hostname,
		.binds = job->binds.items,
		.bind_count = job->binds.count,
		.hosts = (const char *const *)job->request.hosts.items,
		.host_count = job->request.hosts.count,
		.resolver = (const char *const *)job->settings.resolver.items,
		.resolver_count = job->settings.resolver.count,
		.sysctls = (const char *const *)job->settings.sysctls.items,
		.sysctl_count = job->settings.sysctls.count,
		.limits = job->request.limits,
		.limit_count = job->request.limit_count,
		.shm_size = job->request.shm_size,
		.cap_add = (const char *const *)job->wanted->cap_add.items,
		.cap_add_count = job->wanted->cap_add.count,
		.cap_drop = (const char *const *)job->wanted->cap_drop.items,
		.cap_drop_count = job->wanted->cap_drop.count,
		.seccomp = job->seccomp,
		.no_new_privileges = job->no_new_privileges,
		.narrow_words = emulation_is_narrow(&job->platform),
		.resources = job->resources,
		.shows_group = true,
		.timeout_ms = job->timeout_ms,
		.read_only_root = job->wanted->read_only,
		.may_edit_files = !job->wanted->read_only,
		.network = job->network,
		.input_fd = input_fd,
		.output_fd = STDOUT_FILENO,
		.error_fd = STDERR_FILENO,
		.new_terminal_session = true,
		.engine = job->engine.length ? buf_text(&job->engine) : NULL,
		.binfmt_rules = rules_of(job),
		.binfmt_rule_count = job->rules.count,
	};

	if (job->assist)
		spec.assist = assist_spec(job->assist);
	return spec;
}

/** Why the program did not start, for those who cannot tell from the errno. */
static const struct {
	int sys;
	const char *why;
} exec_reasons[] = {
	{ ENOENT, "it is not in the image (PATH was searched)" },
	{ ENOEXEC, "exec format error: it is for another platform, or a script without #!" },
	{ ELIBACC, "the interpreter or loader that it names is not in the image" },
	{ EACCES, "it is no program: permission denied" },
};

/** Not an error of ours: said on standard error, and the status passed on as a shell does. */
static void exec_explain(const struct job *job, const struct sandbox_exit *status)
{
	const char *why = strerror(status->exec_errno);

	for (size_t i = 0; i < countof(exec_reasons); i++) {
		if (exec_reasons[i].sys == status->exec_errno)
			why = exec_reasons[i].why;
	}
	fprintf(stderr, "mpemu: %s: %s\n", job->program.argv.items[0], why);
}

static result spec_explain(const struct sandbox_spec *spec, struct error *err)
{
	owned(sandbox) struct sandbox *sandbox = NULL;
	owned(buf) struct buf plan = {};

	if (sandbox_compile(spec, &sandbox, err))
		return FAILED;
	sandbox_explain(sandbox, &plan);
	return write_all(STDOUT_FILENO, plan.data, plan.length, err);
}

/** Once more by the host's emulators, where the kernel would not let the sandbox have its own. */
static result program_run(struct job *job, struct sandbox_spec *spec, struct sandbox_exit *ended,
			  struct error *err)
{
	const struct attendance *wanted = &job->wanted->attendance;

	if (run_attend(job->in, wanted, spec, ended, err) == OK)
		return OK;
	if (!job->rules.count || job->assist || emulation_fall_back(&job->platform, err))
		return FAILED;
	spec->binfmt_rules = NULL;
	spec->binfmt_rule_count = 0;
	spec->engine = NULL;
	return run_attend(job->in, wanted, spec, ended, err);
}

static result sandbox_start(struct job *job, int *status, struct error *err)
{
	static const struct terminal_spec shown = { .size = { 80, 24 } };
	bool interactive = job->wanted->attendance.interactive;
	owned(fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct sandbox_spec spec = spec_of(job, interactive ? STDIN_FILENO : null_fd);
	struct sandbox_exit ended = {};
	owned(buf) struct buf why = {};

	if (null_fd < 0)
		return fail_sys(err, "open /dev/null");
	if (job->wanted->explain) {
		spec.terminal = job->wanted->attendance.terminal ? &shown : NULL;
		return spec_explain(&spec, err);
	}
	workdir_tidy(job->workdir);
	if (program_run(job, &spec, &ended, err))
		return FAILED;
	if (job->assist)
		assist_tell(job->in->ctx, job->assist, &(struct event){ .kind = EVENT_STEP_ASSIST },
			    NULL);
	if (ended.exec_failed)
		exec_explain(job, &ended);
	if (limits_explain(&ended, &job->resources, job->timeout_ms, &why))
		fprintf(stderr, "mpemu: %s: %s\n", job->program.argv.items[0], buf_text(&why));
	*status = ended.status;
	return OK;
}

static result zygote_own(struct job *job, struct error *err)
{
	/* It ends with us: nobody waits for it. */
	static struct zygote *zygote;

	if (zygote_start(true, &zygote, err))
		return FAILED;
	job->privilege.zygote = zygote;
	return OK;
}

/** What runs the image, and a sandbox for it, which is made while we look for the image. */
static result emulation_start(struct job *job, struct error *err)
{
	const char *root = job->in->globals->root;
	bool waits = job->wanted->explain || job->mode != ASSIST_OFF;
	owned(buf) struct buf ignored = {};

	if (waits ? emulation_prepare(root, &job->platform, &job->rules, &job->engine, &ignored,
				      err)
		  : emulation_expect(root, &job->platform, &job->rules, &job->engine, err))
		return FAILED;
	const struct sandbox_spec expected = {
		.privilege = &job->privilege,
		.network = job->network,
		.binfmt_rules = rules_of(job),
		.binfmt_rule_count = job->rules.count,
		.engine = job->engine.length ? buf_text(&job->engine) : NULL,
	};

	if (job->wanted->explain)
		return OK;
	/* With native assist the rule is another one, known only later, when there is much in
	 * memory: a zygote keeps that out of sandboxes. */
	if (job->mode != ASSIST_OFF && job->rules.count)
		return zygote_own(job, err);
	sandbox_expect(&expected);
	return OK;
}

static result run_run(struct invocation *in, struct error *err)
{
	__attribute__((cleanup(job_drop))) struct job job = {
		.in = in,
		.wanted = in->options,
		.privilege = *in->privilege,
	};
	struct program_options program = job.wanted->program;
	struct error emulation;
	result started;

	if (options_check(&job, err))
		return FAILED;
	program.terminal = job.wanted->attendance.terminal;
	started = emulation_start(&job, &emulation);
	if (store_open(in->ctx, in->globals->root, &job.store, err) ||
	    run_image_find(in->ctx, job.store, in->argv[0], &job.platform, job.pull, &job.image,
			   err))
		return FAILED;
	/* An image that is not there, or not for the platform, is the better reason. */
	if (started)
		*err = emulation;
	if (started ||
	    run_program_read(job.image->config, &program, in->argv + 1, &job.program, err) ||
	    (job.wanted->read_only && run_binds_add_image(&job.binds, job.image->config, err)) ||
	    place_make(&job, err) || assist_prepare(&job, in->argv[0], err) ||
	    sandbox_start(&job, &in->status, err))
		return fail_in(err, "%s", in->argv[0]);
	return OK;
}

const struct command command_run = {
	.name = "run",
	.arguments = "[OPTIONS] IMAGE [COMMAND [ARGUMENTS...]]",
	.summary = "Run a program of an image",
	.example = "mpemu run --platform linux/riscv64 debian:sid uname -m",
	.text = "The image comes from the store, else from its registry.  What the program writes "
		"to\nthe image is thrown away at its end; its exit status is passed on (128 + N "
		"for signal N,\n127 and 126 if it cannot be started).\n",
	.options = options,
	.option_count = countof(options),
	.refused = run_refused,
	.options_size = sizeof(struct run_options),
	.arguments_min = 1,
	.arguments_max = -1,
	.needs_ids = true,
	.sandboxes = RUNS_ONE,
	.stops_at_argument = true,
	.passes_signals = true,
	.run = run_run,
};
