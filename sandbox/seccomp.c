/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An allow-list after the model of Docker's default profile, for programs without CAP_SYS_ADMIN.
 *
 * What is not listed fails with EPERM, except where programs fall back only on ENOSYS: clone3, and
 * calls newer than the newest one that these tables and libseccomp know of.  Arguments that the
 * kernel takes as 32 bits are compared as 32 bits: a filter that looks at all 64 lets
 * socket(0x100000028) through where it refuses socket(40).
 *
 * libseccomp knows the numbers.  The program is our own: neighbouring calls with the same verdict
 * become one range, and the ranges a binary tree.  libseccomp's takes 15 ms to make and has five
 * times as many instructions, which the kernel goes through for every call at every load.
 */
#include "sandbox/seccomp.h"
#include "sandbox/calls.h"
#include "sandbox/caps.h"
#include "sandbox/filter_cache.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
/**
 * Direct calls that libseccomp knows only as parts of socketcall and ipc.  socketcall itself hides
 * its arguments: AF_ALG and AF_VSOCK are in reach of native 32-bit programs.  It is allowed as in
 * Docker, which once denied it (moby/moby#52494) and took that back (#52547), since the glibc of
 * Debian, Fedora and Ubuntu for i386 has no other way to a socket.
 */
static const struct direct {
	const char *name;
	int i386, ppc64;
} directs[] = {
	{ "socket", 359, 326 },      { "socketpair", 360, 333 },  { "bind", 361, 327 },
	{ "connect", 362, 328 },     { "listen", 363, 329 },      { "accept4", 364, 344 },
	{ "getsockopt", 365, 340 },  { "setsockopt", 366, 339 },  { "getsockname", 367, 331 },
	{ "getpeername", 368, 332 }, { "sendto", 369, 335 },      { "sendmsg", 370, 341 },
	{ "recvfrom", 371, 337 },    { "recvmsg", 372, 342 },     { "shutdown", 373, 338 },
	{ "accept", -1, 330 },       { "send", -1, 334 },         { "recv", -1, 336 },
	{ "semtimedop", -1, 392 },   { "semget", 393, 393 },      { "semctl", 394, 394 },
	{ "shmget", 395, 395 },      { "shmctl", 396, 396 },      { "shmat", 397, 397 },
	{ "shmdt", 398, 398 },       { "msgget", 399, 399 },      { "msgsnd", 400, 400 },
	{ "msgrcv", 401, 401 },      { "msgctl", 402, 402 },    { "recvmmsg", 337, 343 },
	{ "sendmmsg", 345, 349 },
};

/** An architecture that a filter covers, as libseccomp and the kernel name it. */
static const struct arch {
	uint32_t native, seccomp, audit;
	bool emulated_too;
	bool has_x32; /* numbers from 0x40000000 on are another architecture's */
} arches[] = {
	{ SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, true, true },
	{ SCMP_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_I386, false, false },
	{ SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, true, false },
	{ SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false, false },
	{ SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, true, false },
	{ SCMP_ARCH_RISCV64, SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, true, false },
};
/* clang-format on */

enum { X32_FIRST = 0x40000000, CALLS_MAX = 1024 };

/** What happens to a call: a verdict, or a check of its arguments. */
enum verdict { REFUSED, ALLOWED, ABSENT, KILLED, ASKED, CHECKED };

/** From `first` on, until the next one; CHECKED + n stands for calls_checked[n]. */
struct range {
	uint32_t first;
	unsigned verdict;
};

struct ranges {
	struct range items[2 * CALLS_MAX];
	size_t count;
};

static int range_compare(const void *a, const void *b)
{
	const struct range *one = a, *other = b;

	if (one->first != other->first)
		return one->first < other->first ? -1 : 1;
	return (one->verdict == ALLOWED) - (other->verdict == ALLOWED);
}

/** A call's number; negative where the architecture does not have it. */
static int number_of(uint32_t arch, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(arch, name);

	if (number >= 0 || (arch != SCMP_ARCH_X86 && arch != SCMP_ARCH_PPC64LE))
		return number;
	for (size_t i = 0; i < countof(directs); i++) {
		if (strcmp(directs[i].name, name) == 0)
			return arch == SCMP_ARCH_X86 ? directs[i].i386 : directs[i].ppc64;
	}
	return number;
}

