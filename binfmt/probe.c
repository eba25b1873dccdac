/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The probe runs in a root that holds nothing but the program, as in the emptiest container: what
 * works here works in every image.  The root is a tmpfs in a mount namespace of the child's own,
 * so that the kernel cleans it all up, however the child ends.
 */
#include "binfmt/probe.h"

#include "binfmt/elf.h"
#include "binfmt/misc.h"
#include "binfmt/process.h"
#include "binfmt/userns.h"

#include "base/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_ARGC = 2 };

enum step { STEP_NAMESPACE = 1, STEP_REGISTER, STEP_ROOT, STEP_FILE, STEP_EXEC };

static const char *const step_names[] = {
	[STEP_NAMESPACE] = "make a namespace",
	[STEP_REGISTER] = "register the emulator",
	[STEP_ROOT] = "make an empty root",
	[STEP_FILE] = "write the program",
	[STEP_EXEC] = "execute it",
};

struct plan {
	const struct program *program;
	enum probe_root root;
	const char *rule; /* registered in a binfmt_misc of the child's own; NULL: none is made */
	bool is_root;
	struct userns userns;
};

static char *const probe_argv[] = { (char[]){ "mpemu-probe" }, (char[]){ "x" }, NULL };
static char *const probe_envp[] = { NULL };

static int register_rule(const char *rule)
{
	int fd;

	if (mount("binfmt_misc", MISC_PATH, "binfmt_misc", 0, NULL) < 0)
		return -1;
	fd = open(MISC_PATH "/register", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, rule, strlen(rule)) == (ssize_t)strlen(rule) ? 0 : -1;
}

static int enter_empty_root(const struct plan *plan)
{
	if (plan->is_root && !plan->rule ? unshare(CLONE_NEWNS) < 0
					 : userns_make(&plan->userns) < 0)
		return STEP_NAMESPACE;
	if (plan->rule && register_rule(plan->rule) < 0)
		return STEP_REGISTER;
	/* Over /proc, because that directory is everywhere; nobody else sees the mount. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("mpemu-probe", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "size=256k,mode=755") <
		    0 ||
	    chdir("/proc") < 0 || chroot(".") < 0)
		return STEP_ROOT;
	return 0;
}

static bool write_program(int fd, const struct program *program)
{
	return fd >= 0 && write(fd, program->elf, program->length) == (ssize_t)program->length;
}

static int execute_here(const struct program *program)
{
	/* Not close-on-exec: an emulator without flag O opens its program by this very name. */
	int fd = memfd_create("mpemu-probe", 0);
	char path[32] = "/proc/self/fd/";

	/* One digit: process_run() has left 0 to 3 open. */
	if (!write_program(fd, program) || fd > 9)
		return STEP_FILE;
	path[strlen(path)] = (char)('0' + fd);
	execve(path, probe_argv, probe_envp);
	return STEP_EXEC;
}

