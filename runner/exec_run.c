/* SPDX-License-Identifier: Apache-2.0 */
/**
 * RUN: a program in a sandbox on top of the layers so far; what it leaves in upper is the layer.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "binfmt/binfmt.h"
#include "runner/emulation.h"
#include "runner/exec.h"
#include "runner/exec_assist.h"
#include "runner/exec_mounts.h"
#include "runner/expand.h"
#include "runner/explain.h"
#include "runner/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* Handed to RUN where --build-arg gives them, yet neither in the key nor in the history. */
static const char *const proxy_args[][2] = {
	{ "HTTP_PROXY", "http_proxy" }, { "HTTPS_PROXY", "https_proxy" },
	{ "FTP_PROXY", "ftp_proxy" },   { "NO_PROXY", "no_proxy" },
	{ "ALL_PROXY", "all_proxy" },
};

/** What one RUN needs, worked out before its key. */
struct run {
	struct strings argv, env;
	char *cwd; /* cleaned: what WORKDIR says may lead through what is not there */
	const char *user;
	enum network network;
	bool insecure; /* --security=insecure */
	struct run_mounts mounts;
	const struct heredoc *script; /* mounted and executed; NULL: none */
};

static void run_drop(struct run *run)
{
	strings_drop(&run->argv);
	strings_drop(&run->env);
	free(run->cwd);
	run_mounts_drop(&run->mounts);
}

/* ---- the command ---- */

/** Where a heredoc that begins with #! is found. */
static const char script_directory[] = "/dev/pipes";

/**
 * What the shell gets: a heredoc alone is its own text, or a script's name; one among other words
 * is put together again as it was written, for the shell to read.
 */
static void command_make(const struct job *job, struct run *run)
{
	const struct instruction *instruction = job->step->instruction;
	const struct heredoc *heredoc = NULL;
	owned(buf) struct buf text = {};

	job_command(job, &run->argv);
	if (!instruction->heredoc_count || !run->argv.count)
		return;
	heredoc = instruction_heredoc(instruction, instruction->args[0]);
	if (heredoc && starts_with(heredoc->text, "#!")) {
		run->script = heredoc;
		buf_printf(&text, "%s/%s", script_directory, heredoc->name);
	} else if (heredoc) {
		buf_add_str(&text, heredoc->text);
	} else {
		buf_add_str(&text, instruction->args[0]);
		for (size_t i = 0; i < instruction->heredoc_count; i++)
			buf_printf(&text, "\n%s%s", instruction->heredocs[i].content,
				   instruction->heredocs[i].name);
	}
	free(run->argv.items[run->argv.count - 1]);
	run->argv.items[run->argv.count - 1] = buf_take(&text);
}

/** Allowed or not: as BuildKit, only where the command line says so too. */
static result run_security(const struct job *job, bool *insecure, struct error *err)
{
	const char *flag = instruction_flag(job->step->instruction, "security");

	if (!flag || strcmp(flag, "insecure") != 0)
		return OK;
	if (!job->build->request->allows_insecure)
		return fail(err, FAULT_INPUT,
			    "RUN --security=insecure is not allowed: say --allow security.insecure "
			    "where you trust the Dockerfile");
	*insecure = true;
	return OK;
}

static result run_network(const struct job *job, enum network *out, struct error *err)
{
	const char *flag = instruction_flag(job->step->instruction, "network");

	*out = job->build->request->network;
	if (!flag || strcmp(flag, "default") == 0)
		return OK;
	if (strcmp(flag, "none") == 0)
		*out = NETWORK_NONE;
	else if (!job->build->request->allows_host_network)
		return fail(err, FAULT_INPUT,
			    "RUN --network=host is not allowed: say --allow network.host");
	else
		*out = NETWORK_HOST;
	return OK;
}

static result run_prepare(const struct job *job, struct run *run, struct error *err)
{
	command_make(job, run);
	strings_add_all(&run->env, job->snapshot->env.items);
	run->user = snapshot_text(job->snapshot, "User");
	run->cwd = path_absolute(snapshot_text(job->snapshot, "WorkingDir"));
	if (run_network(job, &run->network, err) || run_security(job, &run->insecure, err))
		return FAILED;
	return run_mounts_parse(job, &run->mounts, &run->env, err);
}

static void hash_strings(struct hasher *hasher, const struct strings *strings)
{
	hasher_add(hasher, &strings->count, sizeof(strings->count));
	for (size_t i = 0; i < strings->count; i++)
		hasher_add_str(hasher, strings->items[i]);
}

