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

/* Architectures as libseccomp names them are those of the kernel's audit. */
#define AMD64 SCMP_ARCH_X86_64
#define I386  SCMP_ARCH_X86
#define ARM64 SCMP_ARCH_AARCH64
#define ARM   SCMP_ARCH_ARM

/** Machines whose filters are looked at, on any of them, with the narrower words they also have. */
static const struct machine {
	uint32_t wide, narrow;
} machines[] = { { AMD64, I386 }, { ARM64, ARM } };

/** The filters of a machine, of each kind. */
struct filters {
	struct filter kinds[FILTER_KINDS];
};

static void filters_drop(struct filters *filters)
{
	for (size_t i = 0; i < FILTER_KINDS; i++)
		free(filters->kinds[i].instructions);
}

static bool filters_make(const struct machine *machine, struct filters *out)
{
	struct error err = {};

	for (enum filter_kind kind = 0; kind < FILTER_KINDS; kind++) {
		if (!CHECK(!filter_build_for(machine->wide, kind, 0, &out->kinds[kind], &err)))
			return false;
	}
	return true;
}

static bool is_emulated(enum filter_kind kind)
{
	return kind == FILTER_EMULATED || kind == FILTER_EMULATED_ASKING;
}

static bool is_asking(enum filter_kind kind)
{
	return kind == FILTER_NATIVE_ASKING || kind == FILTER_EMULATED_ASKING;
}

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

static const char *direct_name(uint32_t arch, int number)
{
	for (size_t i = 0; arch == I386 && i < countof(direct); i++) {
		if (direct[i].number == number)
			return direct[i].name;
	}
	return NULL;
}

/** A name's number in the architecture; negative where it has none, or not one of its own. */
static int number_in(uint32_t arch, const char *name)
{
	for (size_t i = 0; arch == I386 && i < countof(direct); i++) {
		if (strcmp(direct[i].name, name) == 0)
			return direct[i].number;
	}
	return seccomp_syscall_resolve_name_arch(arch, name);
}

/* ---- calls one by one ---- */

/** What every architecture that has the call answers; ASK is DENY where nobody is asked. */
static const struct {
	const char *name;
	uint64_t args[3];
	uint32_t want;
} calls[] = {
	{ "read", {}, ALLOW },
	{ "execve", {}, ALLOW },
	{ "exit", {}, ALLOW },
	{ "membarrier", {}, ALLOW },
	{ "rseq", {}, ALLOW },
	{ "socketcall", { 1 }, ALLOW }, /* as in Docker: see calls.c */
	{ "mount", {}, DENY },
	{ "umount2", {}, DENY },
	{ "unshare", {}, DENY },
	{ "setns", {}, DENY },
	{ "pivot_root", {}, DENY },
	{ "fsopen", {}, DENY },
	{ "open_tree", {}, DENY },
	{ "move_mount", {}, DENY },
	{ "mount_setattr", {}, DENY },
	{ "bpf", {}, DENY },
	{ "keyctl", {}, DENY },
	{ "add_key", {}, DENY },
	{ "request_key", {}, DENY },
	{ "perf_event_open", {}, DENY },
	{ "userfaultfd", {}, DENY },
	{ "io_uring_setup", {}, DENY },
	{ "io_uring_enter", {}, DENY },
	{ "open_by_handle_at", {}, DENY },
	{ "fanotify_init", {}, DENY },
	{ "kexec_load", {}, DENY },
	{ "init_module", {}, DENY },
	{ "finit_module", {}, DENY },
	{ "syslog", {}, DENY },
	{ "reboot", {}, DENY },
	{ "swapon", {}, DENY },
	{ "clock_settime", {}, DENY },
	{ "clock_settime64", {}, DENY },
	{ "mbind", {}, DENY },
	{ "mknod", { 0, S_IFCHR | 0600 }, ASK },
	{ "mknod", { 0, S_IFBLK }, ASK },
	{ "mknod", { 0, S_IFIFO | 0777 }, ALLOW },
	{ "mknod", { 0, S_IFSOCK | 0777 }, ALLOW },
	{ "mknod", { 0, S_IFREG | 0777 }, ALLOW },
	{ "mknod", { 0, 07777 }, ALLOW },
	{ "mknodat", { 0, 0, S_IFCHR | 0600 }, ASK },
	{ "mknodat", { 0, 0, S_IFBLK }, ASK },
	{ "mknodat", { S_IFBLK, S_IFBLK, S_IFIFO | 0777 }, ALLOW },
	{ "clone3", {}, NONE },
	{ "clone", { CLONE_VM | CLONE_THREAD }, ALLOW },
	{ "clone", { CLONE_NEWUSER }, DENY },
	{ "clone", { CLONE_NEWNS | CLONE_VM }, DENY },
	{ "clone", { UINT64_C(0x100000000) | CLONE_NEWUSER }, DENY },
	{ "socket", { 2 }, ALLOW },
	{ "socket", { 16 }, ALLOW },
	{ "socket", { 38 }, DENY },
	{ "socket", { 40 }, DENY },
	{ "socket", { UINT64_C(0x100000028) }, DENY },
	{ "socket", { UINT64_C(0xffffffff00000026) }, DENY },
	{ "socket", { 46 }, DENY },
	{ "personality", { 0 }, ALLOW },
	{ "personality", { 0xffffffff }, ALLOW },
	{ "personality", { UINT64_MAX }, ALLOW },
	{ "personality", { 0x40000 }, DENY },
	{ "personality", { UINT64_C(0x100040000) }, DENY },
	{ "ioctl", { 0, 0x5401 }, ALLOW },
	{ "ioctl", { 0, 0x5412 }, DENY },
	{ "ioctl", { 0, UINT64_C(0x100005412) }, DENY },
	{ "ioctl", { 0, 0x541c }, DENY },
};

