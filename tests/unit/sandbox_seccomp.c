/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The filter, run by a small interpreter of its own instructions: what the kernel would say.
 */
#include "sandbox/seccomp.h"
#include "tests/tap.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#define ALLOW SECCOMP_RET_ALLOW
#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define NONE  (SECCOMP_RET_ERRNO | ENOSYS)
#define KILL  SECCOMP_RET_KILL_PROCESS

#ifdef __x86_64__

enum { I386_IOCTL = 54, I386_EXIT = 1, I386_CLONE3 = 435, I386_SOCKET = 359, I386_MOUNT = 21 };

static const struct {
	uint32_t arch;
	int number;
	uint64_t args[2];
	uint32_t native, emulated;
} calls[] = {
#define HERE  AUDIT_ARCH_X86_64
#define OTHER AUDIT_ARCH_I386
	{ HERE, SYS_read, {}, ALLOW, ALLOW },
	{ HERE, SYS_execve, {}, ALLOW, ALLOW },
	{ HERE, SYS_membarrier, {}, ALLOW, ALLOW },
	{ HERE, SYS_rseq, {}, ALLOW, ALLOW },
	{ HERE, SYS_mount, {}, DENY, DENY },
	{ HERE, SYS_unshare, {}, DENY, DENY },
	{ HERE, SYS_setns, {}, DENY, DENY },
	{ HERE, SYS_pivot_root, {}, DENY, DENY },
	{ HERE, SYS_fsopen, {}, DENY, DENY },
	{ HERE, SYS_open_tree, {}, DENY, DENY },
	{ HERE, SYS_mount_setattr, {}, DENY, DENY },
	{ HERE, SYS_bpf, {}, DENY, DENY },
	{ HERE, SYS_keyctl, {}, DENY, DENY },
	{ HERE, SYS_add_key, {}, DENY, DENY },
	{ HERE, SYS_perf_event_open, {}, DENY, DENY },
	{ HERE, SYS_userfaultfd, {}, DENY, DENY },
	{ HERE, SYS_io_uring_setup, {}, DENY, DENY },
	{ HERE, SYS_open_by_handle_at, {}, DENY, DENY },
	{ HERE, SYS_kexec_load, {}, DENY, DENY },
	{ HERE, SYS_init_module, {}, DENY, DENY },
	{ HERE, SYS_syslog, {}, DENY, DENY },
	{ HERE, SYS_reboot, {}, DENY, DENY },
	{ HERE, SYS_clone3, {}, NONE, NONE },
	{ HERE, 999, {}, NONE, NONE },
	{ HERE, SYS_clone, { CLONE_VM | CLONE_THREAD }, ALLOW, ALLOW },
	{ HERE, SYS_clone, { CLONE_NEWUSER }, DENY, DENY },
	{ HERE, SYS_clone, { CLONE_NEWNS | CLONE_VM }, DENY, DENY },
	{ HERE, SYS_clone, { UINT64_C(0x100000000) | CLONE_NEWUSER }, DENY, DENY },
	{ HERE, SYS_socket, { 2 }, ALLOW, ALLOW },
	{ HERE, SYS_socket, { 16 }, ALLOW, ALLOW },
	{ HERE, SYS_socket, { 38 }, DENY, DENY },
	{ HERE, SYS_socket, { 40 }, DENY, DENY },
	{ HERE, SYS_socket, { UINT64_C(0x100000028) }, DENY, DENY },
	{ HERE, SYS_socket, { UINT64_C(0xffffffff00000026) }, DENY, DENY },
	{ HERE, SYS_socket, { 46 }, DENY, DENY },
	{ HERE, SYS_personality, { 0 }, ALLOW, ALLOW },
	{ HERE, SYS_personality, { 0xffffffff }, ALLOW, ALLOW },
	{ HERE, SYS_personality, { UINT64_MAX }, ALLOW, ALLOW },
	{ HERE, SYS_personality, { 0x40000 }, DENY, DENY },
	{ HERE, SYS_personality, { UINT64_C(0x100040000) }, DENY, DENY },
	{ HERE, SYS_ioctl, { 0, 0x5401 }, ALLOW, ALLOW },
	{ HERE, SYS_ioctl, { 0, 0x5412 }, DENY, DENY },
	{ HERE, SYS_ioctl, { 0, UINT64_C(0x100005412) }, DENY, DENY },
	{ HERE, SYS_ioctl, { 0, 0x541c }, DENY, DENY },
	{ HERE, 0x40000000 | SYS_read, {}, KILL, KILL },
	{ OTHER, I386_EXIT, {}, ALLOW, KILL },
	{ OTHER, I386_MOUNT, {}, DENY, KILL },
	{ OTHER, I386_CLONE3, {}, NONE, KILL },
	{ OTHER, I386_SOCKET, { 40 }, DENY, KILL },
	{ OTHER, I386_SOCKET, { 2 }, ALLOW, KILL },
	{ HERE, -1, {}, NONE, NONE },
	{ OTHER, I386_IOCTL, { 0, 0x5412 }, DENY, KILL },
	{ OTHER, 999, {}, NONE, KILL },
	{ AUDIT_ARCH_AARCH64, 0, {}, KILL, KILL },
};

/** What a filter answers; only instructions that filters here are made of. */
static uint32_t interpret(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0, steps = 0;

	for (size_t at = 0; at < filter->count && steps < BPF_MAXINSNS; at++, steps++) {
		const struct sock_filter *op = &filter->instructions[at];
		bool yes = false;

		switch (op->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + op->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= op->k;
			continue;
		case BPF_RET | BPF_K:
			return op->k;
		case BPF_JMP | BPF_JA:
			at += op->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == op->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > op->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= op->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & op->k) != 0;
			break;
		default:
			return UINT32_MAX;
		}
		at += yes ? op->jt : op->jf;
	}
	return UINT32_MAX;
}

TEST(filter_compares_arguments_as_wide_as_the_kernel_does)
{
	const struct filter *filters[FILTER_KINDS];
	struct error err = {};

	if (!CHECK(!filter_get(FILTER_NATIVE, &filters[0], &err) &&
		   !filter_get(FILTER_EMULATED, &filters[1], &err)))
		return;
	for (size_t i = 0; i < countof(calls); i++) {
		struct seccomp_data data = {
			.nr = calls[i].number,
			.arch = calls[i].arch,
			.args = { calls[i].args[0], calls[i].args[1] },
		};
		uint32_t native = interpret(filters[0], &data);
		uint32_t emulated = interpret(filters[1], &data);

		tap_check(native == calls[i].native && emulated == calls[i].emulated, __FILE__,
			  __LINE__, "call %d(%llx, %llx): %x, %x; want %x, %x", calls[i].number,
			  (unsigned long long)data.args[0], (unsigned long long)data.args[1],
			  native, emulated, calls[i].native, calls[i].emulated);
	}
}

#endif

TEST(filter_is_compiled_once)
{
	const struct filter *first, *second;
	struct error err = {};

	if (CHECK(!filter_get(FILTER_EMULATED, &first, &err) &&
		  !filter_get(FILTER_EMULATED, &second, &err)))
		CHECK(first == second && first->count > 50);
}
