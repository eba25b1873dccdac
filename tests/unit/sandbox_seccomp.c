/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The filter, run by a small interpreter of its own instructions: what the kernel would say.
 */
#include "sandbox/calls.h"
#include "sandbox/seccomp.h"
#include "tests/tap.h"
#include "tests/unit/sandbox_filter.h"

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW SECCOMP_RET_ALLOW
#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define NONE  (SECCOMP_RET_ERRNO | ENOSYS)
#define KILL  SECCOMP_RET_KILL_PROCESS
#define ASK   SECCOMP_RET_USER_NOTIF

#ifdef __x86_64__

enum {
	I386_IOCTL = 54,
	I386_EXIT = 1,
	I386_CLONE3 = 435,
	I386_SOCKET = 359,
	I386_MOUNT = 21,
	I386_MKNOD = 14
};

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
	{ HERE, SYS_mknod, { 0, S_IFCHR | 0600 }, ASK, ASK },
	{ HERE, SYS_mknod, { 0, S_IFBLK }, ASK, ASK },
	{ HERE, SYS_mknod, { 0, S_IFIFO | 0777 }, ALLOW, ALLOW },
	{ HERE, SYS_mknod, { 0, S_IFSOCK | 0777 }, ALLOW, ALLOW },
	{ HERE, SYS_mknod, { 0, S_IFREG | 0777 }, ALLOW, ALLOW },
	{ HERE, SYS_mknod, { 0, 07777 }, ALLOW, ALLOW },
	{ OTHER, I386_MKNOD, { 0, S_IFBLK }, ASK, KILL },
	{ OTHER, I386_MKNOD, { 0, S_IFIFO }, ALLOW, KILL },
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

/* ---- the same tables, compiled by libseccomp ---- */

/** What is compared: our filter for one architecture with what libseccomp makes of the tables. */
struct contest {
	uint32_t arch, audit;
	enum filter_kind kind;
};

/** Numbers of i386 that libseccomp takes for parts of socketcall and ipc, from the kernel's table.
 */
static const struct {
	const char *name;
	int number;
} direct[] = {
	{ "recvmmsg", 337 },   { "sendmmsg", 345 },    { "socket", 359 },
	{ "socketpair", 360 }, { "bind", 361 },        { "connect", 362 },
	{ "listen", 363 },     { "accept4", 364 },     { "getsockopt", 365 },
	{ "setsockopt", 366 }, { "getsockname", 367 }, { "getpeername", 368 },
	{ "sendto", 369 },     { "sendmsg", 370 },     { "recvfrom", 371 },
	{ "recvmsg", 372 },    { "shutdown", 373 },    { "semget", 393 },
	{ "semctl", 394 },     { "shmget", 395 },      { "shmctl", 396 },
	{ "shmat", 397 },      { "shmdt", 398 },       { "msgget", 399 },
	{ "msgsnd", 400 },     { "msgrcv", 401 },      { "msgctl", 402 },
};

static const char *direct_name(const struct contest *contest, int number)
{
	for (size_t i = 0; contest->audit == OTHER && i < countof(direct); i++) {
		if (direct[i].number == number)
			return direct[i].name;
	}
	return NULL;
}

/** A name's number in the architecture; negative where it has none, or not one of its own. */
static int number_in(const struct contest *contest, const char *name)
{
	for (size_t i = 0; contest->audit == OTHER && i < countof(direct); i++) {
		if (strcmp(direct[i].name, name) == 0)
			return direct[i].number;
	}
	return seccomp_syscall_resolve_name_arch(contest->arch, name);
}

static scmp_filter_ctx peer_new(const struct contest *contest, uint32_t action)
{
	scmp_filter_ctx peer = seccomp_init(action);

	if (contest->arch != seccomp_arch_native())
		CHECK(seccomp_arch_add(peer, contest->arch) == 0 &&
		      seccomp_arch_remove(peer, seccomp_arch_native()) == 0);
	return peer;
}

static void peer_rule(const struct contest *contest, scmp_filter_ctx peer, uint32_t action,
		      const char *name, const struct scmp_arg_cmp *arg)
{
	int number = number_in(contest, name);

	/* It does not know direct calls: they are compared with others of the same kind. */
	if (number >= 0 && !direct_name(contest, number))
		CHECK(seccomp_rule_add_array(peer, action, seccomp_syscall_resolve_name(name),
					     arg ? 1 : 0, arg) == 0);
}