static void call_add(struct ranges *calls, uint32_t arch, const char *name, unsigned verdict)
{
	int number = number_of(arch, name);

	if (number >= 0 && calls->count < CALLS_MAX)
		calls->items[calls->count++] = (struct range){ (uint32_t)number, verdict };
}

/** All listed calls of an architecture, in the order of their numbers. */
static void calls_collect(uint32_t arch, uint64_t capabilities, struct ranges *calls)
{
	for (size_t i = 0; i < calls_allowed_count; i++)
		call_add(calls, arch, calls_allowed[i], ALLOWED);
	for (size_t i = 0; i < calls_absent_count; i++)
		call_add(calls, arch, calls_absent[i], ABSENT);
	for (size_t i = 0; i < calls_newest_count; i++)
		call_add(calls, arch, calls_newest[i], REFUSED);
	for (size_t i = 0; i < calls_checked_count; i++)
		call_add(calls, arch, calls_checked[i].name, CHECKED + (unsigned)i);
	for (size_t i = 0; i < calls_privileged_count; i++) {
		const struct call_privileged *group = &calls_privileged[i];

		if (!(capabilities & CAPABILITY_BIT(group->capability)))
			continue;
		for (const char *const *name = group->names; *name; name++)
			call_add(calls, arch, *name, ALLOWED);
	}
	qsort(calls->items, calls->count, sizeof(calls->items[0]), range_compare);
}

/** Add a range, or let the one before go on where the verdict is the same. */
static void range_add(struct ranges *ranges, uint32_t first, unsigned verdict)
{
	struct range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;

	if (last && last->first == first)
		last->verdict = verdict;
	else if (!last || last->verdict != verdict)
		ranges->items[ranges->count++] = (struct range){ first, verdict };
}

/**
 * All numbers there are.  `newest` calls are listed above as refused; if allowed too, the allowed
 * one counts.  Numbers between listed ones are refused, past the newest common one they are absent
 * (ARM has some private ones far above).
 */
static void ranges_make(const struct arch *arch, uint64_t capabilities, struct ranges *out)
{
	struct ranges *calls = xnew(struct ranges);
	uint32_t next = 0;

	calls_collect(arch->seccomp, capabilities, calls);
	for (size_t i = 0; i < calls->count; i++) {
		const struct range *call = &calls->items[i];

		if (call->first < next && call->verdict == REFUSED)
			continue;
		if (call->first > next)
			range_add(out, next, call->first - next > CALLS_MAX ? ABSENT : REFUSED);
		range_add(out, call->first, call->verdict);
		next = call->first + 1;
	}
	range_add(out, next, ABSENT);
	if (arch->has_x32) {
		range_add(out, X32_FIRST, KILLED);
		/* -1: a call that a debugger took away. */
		range_add(out, UINT32_MAX, ABSENT);
	}
	free(calls);
}

/* ---- writing the program ---- */

#define STATEMENT(code, k) ((struct sock_filter)BPF_STMT(code, (uint32_t)(k)))
#define LOAD(offset)       STATEMENT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(action)     STATEMENT(BPF_RET | BPF_K, action)
#define SKIP(count)        STATEMENT(BPF_JMP | BPF_JA, count)
#define JUMP(how, value, yes, no)                                                     \
	((struct sock_filter)BPF_JUMP(BPF_JMP | (how) | BPF_K, value, (uint8_t)(yes), \
				      (uint8_t)(no)))

/* The low word of an argument comes first: all architectures above are little-endian. */
#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + (number) * sizeof(uint64_t))

static const uint32_t actions[] = {
	[REFUSED] = SECCOMP_RET_ERRNO | EPERM, [ALLOWED] = SECCOMP_RET_ALLOW,
	[ABSENT] = SECCOMP_RET_ERRNO | ENOSYS, [KILLED] = SECCOMP_RET_KILL_PROCESS,
	[ASKED] = SECCOMP_RET_USER_NOTIF,
};

