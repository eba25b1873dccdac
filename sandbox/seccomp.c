/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An allow-list after the model of Docker's default profile, for programs without CAP_SYS_ADMIN.
 *
 * What is not listed fails with EPERM, except where programs fall back only on ENOSYS: clone3, and
 * calls newer than the newest one that this table or libseccomp knows of.  Arguments that the
 * kernel takes as 32 bits are compared as 32 bits: a filter that looks at all 64 lets
 * socket(0x100000028) through where it refuses socket(40).
 *
 * libseccomp writes the body; what it cannot express (everything but two values, unknown numbers)
 * is a short head of our own before it.
 */
#include "sandbox/seccomp.h"

#include "base/fd.h"
#include "base/mem.h"

#include <asm/ioctls.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* clang-format off */
static const char *const allowed[] = {
	/* files and directories */
	"_llseek", "access", "chdir", "chmod", "chown", "chown32", "chroot", "close", "close_range",
	"copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
	"fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
	"fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock",
	"fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64",
	"fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd", "getdents", "getdents64",
	"getxattr", "getxattrat", "ioctl", "lchown", "lchown32", "lgetxattr", "link", "linkat",
	"listxattr", "listxattrat", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"lstat64", "mkdir", "mkdirat", "mknod", "mknodat", "name_to_handle_at", "newfstatat",
	"open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64",
	"pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
	"removexattr", "removexattrat", "rename", "renameat", "renameat2", "rmdir", "sendfile",
	"sendfile64", "setxattr", "setxattrat", "splice", "stat", "stat64", "statfs", "statfs64",
	"statx", "symlink", "symlinkat", "sync", "sync_file_range", "sync_file_range2", "syncfs",
	"tee", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat",
	"utimensat_time64", "utimes", "vmsplice", "write", "writev", "cachestat", "listmount",
	"statmount",
	/* waiting for files */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "fanotify_mark",
	"inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel",
	"io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup",
	"io_submit", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select",
	"signalfd", "signalfd4", "timerfd_create", "timerfd_gettime", "timerfd_gettime64",
	"timerfd_settime", "timerfd_settime64",
	/* memory */
	"brk", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret",
	"mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal",
	"msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
	"process_mrelease", "remap_file_pages",
	/* processes and threads */
	"alarm", "arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex",
	"futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake",
	"get_robust_list", "get_thread_area", "getcpu", "getitimer", "getpgid", "getpgrp",
	"getpid", "getppid", "getpriority", "getrlimit", "getrusage", "getsid", "gettid",
	"ioprio_get", "ioprio_set", "kill", "modify_ldt", "pause", "pidfd_open",
	"pidfd_send_signal", "prctl", "prlimit64", "process_vm_readv", "process_vm_writev",
	"ptrace", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
	"sched_yield", "set_robust_list", "set_thread_area", "set_tid_address", "setitimer",
	"setpgid", "setpriority", "setrlimit", "setsid", "sigaltstack", "sigprocmask",
	"sigreturn", "tgkill", "times", "tkill", "ugetrlimit", "uretprobe", "vfork", "wait4",
	"waitid", "waitpid",
	/* who we are */
	"capget", "capset", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getresgid", "getresgid32", "getresuid", "getresuid32",
	"getuid", "getuid32", "landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self", "seccomp", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32",
	"setgid", "setgid32", "setgroups", "setgroups32", "setregid", "setregid32", "setresgid",
	"setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setuid", "setuid32",
	/* time and machine; setting the clock fails for want of a capability */
	"adjtimex", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
	"clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"getrandom", "gettimeofday", "nanosleep", "sysinfo", "time", "timer_create",
	"timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
	"timer_settime64", "uname",
	/* sockets; socket() itself is below */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
	"listen", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shutdown", "socketcall", "socketpair",
	/* System V and POSIX queues */
	"ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl",
	"msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop",
	"semtimedop_time64", "shmat", "shmctl", "shmdt", "shmget",
	/* of other architectures: passed over where unknown */
	"arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush",
	"riscv_flush_icache", "riscv_hwprobe", "set_tls", "swapcontext",
};

/** Calls that depend on one 32-bit argument: allowed where (argument & mask) == value. */
static const struct conditional {
	const char *name;
	unsigned argument;
	uint32_t mask, value;
} conditionals[] = {
	{ "clone", 0, CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
	  CLONE_NEWPID | CLONE_NEWNET, 0 },
	/* Linux, 32-bit uname, no randomisation for either, and asking */
	{ "personality", 0, UINT32_MAX, 0 },
	{ "personality", 0, UINT32_MAX, 0x8 },
	{ "personality", 0, UINT32_MAX, 0x20000 },
	{ "personality", 0, UINT32_MAX, 0x20008 },
	{ "personality", 0, UINT32_MAX, 0xffffffff },
};