static void peer_export(scmp_filter_ctx peer, struct filter *out)
{
	int fd = memfd_create("peer", MFD_CLOEXEC);
	off_t size = 0;

	CHECK(seccomp_export_bpf(peer, fd) == 0 && (size = lseek(fd, 0, SEEK_END)) > 0);
	out->instructions = calloc(1, (size_t)size);
	out->count = (unsigned short)((size_t)size / sizeof(*out->instructions));
	CHECK(pread(fd, out->instructions, (size_t)size, 0) == size);
	close(fd);
	seccomp_release(peer);
}

/** All that is allowed, or allowed with the listed values. */
static void peer_allowing(const struct contest *contest, struct filter *out)
{
	scmp_filter_ctx peer = peer_new(contest, SCMP_ACT_ERRNO(EPERM));

	for (size_t i = 0; i < calls_allowed_count; i++)
		peer_rule(contest, peer, SCMP_ACT_ALLOW, calls_allowed[i], NULL);
	for (size_t i = 0; i < calls_absent_count; i++)
		peer_rule(contest, peer, SCMP_ACT_ERRNO(ENOSYS), calls_absent[i], NULL);
	for (size_t i = 0; i < calls_checked_count; i++) {
		const struct call_check *check = &calls_checked[i];

		for (unsigned v = 0; check->allows_listed && v < check->count; v++)
			peer_rule(contest, peer, SCMP_ACT_ALLOW, check->name,
				  &SCMP_CMP64(check->argument, SCMP_CMP_MASKED_EQ, UINT32_MAX,
					      check->values[v]));
	}
	peer_export(peer, out);
}

/** Refusals of checked calls, everything else allowed. */
static void peer_refusing(const struct contest *contest, struct filter *out)
{
	scmp_filter_ctx peer = peer_new(contest, SCMP_ACT_ALLOW);

	for (size_t i = 0; i < calls_checked_count; i++) {
		const struct call_check *check = &calls_checked[i];
		unsigned argument = check->argument;
		uint32_t refusal = check->asks ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM);

		for (unsigned bit = 0; bit < 32; bit++) {
			if (check->bits >> bit & 1)
				peer_rule(contest, peer, refusal, check->name,
					  &SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ,
						      UINT64_C(1) << bit, UINT64_C(1) << bit));
		}
		for (unsigned v = 0; !check->allows_listed && v < check->count; v++)
			peer_rule(contest, peer, refusal, check->name,
				  &SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX,
					      check->values[v]));
		if (check->max)
			peer_rule(contest, peer, refusal, check->name,
				  &SCMP_CMP64(argument, SCMP_CMP_GT, check->max));
	}
	peer_export(peer, out);
}

static const struct call_check *check_of(const struct contest *contest, int number)
{
	for (size_t i = 0; i < calls_checked_count; i++) {
		if (number_in(contest, calls_checked[i].name) == number)
			return &calls_checked[i];
	}
	return NULL;
}

/** A number that the filter takes for newer than all: what is refused by default is absent then. */
static int newest_number(const struct contest *contest)
{
	int newest = 0;

	for (size_t i = 0; i < calls_allowed_count; i++) {
		int number = number_in(contest, calls_allowed[i]);

		newest = number > newest ? number : newest;
	}
	for (size_t i = 0; i < calls_newest_count; i++) {
		int number = number_in(contest, calls_newest[i]);

		newest = number > newest ? number : newest;
	}
	return newest;
}

/** Values at which an answer may change: every bit, every listed value, and their neighbours. */
static size_t boundaries(uint64_t *out)
{
	size_t count = 0;

	for (unsigned bit = 0; bit < 32; bit++)
		out[count++] = UINT64_C(1) << bit;
	for (size_t i = 0; i < calls_checked_count; i++) {
		const struct call_check *check = &calls_checked[i];

		for (unsigned v = 0; v <= check->count; v++) {
			uint64_t value = v < check->count ? check->values[v] : check->max;

			out[count++] = value;
			out[count++] = value + 1;
			out[count++] = value ? value - 1 : 0;
		}
	}
	out[count++] = UINT32_MAX;
	out[count++] = 0;
	return count;
}

/** As the 64-bit kernel's table has it, whose socket() libseccomp knows. */
static uint32_t direct_want(const char *name, const struct filter *refusing_here,
			    const struct seccomp_data *data)
{
	struct seccomp_data socket = *data;

	if (strcmp(name, "socket") != 0)
		return ALLOW;
	socket.nr = SYS_socket;
	socket.arch = HERE;
	return interpret(refusing_here, &socket);
}