/** A jump to a return that is written later. */
struct debt {
	size_t at;
	bool if_so;
	enum verdict verdict;
};

/** A program that grows; too long a one is noticed at the end. */
struct code {
	struct sock_filter *at;
	size_t count;
	struct debt *debts;
	size_t debt_count;
};

static size_t code_add(struct code *code, struct sock_filter instruction)
{
	array_grow(code->at, code->count);
	code->at[code->count] = instruction;
	return code->count++;
}

static void debt_add(struct code *code, size_t at, bool if_so, enum verdict verdict)
{
	array_grow(code->debts, code->debt_count);
	code->debts[code->debt_count++] = (struct debt){ at, if_so, verdict };
}

/** One return for each verdict, to which all jump that owe it: half of what the kernel translates.
 */
static bool debts_pay(struct code *code)
{
	bool near = true;

	for (enum verdict verdict = 0; verdict < CHECKED; verdict++) {
		bool written = false;

		for (size_t i = 0; i < code->debt_count; i++) {
			const struct debt *debt = &code->debts[i];
			size_t distance = code->count - debt->at - (written ? 2 : 1);

			if (debt->verdict != verdict)
				continue;
			if (!written)
				code_add(code, RETURN(actions[verdict]));
			written = true;
			near &= distance <= UINT8_MAX;
			*(debt->if_so ? &code->at[debt->at].jt : &code->at[debt->at].jf) =
				(uint8_t)distance;
		}
	}
	code->debt_count = 0;
	return near;
}

/** A test whose outcomes are a listed argument, or the next test, or what is not listed. */
static void test_add(struct code *code, uint16_t how, uint32_t value, enum verdict listed)
{
	debt_add(code, code_add(code, JUMP(how, value, 0, 0)), true, listed);
}

static void check_write(struct code *code, const struct call_check *check)
{
	enum verdict listed = check->asks ? ASKED : check->allows_listed ? ALLOWED : REFUSED;

	code_add(code, LOAD(ARGUMENT(check->argument)));
	if (check->bits)
		test_add(code, BPF_JSET, check->bits, listed);
	if (check->max)
		test_add(code, BPF_JGT, check->max, listed);
	for (unsigned i = 0; i < check->count; i++)
		test_add(code, BPF_JEQ, check->values[i], listed);
	debt_add(code, code->count - 1, false, check->allows_listed ? REFUSED : ALLOWED);
}

/** Ranges whose code is surely short enough for a test to jump over half of it. */
enum { SMALL_TREE = 40 };

static void tree_write(struct code *code, const struct range *ranges, size_t count);

/** One side of a test: owed where it is just a verdict, else written here. */
static void side_write(struct code *code, size_t test, bool if_so, const struct range *ranges,
		       size_t count)
{
	if (count == 1 && ranges->verdict < CHECKED)
		debt_add(code, test, if_so, ranges->verdict);
	else if (count == 1)
		check_write(code, &calls_checked[ranges->verdict - CHECKED]);
	else
		tree_write(code, ranges, count);
}

/** The lower half comes next, the upper one past it. */
static void tree_write(struct code *code, const struct range *ranges, size_t count)
{
	size_t middle = count / 2;
	size_t test = code_add(code, JUMP(BPF_JGE, ranges[middle].first, 0, 0)), skip;

	if (count > SMALL_TREE) {
		code->at[test].jf = 1;
		skip = code_add(code, SKIP(0));
		side_write(code, test, false, ranges, middle);
		code->at[skip].k = (uint32_t)(code->count - skip - 1);
	} else {
		side_write(code, test, false, ranges, middle);
		code->at[test].jt = (uint8_t)(code->count - test - 1);
	}
	side_write(code, test, true, ranges + middle, count - middle);
}

/** False where its returns are too far from its tests. */
static bool arch_write(struct code *code, const struct arch *arch, uint64_t capabilities)
{
	struct ranges *ranges = xnew(struct ranges);
	size_t skip;
	bool near;

	ranges_make(arch, capabilities, ranges);
	code_add(code, LOAD(offsetof(struct seccomp_data, arch)));
	code_add(code, JUMP(BPF_JEQ, arch->audit, 1, 0));
	skip = code_add(code, SKIP(0));
	code_add(code, LOAD(offsetof(struct seccomp_data, nr)));
	tree_write(code, ranges->items, ranges->count);
	near = debts_pay(code);
	code->at[skip].k = (uint32_t)(code->count - skip - 1);
	free(ranges);
	return near;
}