/** Families of socket(), first to last: all but AF_ALG, AF_VSOCK and those that nobody misses. */
static const struct { uint8_t first, last; } families[] = {
	{ 0, 11 }, { 13, 18 }, { 21, 22 }, { 24, 24 }, { 26, 33 }, { 35, 36 }, { 39, 39 }, { 41, 45 },
};

/** Calls that programs try first and then do without, but only where the kernel lacks them. */
static const char *const absent[] = { "clone3" };

/** Known and refused; listed so that the newest call of all tables is really the newest known. */
static const char *const newest[] = {
	"futex_waitv", "set_mempolicy_home_node", "memfd_secret", "process_mrelease",
};

/** An architecture that a filter covers, as libseccomp and the kernel name it. */
static const struct arch {
	uint32_t native, seccomp, audit;
	int ioctl_number;
	bool emulated_too;
} arches[] = {
	{ SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 16, true },
	{ SCMP_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_I386, 54, false },
	{ SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 29, true },
	{ SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 54, false },
	{ SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, 54, true },
	{ SCMP_ARCH_RISCV64, SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, 29, true },
};
/* clang-format on */

static bool arch_serves(const struct arch *arch, enum filter_kind kind)
{
	return arch->native == seccomp_arch_native() &&
	       (kind == FILTER_NATIVE || arch->emulated_too);
}

/** libseccomp reports by negative errno; a call that an architecture lacks is no error. */
static result rule_check(int status, const char *name, struct error *err)
{
	if (status == 0 || status == -EDOM || status == -EEXIST)
		return OK;
	errno = -status;
	return fail_sys(err, "filter rule for %s", name);
}

static result rules_plain(scmp_filter_ctx body, uint32_t action, const char *const *names,
			  size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		if (number == __NR_SCMP_ERROR)
			continue;
		if (rule_check(seccomp_rule_add(body, action, number, 0), names[i], err))
			return FAILED;
	}
	return OK;
}

static result rule_masked(scmp_filter_ctx body, const struct conditional *rule, struct error *err)
{
	struct scmp_arg_cmp compare = { rule->argument, SCMP_CMP_MASKED_EQ, rule->mask,
					rule->value };
	int number = seccomp_syscall_resolve_name(rule->name);

	return rule_check(seccomp_rule_add_array(body, SCMP_ACT_ALLOW, number, 1, &compare),
			  rule->name, err);
}

static result rules_conditional(scmp_filter_ctx body, struct error *err)
{
	for (size_t i = 0; i < countof(conditionals); i++) {
		if (rule_masked(body, &conditionals[i], err))
			return FAILED;
	}
	for (size_t i = 0; i < countof(families); i++) {
		for (uint32_t family = families[i].first; family <= families[i].last; family++) {
			struct conditional rule = { "socket", 0, UINT32_MAX, family };

			if (rule_masked(body, &rule, err))
				return FAILED;
		}
	}
	return OK;
}

static result arches_add(scmp_filter_ctx body, enum filter_kind kind, struct error *err)
{
	for (size_t i = 0; i < countof(arches); i++) {
		if (!arch_serves(&arches[i], kind))
			continue;
		if (rule_check(seccomp_arch_add(body, arches[i].seccomp), "architecture", err))
			return FAILED;
	}
	return OK;
}