/** All calls of an architecture at all boundaries; how many were compared. */
static size_t contest_hold(const struct contest *contest, const struct filter *refusing_here)
{
	enum { NUMBERS = 1100, VALUES_MAX = 256, SHOWN_MAX = 5 };
	struct filter allowing, refusing;
	const struct filter *ours;
	uint64_t values[VALUES_MAX];
	size_t value_count = boundaries(values), compared = 0, differing = 0;
	int newest = newest_number(contest);
	struct error err = {};

	if (!CHECK(!filter_get(contest->kind, &ours, &err)))
		return 0;
	peer_allowing(contest, &allowing);
	peer_refusing(contest, &refusing);
	for (int number = 0; number < NUMBERS; number++) {
		const struct call_check *check = check_of(contest, number);
		const char *name = direct_name(contest, number);
		bool refuses = check && !check->allows_listed;

		for (size_t v = 0; v < 2 * value_count; v++) {
			/* The upper half is looked at by nobody but GT of libseccomp. */
			uint64_t high = v < value_count || (refuses && check->max)
						? 0
						: UINT64_C(0xabcd00000000);
			uint64_t value = (uint32_t)values[v % value_count] | high;
			struct seccomp_data data = {
				.nr = number,
				.arch = contest->audit,
				.args = { value, value, value, value, value, value },
			};
			uint32_t got = interpret(ours, &data);
			uint32_t want = name ? direct_want(name, refusing_here, &data)
					     : interpret(refuses ? &refusing : &allowing, &data);

			if (want == DENY && number > newest)
				want = NONE;
			compared++;
			differing += got != want;
			if (got != want && differing <= SHOWN_MAX)
				tap_check(false, __FILE__, __LINE__,
					  "arch %x, call %d(%llx): %x, want %x", contest->audit,
					  number, (unsigned long long)value, got, want);
		}
	}
	CHECK(differing == 0);
	free(allowing.instructions);
	free(refusing.instructions);
	return compared;
}

TEST(filter_answers_as_libseccomp_does_for_all_calls_and_boundaries)
{
	static const struct contest contests[] = {
		{ SCMP_ARCH_X86_64, HERE, FILTER_EMULATED },
		{ SCMP_ARCH_X86_64, HERE, FILTER_NATIVE },
		{ SCMP_ARCH_X86, OTHER, FILTER_NATIVE },
	};
	struct filter refusing_here;

	peer_refusing(&contests[0], &refusing_here);
	for (size_t i = 0; i < countof(contests); i++)
		CHECK(contest_hold(&contests[i], &refusing_here) > 100000);
	free(refusing_here.instructions);
}

TEST(filter_kills_what_is_of_no_architecture_that_it_covers)
{
	static const uint32_t others[] = { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM,
					   AUDIT_ARCH_PPC64LE, AUDIT_ARCH_MIPS,
					   AUDIT_ARCH_RISCV64, 0,
					   UINT32_MAX,         EM_X86_64 };
	const struct filter *filters[FILTER_KINDS];
	size_t wrong = 0;
	struct error err = {};

	if (!CHECK(!filter_get(FILTER_NATIVE, &filters[0], &err) &&
		   !filter_get(FILTER_EMULATED, &filters[1], &err)))
		return;
	for (size_t kind = 0; kind < FILTER_KINDS; kind++) {
		for (int number = -1; number < 1100; number++) {
			struct seccomp_data x32 = { .nr = number | 0x40000000, .arch = HERE };

			wrong += interpret(filters[kind], &x32) != (number < 0 ? NONE : KILL);
			for (size_t i = 0; i < countof(others); i++) {
				struct seccomp_data data = { .nr = number, .arch = others[i] };

				wrong += interpret(filters[kind], &data) != KILL;
			}
		}
	}
	CHECK(wrong == 0);
}

TEST(capabilities_bring_their_calls)
{
	const uint64_t admin = UINT64_C(1) << 21;
	struct seccomp_data mount = { .nr = SYS_mount, .arch = HERE };
	struct seccomp_data spaces = { .nr = SYS_clone, .arch = HERE, .args = { CLONE_NEWUSER } };
	struct seccomp_data reboot = { .nr = SYS_reboot, .arch = HERE };
	struct filter filter = {};
	struct error err = {};

	if (!CHECK(!filter_build(FILTER_NATIVE, admin, &filter, &err)))
		return;
	CHECK(interpret(&filter, &mount) == ALLOW && interpret(&filter, &spaces) == ALLOW);
	CHECK(interpret(&filter, &reboot) == DENY);
	free(filter.instructions);
	/* With all of them the tree is another one. */
	if (!CHECK(!filter_build(FILTER_NATIVE, UINT64_MAX, &filter, &err)))
		return;
	CHECK(interpret(&filter, &mount) == ALLOW && interpret(&filter, &reboot) == ALLOW);
	free(filter.instructions);
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