static result filter_make(enum filter_kind kind, uint64_t capabilities, struct filter *out,
			  struct error *err)
{
	uint32_t native = seccomp_arch_native();
	struct code code = {};
	bool near = true;

	for (size_t i = 0; i < countof(arches); i++) {
		if (arches[i].native == native && (kind == FILTER_NATIVE || arches[i].emulated_too))
			near &= arch_write(&code, &arches[i], capabilities);
	}
	free(code.debts);
	if (!code.count)
		return fail(err, FAULT_SYSTEM, "there is no filter for this architecture yet");
	code_add(&code, RETURN(actions[KILLED]));
	if (!near || code.count > BPF_MAXINSNS) {
		free(code.at);
		return fail(err, FAULT_SYSTEM, "the filter has %zu instructions", code.count);
	}
	*out = (struct filter){ code.at, (unsigned short)code.count };
	return OK;
}

static void names_hash(struct hasher *hasher, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count && names[i]; i++)
		hasher_add_str(hasher, names[i]);
	hasher_add_str(hasher, "");
}

/** Of all that filter_make() looks at. */
static struct digest filter_key(enum filter_kind kind, uint64_t capabilities)
{
	struct hasher *hasher = filter_key_new();
	struct digest key;

	hasher_add(hasher, &kind, sizeof(kind));
	hasher_add(hasher, &capabilities, sizeof(capabilities));
	names_hash(hasher, calls_allowed, calls_allowed_count);
	names_hash(hasher, calls_absent, calls_absent_count);
	names_hash(hasher, calls_newest, calls_newest_count);
	for (size_t i = 0; i < calls_checked_count; i++) {
		const struct call_check *check = &calls_checked[i];

		hasher_add_str(hasher, check->name);
		hasher_add(hasher, &check->argument, sizeof(check->argument));
		hasher_add(hasher, &check->bits, sizeof(check->bits));
		hasher_add(hasher, &check->max, sizeof(check->max));
		hasher_add(hasher, &check->allows_listed, sizeof(check->allows_listed));
		hasher_add(hasher, &check->asks, sizeof(check->asks));
		hasher_add(hasher, check->values, sizeof(check->values));
	}
	for (size_t i = 0; i < calls_privileged_count; i++) {
		hasher_add(hasher, &calls_privileged[i].capability, sizeof(int));
		names_hash(hasher, calls_privileged[i].names, countof(calls_privileged[i].names));
	}
	for (size_t i = 0; i < countof(directs); i++) {
		hasher_add_str(hasher, directs[i].name);
		hasher_add(hasher, &directs[i].i386, sizeof(directs[i].i386));
		hasher_add(hasher, &directs[i].ppc64, sizeof(directs[i].ppc64));
	}
	/* How it is written: to be changed with what is above. */
	hasher_add_str(hasher, "ranges, shared returns");
	key = hasher_finish(hasher);
	hasher_drop(&hasher);
	return key;
}

result filter_build(enum filter_kind kind, uint64_t capabilities, struct filter *out,
		    struct error *err)
{
	const struct digest key = filter_key(kind, capabilities);

	if (filter_load(&key, out))
		return OK;
	if (filter_make(kind, capabilities, out, err))
		return FAILED;
	filter_save(&key, out);
	return OK;
}

/** What filter_get() keeps; each is written once, under its pthread_once. */
static struct {
	struct filter filter;
	struct error err;
	result status;
} built[FILTER_KINDS];

static void build_native(void)
{
	built[FILTER_NATIVE].status = filter_build(FILTER_NATIVE, 0, &built[FILTER_NATIVE].filter,
						   &built[FILTER_NATIVE].err);
}

static void build_emulated(void)
{
	built[FILTER_EMULATED].status = filter_build(
		FILTER_EMULATED, 0, &built[FILTER_EMULATED].filter, &built[FILTER_EMULATED].err);
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