/** What the command line gives to every RUN; of --add-host only the names. */
static void hash_request(struct hasher *hasher, const struct build_request *request)
{
	for (size_t i = 0; i < request->hosts.count; i++)
		hasher_add_str(hasher, strchr(request->hosts.items[i], '\t') + 1);
	for (size_t i = 0; i < request->limit_count; i++) {
		const uint64_t words[] = { (uint64_t)request->limits[i].resource,
					   request->limits[i].soft, request->limits[i].hard };

		hasher_add(hasher, words, sizeof(words));
	}
	hasher_add(hasher, &request->shm_size, sizeof(request->shm_size));
}

static result run_key(const struct job *job, const struct run *run, struct digest *out,
		      struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char text[PLATFORM_TEXT_MAX];

	hasher_add_str(hasher, "mpemu run 2");
	hasher_add(hasher, job->snapshot->files.bytes, sizeof(job->snapshot->files.bytes));
	hasher_add_str(hasher, platform_text(job->step->platform, text));
	hash_strings(hasher, &run->argv);
	hash_strings(hasher, &run->env);
	hasher_add_str(hasher, run->cwd);
	hasher_add_str(hasher, run->user);
	hasher_add_str(hasher, run->network == NETWORK_NONE ? "none" : "host");
	hasher_add_str(hasher, run->script ? run->script->text : "");
	if (run->insecure)
		hasher_add_str(hasher, "insecure");
	hash_request(hasher, job->build->request);
	if (run_mounts_hash(job, &run->mounts, hasher, err))
		return FAILED;
	*out = hasher_finish(hasher);
	return OK;
}

/** In whatever case one is given, programs see it in both. */
static void add_proxies(const struct job *job, struct strings *env)
{
	const struct strings *args = &job->build->request->build_args;

	for (size_t i = 0; i < countof(proxy_args); i++) {
		const char *value = env_get(args, proxy_args[i][1]);

		for (size_t a = args->count; !value && a > 0; a--) {
			const char *arg = args->items[a - 1];
			size_t length = strcspn(arg, "=");

			if (length == strlen(proxy_args[i][0]) && arg[length] &&
			    strncasecmp(arg, proxy_args[i][0], length) == 0)
				value = arg + length + 1;
		}
		if (!value || !*value)
			continue;
		env_set(env, proxy_args[i][0], value);
		env_set(env, proxy_args[i][1], value);
	}
}

static result run_sandbox(struct job *job, const struct run *run, const struct sandbox_spec *spec,
			  const char *how, struct error *err)
{
	owned(sandbox) struct sandbox *sandbox = NULL;
	owned(output_pump) struct output_pump *output = NULL;
	struct sandbox_spec whole = *spec;
	struct sandbox_exit status = {};
	result ran;

	if (output_new(job->build->ctx, job->step, &output, err))
		return FAILED;
	whole.output_fd = whole.error_fd = output_fd(output);
	if (sandbox_compile(&whole, &sandbox, err))
		return FAILED;
	ran = sandbox_run(job->build->ctx, sandbox, &status, err);
	output_finish(output);
	if (ran)
		return FAILED;
	return status.status ? (result)explain_exit(job, &run->argv, &status, how, err) : OK;
}

/** The script's own mount, last, since it is the deepest in /dev. */
static void script_bind(struct run *run, struct bind_file *file, struct strings *path)
{
	if (!run->script)
		return;
	strings_printf(path, "%s/%s", script_directory, run->script->name);
	*file = (struct bind_file){
		.data = run->script->text,
		.size = strlen(run->script->text),
		.mode = 0755,
	};
	run->mounts.binds[run->mounts.bind_count++] = (struct bind){
		.target = path->items[0],
		.file = file,
		.read_only = true,
	};
}

/**
 * All capabilities and system calls of its user namespace: it mounts and unshares as it likes, and
 * is still nobody on this host.
 */
static void spec_insecure(struct sandbox_spec *spec)
{
	static const char *const all[] = { "ALL" };

	spec->cap_add = all;
	spec->cap_add_count = countof(all);
	spec->seccomp = "unconfined";
}

/** What all steps of the build have in common. */
static void spec_request(const struct job *job, struct sandbox_spec *spec)
{
	const struct build_request *request = job->build->request;

	spec->hosts = (const char *const *)request->hosts.items;
	spec->host_count = request->hosts.count;
	spec->limits = request->limits;
	spec->limit_count = request->limit_count;
	spec->shm_size = request->shm_size;
	spec->resources = request->resources;
	spec->resources.ends_whole = true;
	spec->shows_group = true;
	spec->timeout_ms = request->timeout_ms;
}

static void spec_rules(struct sandbox_spec *spec, const struct strings *rules)
{
	spec->binfmt_rules = rules->count ? (const char *const *)rules->items : NULL;
	spec->binfmt_rule_count = rules->count;
}

