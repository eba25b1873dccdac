/* SPDX-License-Identifier: Apache-2.0 */
/**
 * After the model of Docker's default profile.
 */
#include "sandbox/calls.h"

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>

/* clang-format off */
const char *const calls_allowed[] = {
	/* files and directories */
	"_llseek", "access", "chdir", "chmod", "chown", "chown32", "chroot", "close", "close_range",
	"copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
	"fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
	"fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock",
	"fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64",
	"fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd", "getdents", "getdents64",
	"getxattr", "getxattrat", "lchown", "lchown32", "lgetxattr", "link", "linkat",
	"listxattr", "listxattrat", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"lstat64", "mkdir", "mkdirat", "name_to_handle_at", "newfstatat",
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
	/* sockets; socket() itself is in checks[] */
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

const struct call_check calls_checked[] = {
	{ "clone", 0, CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
	  CLONE_NEWPID | CLONE_NEWNET, 0, false, false, {}, 0 },
	/* Linux, 32-bit uname, no randomisation for either, and asking */
	{ "personality", 0, 0, 0, true, false, { 0, 0x8, 0x20000, 0x20008, 0xffffffff }, 5 },
	/* not AF_ALG (38), AF_VSOCK (40) and families that nobody misses */
	{ "socket", 0, 0, 45, false, false, { 12, 19, 20, 23, 25, 34, 37, 38, 40 }, 9 },
	/* nobody forges what a terminal's user types */
	{ "ioctl", 1, 0, 0, false, false, { TIOCSTI, TIOCLINUX }, 2 },
	/* devices, which take rights over the host: see nodes.h; a link's bits are no type of theirs */
	{ "mknod", 1, S_IFCHR, 0, false, true, {}, 0 },
	{ "mknodat", 2, S_IFCHR, 0, false, true, {}, 0 },
};

const char *const calls_absent[] = { "clone3" };

const char *const calls_newest[] = {
	"futex_waitv", "set_mempolicy_home_node", "memfd_secret", "process_mrelease",
};

const struct call_privileged calls_privileged[] = {
	{ CAP_SYS_ADMIN, {
		"bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen",
		"fspick", "lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree",
		"perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname",
		"setns", "syslog", "umount", "umount2", "unshare" } },
	{ CAP_BPF, { "bpf" } },
	{ CAP_DAC_READ_SEARCH, { "open_by_handle_at" } },
	{ CAP_PERFMON, { "perf_event_open" } },
	{ CAP_SYS_BOOT, { "reboot" } },
	{ CAP_SYS_MODULE, { "delete_module", "finit_module", "init_module" } },
	{ CAP_SYS_NICE, {
		"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node" } },
	{ CAP_SYS_PACCT, { "acct" } },
	{ CAP_SYS_PTRACE, { "kcmp", "pidfd_getfd", "process_madvise" } },
	{ CAP_SYS_RAWIO, { "ioperm", "iopl" } },
	{ CAP_SYS_TIME, { "clock_settime", "clock_settime64", "settimeofday", "stime" } },
	{ CAP_SYS_TTY_CONFIG, { "vhangup" } },
	{ CAP_SYSLOG, { "syslog" } },
};
/* clang-format on */

const size_t calls_allowed_count = countof(calls_allowed);
const size_t calls_absent_count = countof(calls_absent);
const size_t calls_newest_count = countof(calls_newest);
const size_t calls_checked_count = countof(calls_checked);
const size_t calls_privileged_count = countof(calls_privileged);