/** What a filter says; `want` is what one that asks and covers the architecture does. */
static void answer_check(const struct filter *filter, enum filter_kind kind, bool is_narrow,
			 const struct seccomp_data *data, uint32_t want)
{
	uint32_t got = interpret(filter, data);

	if (want == ASK && !is_asking(kind))
		want = DENY;
	if (is_narrow && is_emulated(kind))
		want = KILL;
	tap_check(got == want, __FILE__, __LINE__,
		  "filter %d, arch %x, call %d(%llx, %llx, %llx): %x; want %x", (int)kind,
		  data->arch, data->nr, (unsigned long long)data->args[0],
		  (unsigned long long)data->args[1], (unsigned long long)data->args[2], got, want);
}

static void calls_check(const struct machine *machine, const struct filter *filter,
			enum filter_kind kind)
{
	for (size_t i = 0; i < 2 * countof(calls); i++) {
		const bool is_narrow = i % 2;
		const uint32_t arch = is_narrow ? machine->narrow : machine->wide;
		const size_t at = i / 2;
		struct seccomp_data data = { .nr = number_in(arch, calls[at].name), .arch = arch };

		memcpy(data.args, calls[at].args, sizeof(calls[at].args));
		if (data.nr >= 0)
			answer_check(filter, kind, is_narrow, &data, calls[at].want);
	}
}

TEST(filter_compares_arguments_as_wide_as_the_kernel_does)
{
	for (size_t i = 0; i < countof(machines); i++) {
		struct filters filters = {};

		if (filters_make(&machines[i], &filters)) {
			for (enum filter_kind kind = 0; kind < FILTER_KINDS; kind++)
				calls_check(&machines[i], &filters.kinds[kind], kind);
		}
		filters_drop(&filters);
	}
}

TEST(filter_knows_numbers_without_a_name)
{
	/* ARM has calls of its own far above all others; those of its old ABI begin higher still.
	 */
	enum { ARM_OWN = 0x0f0000, ARM_OLD = 0x900000 };
	static const struct {
		const struct machine *machine;
		uint32_t arch;
		int number;
		uint32_t want;
	} numbers[] = {
		{ &machines[0], AMD64, 999, NONE },
		{ &machines[0], AMD64, -1, NONE },
		{ &machines[0], AMD64, 0x40000000, KILL }, /* x32's read() */
		{ &machines[0], I386, 999, NONE },
		{ &machines[0], I386, 0x40000000, NONE },
		{ &machines[0], ARM64, 0, KILL },
		{ &machines[1], ARM64, 999, NONE },
		{ &machines[1], ARM64, -1, NONE },
		{ &machines[1], ARM64, 0x40000000, NONE },
		{ &machines[1], ARM64, ARM_OWN + 2, NONE },
		{ &machines[1], ARM, 999, NONE },
		{ &machines[1], ARM, -1, NONE },
		{ &machines[1], ARM, ARM_OWN, NONE },
		{ &machines[1], ARM, ARM_OWN + 1, ALLOW }, /* breakpoint */
		{ &machines[1], ARM, ARM_OWN + 2, ALLOW }, /* cacheflush */
		{ &machines[1], ARM, ARM_OWN + 3, DENY },  /* usr26 */
		{ &machines[1], ARM, ARM_OWN + 5, ALLOW }, /* set_tls */
		{ &machines[1], ARM, ARM_OWN + 7, NONE },
		{ &machines[1], ARM, ARM_OLD + 21, NONE }, /* mount() */
		{ &machines[1], AMD64, 0, KILL },
		{ &machines[1], I386, 0, KILL },
	};

	for (size_t i = 0; i < countof(numbers); i++) {
		const struct seccomp_data data = { .nr = numbers[i].number,
						   .arch = numbers[i].arch };
		const bool is_narrow = data.arch == numbers[i].machine->narrow;
		struct filters filters = {};

		if (filters_make(numbers[i].machine, &filters)) {
			for (enum filter_kind kind = 0; kind < FILTER_KINDS; kind++)
				answer_check(&filters.kinds[kind], kind, is_narrow, &data,
					     numbers[i].want);
		}
		filters_drop(&filters);
	}
}