/** In the child: system calls only. */
static int probe_child(const void *arg)
{
	const struct plan *plan = arg;
	int step, fd;

	if (plan->root == PROBE_THIS_ROOT)
		return execute_here(plan->program);
	step = enter_empty_root(plan);
	if (step)
		return step;
	fd = open("/probe", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (!write_program(fd, plan->program) || close(fd) < 0)
		return STEP_FILE;
	execve("/probe", probe_argv, probe_envp);
	return STEP_EXEC;
}

static struct probe judge_failed_step(const struct process *process)
{
	struct probe probe = { .verdict = PROBE_IMPOSSIBLE, .error = process->failed_errno };

	if (process->failed_step != STEP_EXEC) {
		snprintf(probe.why, sizeof(probe.why), "cannot try it: %s: %s",
			 step_names[process->failed_step], strerror(process->failed_errno));
		return probe;
	}
	probe.verdict = PROBE_NOT_STARTED;
	if (process->failed_errno == ENOEXEC)
		snprintf(probe.why, sizeof(probe.why), "exec format error");
	else
		snprintf(probe.why, sizeof(probe.why), "a program is not started: %s",
			 strerror(process->failed_errno));
	return probe;
}

static struct probe judge(const struct program *program, const struct process *process)
{
	struct probe probe = { .verdict = PROBE_FAILED };
	int code = WIFEXITED(process->status) ? WEXITSTATUS(process->status) : -1;

	if (process->failed_step)
		return judge_failed_step(process);
	if (process->timed_out)
		snprintf(probe.why, sizeof(probe.why), "a test program hangs (killed after %d s)",
			 PROCESS_PATIENCE_MS / 1000);
	else if (WIFSIGNALED(process->status))
		snprintf(probe.why, sizeof(probe.why), "a test program was killed by SIG%s",
			 sigabbrev_np(WTERMSIG(process->status)) ?: "?");
	else if (strcmp(process->output, program->says) != 0)
		snprintf(probe.why, sizeof(probe.why),
			 "a test program ended with status %d and without its output", code);
	else if (code == PROGRAM_STATUS + PROBE_ARGC)
		probe.verdict = PROBE_RAN;
	else if (code == PROGRAM_STATUS + PROBE_ARGC + 1 || code == PROGRAM_STATUS + PROBE_ARGC - 1)
		probe = (struct probe){ .verdict = PROBE_SHIFTED,
					.why = "arguments arrive shifted: emulator and kernel "
					       "disagree about flag P" };
	else
		snprintf(probe.why, sizeof(probe.why),
			 "a test program ended with status %d, not %d", code,
			 PROGRAM_STATUS + PROBE_ARGC);
	return probe;
}

static result run(struct plan plan, struct probe *out, struct error *err)
{
	struct process process;

	plan.is_root = geteuid() == 0;
	plan.userns = userns_plan();
	if (process_run(probe_child, &plan, PROCESS_PATIENCE_MS, &process, err))
		return fail_in(err, "probe");
	*out = judge(plan.program, &process);
	return OK;
}

result probe_run(const struct program *program, enum probe_root root, struct probe *out,
		 struct error *err)
{
	return run((struct plan){ .program = program, .root = root }, out, err);
}

result probe_run_private(const struct program *program, const char *rule, struct probe *out,
			 struct error *err)
{
	return run((struct plan){ .program = program, .rule = rule }, out, err);
}

result platform_probe(const struct platform *platform, bool *ran, char why[256], struct error *err)
{
	const struct emulator *emulator = emulator_for(platform);
	struct program program;
	struct probe probe;
	char text[PLATFORM_TEXT_MAX];

	if (!emulator || !program_make(emulator, &program))
		return fail(err, FAULT_INPUT, "%s: no test program is known for this platform",
			    platform_text(platform, text));
	if (probe_run(&program, PROBE_EMPTY_ROOT, &probe, err))
		return FAILED;
	*ran = probe.verdict == PROBE_RAN;
	memcpy(why, probe.why, sizeof(probe.why));
	return OK;
}

/* clang-format off */
/** Modes of 64-bit machines that kernel and CPU may both still have. */
static const struct {
	const char *host, *runs;
} modes[] = {
	{ "x86_64",   "i386"     },
	{ "aarch64",  "arm"      },
	{ "mips64el", "mipsel"   },
	{ "mips64el", "mipsn32el" },
	{ "mips64",   "mips"     },
	{ "mips64",   "mipsn32"  },
	{ "ppc64",    "ppc"      },
	{ "sparc64",  "sparc"    },
	{ "riscv64",  "riscv32"  },
};
/* clang-format on */

bool host_may_run(const struct emulator *emulator)
{
	const struct emulator *host = emulator_host();

	if (!host || emulator == host)
		return emulator == host;
	for (size_t i = 0; i < countof(modes); i++) {
		if (strcmp(modes[i].host, emulator_arch(host)) == 0 &&
		    strcmp(modes[i].runs, emulator_arch(emulator)) == 0)
			return true;
	}
	return false;
}

/** Whether the CPU has what an x86-64 level promises, by features that none below it has. */
static bool has_level(const char *variant)
{
#ifdef __x86_64__
	bool v2 = cpu_has(x86_cpu_SSE4_2) && cpu_has(x86_cpu_POPCNT);
	bool v3 = v2 && cpu_has(x86_cpu_AVX2) && cpu_has(x86_cpu_BMI1) && cpu_has(x86_cpu_BMI2) &&
		  cpu_has(x86_cpu_FMA);
	bool v4 = v3 && cpu_has(x86_cpu_AVX512F) && cpu_has(x86_cpu_AVX512BW) &&
		  cpu_has(x86_cpu_AVX512CD) && cpu_has(x86_cpu_AVX512DQ) &&
		  cpu_has(x86_cpu_AVX512VL);

	if (variant[0])
		return strcmp(variant, "v2") == 0   ? v2
		       : strcmp(variant, "v3") == 0 ? v3
		       : strcmp(variant, "v4") == 0 ? v4
						    : false;
#endif
	return !variant[0];
}

bool platform_is_native(const struct platform *platform)
{
	struct platform host = platform_host();
	owned(misc) struct misc misc = { .dir_fd = -1 };
	const struct emulator *emulator = emulator_for(platform);
	struct program program;
	struct probe probe;
	struct error ignored;

	if (strcmp(platform->os, host.os) != 0)
		return false;
	if (strcmp(platform->arch, "amd64") == 0 && strcmp(host.arch, "amd64") == 0)
		return has_level(platform->variant);
	if (strcmp(platform->arch, host.arch) == 0)
		return !host.variant[0] || platform_distance(platform, &host) > 0;
	if (!emulator || !host_may_run(emulator) || !program_make(emulator, &program))
		return false;
	/* An entry for it would come before the CPU. */
	if (misc_open(false, &misc, &ignored) ||
	    misc_match(&misc, program.elf, program.length, emulator->name))
		return false;
	return probe_run(&program, PROBE_EMPTY_ROOT, &probe, &ignored) == OK &&
	       probe.verdict == PROBE_RAN;
}
