/* SPDX-License-Identifier: Apache-2.0 */
/**
 * RUN: a program in a sandbox on top of the layers so far; what it leaves in upper is the layer.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/emulation.h"
#include "runner/exec.h"
#include "runner/expand.h"
#include "runner/explain.h"
#include "runner/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Handed to RUN where --build-arg gives them, yet neither in the key nor in the history. */
static const char *const proxy_args[] = {
	"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
	"ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy",
};

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What one RUN needs, worked out before its key. */
struct run {
	struct strings argv, env;
	const char *cwd, *user;
	enum network network;
};

static void run_drop(struct run *run)
{
	strings_drop(&run->argv);
	strings_drop(&run->env);
}

static result run_network(const struct job *job, enum network *out, struct error *err)
{
	const char *flag = instruction_flag(job->step->instruction, "network");

	*out = job->build->request->network;
	if (!flag || strcmp(flag, "default") == 0)
		return OK;
	if (strcmp(flag, "none") == 0)
		*out = NETWORK_NONE;
	else if (strcmp(flag, "host") == 0 && *out == NETWORK_HOST)
		return OK;
	else
		return fail(
			err, FAULT_INPUT, "RUN --network=%s: want default, none or host%s", flag,
			strcmp(flag, "host") == 0 ? ", and host only without --network=none" : "");
	return OK;
}

static result run_prepare(const struct job *job, struct run *run, struct error *err)
{
	job_command(job, &run->argv);
	strings_add_all(&run->env, job->snapshot->env.items);
	if (!env_get(&run->env, "PATH"))
		env_set(&run->env, "PATH", default_path);
	run->user = snapshot_text(job->snapshot, "User");
	run->cwd = snapshot_text(job->snapshot, "WorkingDir");
	if (!*run->cwd)
		run->cwd = "/";
	return run_network(job, &run->network, err);
}

static void hash_strings(struct hasher *hasher, const struct strings *strings)
{
	hasher_add(hasher, &strings->count, sizeof(strings->count));
	for (size_t i = 0; i < strings->count; i++)
		hasher_add_str(hasher, strings->items[i]);
}

static struct digest run_key(const struct job *job, const struct run *run)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char text[PLATFORM_TEXT_MAX];

	hasher_add_str(hasher, "mpemu run 1");
	hasher_add(hasher, job->snapshot->files.bytes, sizeof(job->snapshot->files.bytes));
	hasher_add_str(hasher, platform_text(job->step->platform, text));
	hash_strings(hasher, &run->argv);
	hash_strings(hasher, &run->env);
	hasher_add_str(hasher, run->cwd);
	hasher_add_str(hasher, run->user);
	hasher_add_str(hasher, run->network == NETWORK_NONE ? "none" : "host");
	return hasher_finish(hasher);
}

static void add_proxies(const struct job *job, struct strings *env)
{
	for (size_t i = 0; i < countof(proxy_args); i++) {
		const char *value = env_get(&job->build->request->build_args, proxy_args[i]);

		if (value && !env_get(env, proxy_args[i]))
			env_set(env, proxy_args[i], value);
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

static result run_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	struct run *run = closure;
	owned(strings) struct strings rules = {};
	owned(buf) struct buf how = {};
	owned(fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	owned(str) char *upper = xasprintf("%s/upper", workdir);
	owned(str) char *work = xasprintf("%s/work", workdir);
	owned(str) char *scratch = xasprintf("%s/scratch", workdir);
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
		.hostname = "buildkitsandbox",
		.network = run->network,
		.input_fd = null_fd,
		.new_terminal_session = true,
	};

	if (null_fd < 0)
		return fail_sys(err, "open /dev/null");
	if (emulation_prepare(job->step->platform, &rules, &how, err))
		return FAILED;
	add_proxies(job, &run->env);
	spec.envp = (const char *const *)run->env.items;
	if (rules.count) {
		spec.binfmt_rules = (const char *const *)rules.items;
		spec.binfmt_rule_count = rules.count;
	}
	return run_sandbox(job, run, &spec, buf_text(&how), err);
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

result exec_run(struct job *job, struct error *err)
{
	__attribute__((cleanup(run_drop))) struct run run = {};
	struct digest key;

	if (run_prepare(job, &run, err))
		return FAILED;
	key = run_key(job, &run);
	if (job_layer(job, &key, run_make, &run, err))
		return FAILED;
	run_history(job, &run);
	return OK;
}