/* ---- the same tables, compiled by libseccomp ---- */

/** Calls from 0 on that are compared: all that are common to architectures, and some more. */
enum { NUMBERS = 1100 };

/** What is compared: our filter for one architecture with what libseccomp makes of the tables. */
struct contest {
	const struct machine *machine;
	uint32_t arch;
	enum filter_kind kind;
};

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
	int number = number_in(contest->arch, name);

	/* It does not know direct calls: they are compared with others of the same kind. */
	if (number >= 0 && !direct_name(contest->arch, number))
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
		uint32_t refusal = check->asks && is_asking(contest->kind) ? SCMP_ACT_NOTIFY
									   : SCMP_ACT_ERRNO(EPERM);

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
		if (number_in(contest->arch, calls_checked[i].name) == number)
			return &calls_checked[i];
	}
	return NULL;
}

/** A number that the filter takes for newer than all: what is refused by default is absent then. */
static int newest_number(const struct contest *contest)
{
	int newest = 0;

	for (size_t i = 0; i < calls_allowed_count; i++) {
		int number = number_in(contest->arch, calls_allowed[i]);

		/* ARM has some of its own far above. */
		newest = number > newest && number < NUMBERS ? number : newest;
	}
	for (size_t i = 0; i < calls_newest_count; i++) {
		int number = number_in(contest->arch, calls_newest[i]);

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
static uint32_t direct_want(const char *name, const struct filter *refusing_amd64,
			    const struct seccomp_data *data)
{
	struct seccomp_data socket = *data;

	if (strcmp(name, "socket") != 0)
		return ALLOW;
	socket.nr = number_in(AMD64, "socket");
	socket.arch = AMD64;
	return interpret(refusing_amd64, &socket);
}

/** All calls of an architecture at all boundaries; how many were compared. */
static size_t contest_hold(const struct contest *contest, const struct filter *refusing_amd64)
{
	enum { VALUES_MAX = 256, SHOWN_MAX = 5 };
	struct filter allowing, refusing, ours = {};
	uint64_t values[VALUES_MAX];
	size_t value_count = boundaries(values), compared = 0, differing = 0;
	int newest = newest_number(contest);
	struct error err = {};

	if (!CHECK(!filter_build_for(contest->machine->wide, contest->kind, 0, &ours, &err)))
		return 0;
	peer_allowing(contest, &allowing);
	peer_refusing(contest, &refusing);
	for (int number = 0; number < NUMBERS; number++) {
		const struct call_check *check = check_of(contest, number);
		const char *name = direct_name(contest->arch, number);
		bool refuses = check && !check->allows_listed;

		for (size_t v = 0; v < 2 * value_count; v++) {
			/* The upper half is looked at by nobody but GT of libseccomp. */
			uint64_t high = v < value_count || (refuses && check->max)
						? 0
						: UINT64_C(0xabcd00000000);
			uint64_t value = (uint32_t)values[v % value_count] | high;
			struct seccomp_data data = {
				.nr = number,
				.arch = contest->arch,
				.args = { value, value, value, value, value, value },
			};
			uint32_t got = interpret(&ours, &data);
			uint32_t want = name ? direct_want(name, refusing_amd64, &data)
					     : interpret(refuses ? &refusing : &allowing, &data);

			if (want == DENY && number > newest)
				want = NONE;
			compared++;
			differing += got != want;
			if (got != want && differing <= SHOWN_MAX)
				tap_check(false, __FILE__, __LINE__,
					  "arch %x, call %d(%llx): %x, want %x", contest->arch,
					  number, (unsigned long long)value, got, want);
		}
	}
	CHECK(differing == 0);
	free(ours.instructions);
	free(allowing.instructions);
	free(refusing.instructions);
	return compared;
}

TEST(filter_answers_as_libseccomp_does_for_all_calls_and_boundaries)
{
	static const struct contest contests[] = {
		{ &machines[0], AMD64, FILTER_EMULATED },
		{ &machines[0], AMD64, FILTER_NATIVE },
		{ &machines[0], AMD64, FILTER_EMULATED_ASKING },
		{ &machines[0], AMD64, FILTER_NATIVE_ASKING },
		{ &machines[0], I386, FILTER_NATIVE },
		{ &machines[0], I386, FILTER_NATIVE_ASKING },
		{ &machines[1], ARM64, FILTER_EMULATED },
		{ &machines[1], ARM64, FILTER_NATIVE },
		{ &machines[1], ARM64, FILTER_NATIVE_ASKING },
		{ &machines[1], ARM, FILTER_NATIVE },
		{ &machines[1], ARM, FILTER_NATIVE_ASKING },
	};
	struct filter refusing_amd64;

	peer_refusing(&contests[0], &refusing_amd64);
	for (size_t i = 0; i < countof(contests); i++)
		CHECK(contest_hold(&contests[i], &refusing_amd64) > 100000);
	free(refusing_amd64.instructions);
}

TEST(filter_kills_what_is_of_no_architecture_that_it_covers)
{
	static const uint32_t others[] = { AMD64,
					   I386,
					   ARM64,
					   ARM,
					   AUDIT_ARCH_PPC64LE,
					   AUDIT_ARCH_MIPS,
					   AUDIT_ARCH_RISCV64,
					   0,
					   UINT32_MAX,
					   EM_X86_64 };
	struct filters filters = {};
	size_t wrong = 0, looked_at = 0;

	for (size_t m = 0; m < countof(machines); m++) {
		if (!filters_make(&machines[m], &filters))
			return;
		for (enum filter_kind kind = 0; kind < FILTER_KINDS; kind++) {
			for (size_t i = 0; i < countof(others); i++) {
				struct seccomp_data data = { .arch = others[i] };

				if (others[i] == machines[m].wide ||
				    (others[i] == machines[m].narrow && !is_emulated(kind)))
					continue;
				for (data.nr = -1; data.nr < 1100; data.nr++, looked_at++)
					wrong += interpret(&filters.kinds[kind], &data) != KILL;
			}
		}
		filters_drop(&filters);
	}
	CHECK(wrong == 0 && looked_at > 50000);
}

TEST(filter_kills_calls_of_x32)
{
	struct filters filters = {};
	size_t wrong = 0;

	if (!filters_make(&machines[0], &filters))
		return;
	for (enum filter_kind kind = 0; kind < FILTER_KINDS; kind++) {
		for (int number = -1; number < 1100; number++) {
			struct seccomp_data data = { .nr = number | 0x40000000, .arch = AMD64 };

			wrong += interpret(&filters.kinds[kind], &data) !=
				 (number < 0 ? NONE : KILL);
		}
	}
	CHECK(wrong == 0);
	filters_drop(&filters);
}

/** What a filter for these capabilities says of a call, with this first argument. */
static uint32_t held_answer(const struct machine *machine, const struct filter *filter,
			    const char *name, uint64_t argument)
{
	const struct seccomp_data data = {
		.nr = number_in(machine->wide, name),
		.arch = machine->wide,
		.args = { argument },
	};

	return interpret(filter, &data);
}

TEST(capabilities_bring_their_calls)
{
	const uint64_t admin = UINT64_C(1) << 21;
	struct error err = {};

	for (size_t i = 0; i < countof(machines); i++) {
		const struct machine *machine = &machines[i];
		struct filter filter = {};

		if (!CHECK(!filter_build_for(machine->wide, FILTER_NATIVE, admin, &filter, &err)))
			return;
		CHECK(held_answer(machine, &filter, "mount", 0) == ALLOW &&
		      held_answer(machine, &filter, "clone", CLONE_NEWUSER) == ALLOW);
		CHECK(held_answer(machine, &filter, "reboot", 0) == DENY);
		free(filter.instructions);
		/* With all of them the tree is another one. */
		if (!CHECK(!filter_build_for(machine->wide, FILTER_NATIVE, UINT64_MAX, &filter,
					     &err)))
			return;
		CHECK(held_answer(machine, &filter, "mount", 0) == ALLOW &&
		      held_answer(machine, &filter, "reboot", 0) == ALLOW);
		free(filter.instructions);
	}
}

TEST(filter_is_compiled_once)
{
	const struct filter *first, *second;
	struct error err = {};

	if (CHECK(!filter_get(FILTER_EMULATED, &first, &err) &&
		  !filter_get(FILTER_EMULATED, &second, &err)))
		CHECK(first == second && first->count > 50);
}