/** Where two runs left something else, a third one tells what no two runs leave alike. */
static result run_compared(struct job *job, const struct run *run, const struct sandbox_spec *plain,
			   int native, int emulated, const char *how, struct error *err)
{
	const struct ctx *ctx = job->build->ctx;
	owned(rerun) struct rerun again = { .upper = -1 };
	owned(differences) struct differences found = {}, unstable = {}, always = {};

	if (trees_compare(ctx, native, emulated, &found, err))
		return fail_in(err, "verify native assist");
	differences_move_known(&found, &unstable);
	if (found.count) {
		if (rerun_start(job, plain, &again, err) ||
		    run_sandbox(job, run, &again.spec, how, err))
			return FAILED;
		if (trees_compare(ctx, emulated, again.upper, &always, err))
			return fail_in(err, "verify native assist");
		differences_move(&found, always.paths.items, &unstable);
	}
	return verification_tell(job, &found, &unstable, err);
}

/** After a run with native twins, which ended as `ran`: run without, and compare. */
static result run_verified(struct job *job, const struct run *run, const struct sandbox_spec *plain,
			   const char *how, result ran, struct error *err)
{
	owned(fd) int native = open(plain->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	owned(rerun) struct rerun without = { .upper = -1 };
	struct error ignored = {};
	result emulated;

	if (native < 0)
		return fail_sys(err, "open %s", plain->upper);
	if (rerun_start(job, plain, &without, err))
		return FAILED;
	emulated = run_sandbox(job, run, &without.spec, how, ran ? &ignored : err);
	if (ran != emulated)
		return fail_in(err, "the step fails only %s native assist",
			       ran ? "with" : "without");
	if (ran || cancel_check(job->build->ctx, err))
		return FAILED;
	return run_compared(job, run, plain, native, without.upper, how, err);
}

/** Run with native twins; then, if it is to be verified, without. */
static result run_assisted(struct job *job, const struct run *run, const struct sandbox_spec *plain,
			   struct assist *assist, const char *how, struct error *err)
{
	const char *const rules[] = { assist_rule(assist) };
	struct sandbox_spec spec = *plain;
	char at[ASSIST_NAME_SIZE];
	result ran;

	spec.assist = assist_spec(assist);
	spec.binfmt_rules = rules;
	spec.binfmt_rule_count = 1;
	ran = run_sandbox(job, run, &spec, how, err);
	job_assist_tell(job, assist);
	if (assist_tripped(assist, at) && !job->refuse_long_double) {
		job->refuse_long_double = job->crashed = true;
		if (*at)
			return fail(err, FAULT_STEP,
				    "a native tool came to %s, which the target's would have to do",
				    at);
		return fail(err, FAULT_STEP,
			    "a native tool would have read a long double, or computed what is no "
			    "number");
	}
	if (!assist_mode_verifies(job->build->request->assist) ||
	    cancel_fired(job->build->ctx->cancel))
		return ran;
	return run_verified(job, run, plain, how, ran, err);
}

static result run_mounted(struct job *job, struct run *run, struct sandbox_spec *spec,
			  const char *workdir, struct error *err)
{
	owned(strings) struct strings rules = {}, script_path = {};
	owned(assist) struct assist *assist = NULL;
	owned(buf) struct buf how = {}, engine = {};
	struct bind_file script;

	if (emulation_prepare(job->build->request->root, job->step->platform, &rules, &engine, &how,
			      err))
		return FAILED;
	spec->engine = engine.length ? buf_text(&engine) : NULL;
	script_bind(run, &script, &script_path);
	spec->binds = run->mounts.binds;
	spec->bind_count = run->mounts.bind_count;
	spec->envp = (const char *const *)run->env.items;
	spec_rules(spec, &rules);
	spec_request(job, spec);
	if (run->insecure)
		spec_insecure(spec);
	else if (!platform_is_native(job->step->platform) &&
		 job_assist_start(job, workdir, &assist, err))
		return FAILED;
	return assist ? run_assisted(job, run, spec, assist, buf_text(&how), err)
		      : run_sandbox(job, run, spec, buf_text(&how), err);
}

/** What was mounted besides /dev, /proc and /sys. */
static void targets_list(const struct job *job, const struct run *run, struct strings *out)
{
	strings_add(out, "/etc/resolv.conf");
	strings_add(out, "/etc/hosts");
	/* A mount of the builder's, where it has a size of its own. */
	if (job->build->request->shm_size)
		strings_add(out, "/dev/shm");
	if (run->script)
		strings_printf(out, "%s/%s", script_directory, run->script->name);
	for (size_t i = 0; i < run->mounts.count; i++) {
		if (run->mounts.items[i].target)
			strings_add(out, run->mounts.items[i].target);
	}
}

/** Files to mount on were made there and removed again: that is no time of the base's. */
static void hosts_time(int upper_fd, int below)
{
	struct stat here, there, info;

	if (fstatat(upper_fd, "etc", &here, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(here.st_mode) ||
	    fstatat(below, "etc", &there, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (fstatat(below, "etc/resolv.conf", &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	     fstatat(below, "etc/hosts", &info, AT_SYMLINK_NOFOLLOW) == 0))
		return;
	if (here.st_mtim.tv_sec == there.st_mtim.tv_sec &&
	    here.st_mtim.tv_nsec == there.st_mtim.tv_nsec)
		(void)!utimensat(upper_fd, "etc", NULL, AT_SYMLINK_NOFOLLOW);
}

/**
 * Where the image has no directories to mount on, builders leave in the layer those that they made
 * for their own mounts, unless they made them for one below, too.
 */
static result mount_points_leave(struct job *job, const struct run *run, const char *upper,
				 struct error *err)
{
	static const char *const names[] = { "dev", "proc", "sys" };
	owned(fd) int upper_fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	owned(strings) struct strings targets = {};
	struct stat info;

	if (upper_fd < 0)
		return fail_sys(err, "open %s", upper);
	if (job_below_open(job, err))
		return FAILED;
	for (size_t i = 0; i < countof(names); i++) {
		if (job->below_fd >= 0 &&
		    fstatat(job->below_fd, names[i], &info, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (mkdirat(upper_fd, names[i], 0755) < 0 && errno != EEXIST)
			return fail_sys(err, "make directory /%s", names[i]);
	}
	hosts_time(upper_fd, job->below_fd);
	targets_list(job, run, &targets);
	return mount_points_remove(upper_fd, job->below_fd, &targets, err);
}

static result run_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	struct run *run = closure;
	owned(fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	owned(str) char *upper = xasprintf("%s/upper", workdir);
	owned(str) char *work = xasprintf("%s/work", workdir);
	owned(str) char *scratch = xasprintf("%s/scratch", workdir);
	const char *hostname =
		env_get(&job->build->request->build_args, "BUILDKIT_SANDBOX_HOSTNAME");
	struct sandbox_spec spec = {
		.lowers = (const char *const *)job->snapshot->lowers.items,
		.lower_count = job->snapshot->lowers.count,
		.upper = upper,
		.work = work,
		.scratch = scratch,
		.privilege = job->build->privilege,
		.argv = (const char *const *)run->argv.items,
		.cwd = run->cwd,
		.user = run->user,
		.hostname = hostname && *hostname ? hostname : "buildkitsandbox",
		.leaves_hostname = true,
		.makes_devices = true,
		.narrow_words = emulation_is_narrow(job->step->platform),
		.network = run->network,
		.input_fd = null_fd,
		.new_terminal_session = true,
	};
	result ran;

	if (null_fd < 0)
		return fail_sys(err, "open /dev/null");
	add_proxies(job, &run->env);
	ran = run_mounts_open(job, &run->mounts, workdir, &run->env, err);
	if (!ran)
		ran = run_mounted(job, run, &spec, workdir, err);
	run_mounts_close(&run->mounts);
	return ran ? FAILED : mount_points_leave(job, run, upper, err);
}

/** "RUN |2 A=1 B=2 /bin/sh -c make # buildkit" */
static void run_history(const struct job *job, const struct run *run)
{
	owned(buf) struct buf text = {};
	const struct strings *args = &job->snapshot->args;

	buf_add_str(&text, "RUN ");
	if (args->count)
		buf_printf(&text, "|%zu ", args->count);
	for (size_t i = 0; i < args->count; i++) {
		owned(str) char *name = xstrndup(args->items[i], strcspn(args->items[i], "="));
		const char *value = env_get(&job->snapshot->env, name);
		const char *given = strchr(args->items[i], '=');

		buf_printf(&text, "%s=%s ", name, value ? value : given ? given + 1 : "");
	}
	for (size_t i = 0; i < run->argv.count; i++)
		buf_printf(&text, "%s%s", i ? " " : "", run->argv.items[i]);
	job_history(job, true, "%s # buildkit", buf_text(&text));
}

/** "mount / from exec /bin/sh -c make" */
static void run_maker(const struct run *run, struct buf *out)
{
	buf_add_str(out, "mount / from exec");
	for (size_t i = 0; i < run->argv.count; i++)
		buf_printf(out, " %s", run->argv.items[i]);
}

result exec_run(struct job *job, struct error *err)
{
	__attribute__((cleanup(run_drop))) struct run run = {};
	owned(buf) struct buf maker = {};
	struct digest key;

	if (run_prepare(job, &run, err) || run_key(job, &run, &key, err))
		return FAILED;
	run_maker(&run, &maker);
	job->maker = buf_text(&maker);
	if (job_layer(job, &key, run_make, &run, err))
		return FAILED;
	run_history(job, &run);
	return OK;
}