static result body_build(scmp_filter_ctx body, enum filter_kind kind, struct error *err)
{
	if (arches_add(body, kind, err) ||
	    rules_plain(body, SCMP_ACT_ALLOW, allowed, countof(allowed), err) ||
	    rules_plain(body, SCMP_ACT_ERRNO(ENOSYS), absent, countof(absent), err) ||
	    rules_conditional(body, err))
		return FAILED;
	seccomp_attr_set(body, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A binary tree instead of a list; libseccomp before 2.5 has none and stays slower. */
	seccomp_attr_set(body, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return OK;
}

/** The highest number of all calls that the tables name. */
static uint32_t newest_known(uint32_t arch)
{
	static const struct {
		const char *const *names;
		size_t count;
	} tables[] = {
		{ allowed, countof(allowed) },
		{ absent, countof(absent) },
		{ newest, countof(newest) },
	};
	int best = 0;

	for (size_t i = 0; i < countof(tables); i++) {
		for (size_t j = 0; j < tables[i].count; j++) {
			int number = seccomp_syscall_resolve_name_arch(arch, tables[i].names[j]);

			best = number > best ? number : best;
		}
	}
	return (uint32_t)best;
}

#define LOAD(field)               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(action)            BPF_STMT(BPF_RET | BPF_K, action)
#define JUMP(how, value, yes, no) BPF_JUMP(BPF_JMP | (how) | BPF_K, value, yes, no)

enum { HEAD_LENGTH = 11 };

/**
 * For one architecture, before the body: unknown new calls do not exist, and no terminal's input
 * is forged.  On x86-64 the numbers of x32 are left to the body, which kills.
 */
static void head_write(const struct arch *arch, struct sock_filter out[HEAD_LENGTH])
{
	const struct sock_filter head[HEAD_LENGTH] = {
		LOAD(arch),
		JUMP(BPF_JEQ, arch->audit, 0, 9),
		LOAD(nr),
		JUMP(BPF_JGE, 0x40000000, 7, 0),
		JUMP(BPF_JGT, newest_known(arch->seccomp), 4, 0),
		JUMP(BPF_JEQ, (uint32_t)arch->ioctl_number, 0, 5),
		LOAD(args[1]), /* its low word: all architectures above are little-endian */
		JUMP(BPF_JEQ, TIOCSTI, 2, 0),
		JUMP(BPF_JEQ, TIOCLINUX, 1, 2),
		RETURN(SECCOMP_RET_ERRNO | ENOSYS),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
	};

	memcpy(out, head, sizeof(head));
}

/** Heads, then the body: jumps are relative, so the body does not mind. */
static result filter_join(enum filter_kind kind, const struct buf *body, struct filter *out,
			  struct error *err)
{
	size_t body_count = body->length / sizeof(struct sock_filter);
	size_t room = countof(arches) * (HEAD_LENGTH + 1) + body_count, count = 0;
	struct sock_filter *code = xcalloc(room, sizeof(*code));

	for (size_t i = 0; i < countof(arches); i++) {
		if (!arch_serves(&arches[i], kind))
			continue;
		head_write(&arches[i], code + count);
		count += HEAD_LENGTH;
	}
	memcpy(code + count, body->data, body_count * sizeof(*code));
	count += body_count;
	if (count > BPF_MAXINSNS) {
		free(code);
		return fail(err, FAULT_SYSTEM, "the filter has %zu instructions", count);
	}
	*out = (struct filter){ code, (unsigned short)count };
	return OK;
}

static result body_export(scmp_filter_ctx body, struct buf *out, struct error *err)
{
	owned(fd) int fd = memfd_create("filter", MFD_CLOEXEC);
	int status;

	if (fd < 0)
		return fail_sys(err, "memfd");
	status = seccomp_export_bpf(body, fd);
	if (status < 0) {
		errno = -status;
		return fail_sys(err, "export the filter");
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_sys(err, "memfd");
	return read_all(fd, BPF_MAXINSNS * sizeof(struct sock_filter), out, err);
}

static result filter_build(enum filter_kind kind, struct filter *out, struct error *err)
{
	scmp_filter_ctx body = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	owned(buf) struct buf code = {};
	result status;

	if (!body)
		return fail(err, FAULT_SYSTEM, "libseccomp does not know this architecture");
	status = body_build(body, kind, err) || body_export(body, &code, err) ||
				 filter_join(kind, &code, out, err)
			 ? FAILED
			 : OK;
	seccomp_release(body);
	return status;
}

/** What filter_get() keeps; each is written once, under its pthread_once. */
static struct {
	struct filter filter;
	struct error err;
	result status;
} built[FILTER_KINDS];

static void build_native(void)
{
	built[FILTER_NATIVE].status = filter_build(FILTER_NATIVE, &built[FILTER_NATIVE].filter,
						   &built[FILTER_NATIVE].err);
}

static void build_emulated(void)
{
	built[FILTER_EMULATED].status = filter_build(
		FILTER_EMULATED, &built[FILTER_EMULATED].filter, &built[FILTER_EMULATED].err);
}

result filter_get(enum filter_kind kind, const struct filter **out, struct error *err)
{
	static pthread_once_t once[FILTER_KINDS] = { PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT };
	static void (*const build[FILTER_KINDS])(void) = { build_native, build_emulated };

	pthread_once(&once[kind], build[kind]);
	if (built[kind].status) {
		*err = built[kind].err;
		return fail_in(err, "seccomp");
	}
	*out = &built[kind].filter;
	return OK;
}
