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
 * become one range, and the ranges the tree that the kernel takes in fastest.  libseccomp's takes
 * 15 ms to make and has five times as many instructions, which the kernel goes through for every
 * call at every load.
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
	if (ranges->count && ranges->items[ranges->count - 1].first == first)
		ranges->count--;
	if (!ranges->count || ranges->items[ranges->count - 1].verdict != verdict)
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

/** A jump to a return or a check that is written later. */
struct debt {
	size_t at;
	bool if_so;
	unsigned verdict;
};

/** A program that grows; too long a one is noticed at the end. */
struct code {
	struct sock_filter *at;
	size_t count;
	struct debt *debts;
	size_t debt_count;
	bool asks; /* where a check says so; else that is refused */
};

static size_t code_add(struct code *code, struct sock_filter instruction)
{
	array_grow(code->at, code->count);
	code->at[code->count] = instruction;
	return code->count++;
}

static void debt_add(struct code *code, size_t at, bool if_so, unsigned verdict)
{
	array_grow(code->debts, code->debt_count);
	code->debts[code->debt_count++] = (struct debt){ at, if_so, verdict };
}

/** A test whose outcomes are a listed argument, or the next test, or what is not listed. */
static void test_add(struct code *code, uint16_t how, uint32_t value, enum verdict listed)
{
	debt_add(code, code_add(code, JUMP(how, value, 0, 0)), true, listed);
}

static void check_write(struct code *code, const struct call_check *check)
{
	enum verdict listed = check->allows_listed ? ALLOWED : REFUSED;

	if (check->asks && code->asks)
		listed = ASKED;
	code_add(code, LOAD(ARGUMENT(check->argument)));
	if (check->bits)
		test_add(code, BPF_JSET, check->bits, listed);
	if (check->max)
		test_add(code, BPF_JGT, check->max, listed);
	for (unsigned i = 0; i < check->count; i++)
		test_add(code, BPF_JEQ, check->values[i], listed);
	debt_add(code, code->count - 1, false, check->allows_listed ? REFUSED : ALLOWED);
}

/** Have all that owe a verdict jump to what is written next; false where it is too far. */
static bool debt_pay(struct code *code, unsigned verdict)
{
	size_t target = code->count, paid = 0;
	bool near = true;

	for (size_t i = 0; i < code->debt_count; i++) {
		const struct debt *debt = &code->debts[i];
		size_t distance = target - debt->at - 1;

		if (debt->verdict != verdict)
			continue;
		paid++;
		near &= distance <= UINT8_MAX;
		*(debt->if_so ? &code->at[debt->at].jt : &code->at[debt->at].jf) =
			(uint8_t)distance;
	}
	if (paid && verdict < CHECKED)
		code_add(code, RETURN(actions[verdict]));
	else if (paid)
		check_write(code, &calls_checked[verdict - CHECKED]);
	return near;
}

/** Each check and each return once: half of what the kernel would translate else. */
static bool debts_pay(struct code *code)
{
	bool near = true;

	for (unsigned i = 0; i < calls_checked_count; i++)
		near &= debt_pay(code, CHECKED + i);
	for (enum verdict verdict = 0; verdict < CHECKED; verdict++)
		near &= debt_pay(code, verdict);
	return near;
}

/* ---- the tree ---- */

/**
 * What the kernel takes for a load: it translates each instruction, and goes through the filter
 * once for each number that it knows, to remember which are always allowed.  An instruction costs
 * as much as 28 of those steps (measured on Linux 6.18), of which numbers past the table take none.
 */
enum { INSTRUCTION_COST = 28, TABLE_SIZE = 470, CHAIN_MAX = 8 };

/** How neighbouring ranges are told apart. */
struct branch {
	uint32_t cost, size; /* size: instructions, at most */
	uint16_t split;      /* the first range of the upper part; 0: there is none */
	uint8_t base;        /* without a split: verdict of all but a chain of single numbers */
};

/** The best branches for all that is between any two ranges. */
struct tree {
	const struct range *ranges;
	size_t count;
	uint32_t *before;        /* numbers below each range */
	struct branch *branches; /* by the first range and the last one */
};

static struct branch *branch_at(const struct tree *tree, size_t first, size_t last)
{
	return &tree->branches[first * tree->count + last];
}

static bool is_single(const struct tree *tree, size_t at)
{
	return at + 1 < tree->count && tree->ranges[at + 1].first == tree->ranges[at].first + 1;
}

/** A chain: one test for each single number that is not as the others; false where it cannot be. */
static bool chain_try(const struct tree *tree, size_t first, size_t last, unsigned base,
		      struct branch *best)
{
	struct branch chain = { .base = (uint8_t)base };
	uint32_t tests = 0, rest = tree->before[last + 1] - tree->before[first];

	for (size_t at = first; at <= last; at++) {
		if (tree->ranges[at].verdict == base)
			continue;
		if (!is_single(tree, at) || tests == CHAIN_MAX)
			return false;
		chain.cost += ++tests + INSTRUCTION_COST;
		chain.size++;
		rest -= tree->before[at + 1] - tree->before[at];
	}
	chain.cost += rest * tests;
	if (best->size && best->cost <= chain.cost)
		return false;
	*best = chain;
	return true;
}

/** Cheapest first by how many ranges there are: each is made of shorter ones. */
static void branch_find(const struct tree *tree, size_t first, size_t last)
{
	struct branch *best = branch_at(tree, first, last);
	uint32_t all = tree->before[last + 1] - tree->before[first];

	for (size_t at = first + 1; at <= last; at++) {
		const struct branch *lower = branch_at(tree, first, at - 1);
		const struct branch *upper = branch_at(tree, at, last);
		uint32_t cost = lower->cost + upper->cost + all + INSTRUCTION_COST;

		if (best->size && best->cost <= cost)
			continue;
		*best = (struct branch){ cost, lower->size + upper->size + 2, (uint16_t)at, 0 };
	}
	for (unsigned base = 0; base < CHECKED; base++)
		chain_try(tree, first, last, base, best);
}

static void tree_drop(struct tree *tree)
{
	free(tree->before);
	free(tree->branches);
}

static struct tree tree_make(const struct ranges *ranges)
{
	struct tree tree = {
		.ranges = ranges->items,
		.count = ranges->count,
		.before = xcalloc(ranges->count + 1, sizeof(*tree.before)),
		.branches = xcalloc(ranges->count * ranges->count, sizeof(*tree.branches)),
	};

	for (size_t at = 0; at < tree.count; at++) {
		tree.before[at] =
			tree.ranges[at].first < TABLE_SIZE ? tree.ranges[at].first : TABLE_SIZE;
	}
	tree.before[tree.count] = TABLE_SIZE;
	for (size_t length = 1; length < tree.count; length++) {
		for (size_t first = 0; first + length < tree.count; first++)
			branch_find(&tree, first, first + length);
	}
	return tree;
}

static void branch_write(struct code *code, const struct tree *tree, size_t first, size_t last);

/** One side of a test: owed where it is just a verdict, else written here. */
static void side_write(struct code *code, size_t test, bool if_so, const struct tree *tree,
		       size_t first, size_t last)
{
	if (first == last)
		debt_add(code, test, if_so, tree->ranges[first].verdict);
	else
		branch_write(code, tree, first, last);
}

static void chain_write(struct code *code, const struct tree *tree, size_t first, size_t last,
			unsigned base)
{
	for (size_t at = first; at <= last; at++) {
		const struct range *range = &tree->ranges[at];

		if (range->verdict != base)
			debt_add(code, code_add(code, JUMP(BPF_JEQ, range->first, 0, 0)), true,
				 range->verdict);
	}
	debt_add(code, code->count - 1, false, base);
}

/** The lower part comes next, the upper one past it. */
static void branch_write(struct code *code, const struct tree *tree, size_t first, size_t last)
{
	const struct branch *branch = branch_at(tree, first, last);
	size_t split = branch->split, test, skip;

	if (!split) {
		chain_write(code, tree, first, last, branch->base);
		return;
	}
	test = code_add(code, JUMP(BPF_JGE, tree->ranges[split].first, 0, 0));
	if (branch_at(tree, first, split - 1)->size > UINT8_MAX) {
		code->at[test].jf = 1;
		skip = code_add(code, SKIP(0));
		side_write(code, test, false, tree, first, split - 1);
		code->at[skip].k = (uint32_t)(code->count - skip - 1);
	} else {
		side_write(code, test, false, tree, first, split - 1);
		code->at[test].jt = (uint8_t)(code->count - test - 1);
	}
	side_write(code, test, true, tree, split, last);
}

/** Past its code, the architecture is still loaded.  False where that is too far. */
static bool arch_write(struct code *code, const struct arch *arch, uint64_t capabilities)
{
	size_t test = code_add(code, JUMP(BPF_JEQ, arch->audit, 0, 0)), length;
	struct ranges *ranges = xnew(struct ranges);
	struct tree tree;

	code_add(code, LOAD(offsetof(struct seccomp_data, nr)));
	ranges_make(arch, capabilities, ranges);
	tree = tree_make(ranges);
	branch_write(code, &tree, 0, tree.count - 1);
	tree_drop(&tree);
	free(ranges);
	length = code->count - test - 1;
	code->at[test].jf = (uint8_t)length;
	return length <= UINT8_MAX;
}

static bool is_emulated(enum filter_kind kind)
{
	return kind == FILTER_EMULATED || kind == FILTER_EMULATED_ASKING;
}

result filter_build_for(uint32_t native, enum filter_kind kind, uint64_t capabilities,
			struct filter *out, struct error *err)
{
	struct code code = { .asks = kind == FILTER_NATIVE_ASKING ||
				     kind == FILTER_EMULATED_ASKING };
	bool near = true;

	code_add(&code, LOAD(offsetof(struct seccomp_data, arch)));
	for (size_t i = 0; i < countof(arches); i++) {
		if (arches[i].native == native && (!is_emulated(kind) || arches[i].emulated_too))
			near &= arch_write(&code, &arches[i], capabilities);
	}
	if (code.count == 1) {
		free(code.at);
		return fail(err, FAULT_SYSTEM, "there is no filter for this architecture yet");
	}
	code_add(&code, RETURN(actions[KILLED]));
	near &= debts_pay(&code);
	free(code.debts);
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

/** Of all that filter_build_for() looks at. */
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
	hasher_add_str(hasher, "weighed branches, shared checks");
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
	if (filter_build_for(seccomp_arch_native(), kind, capabilities, out, err))
		return FAILED;
	filter_save(&key, out);
	return OK;
}

/** What filter_get() keeps; nothing of one that is made changes any more. */
static struct {
	pthread_mutex_t lock;
	struct {
		bool made;
		struct filter filter;
		struct error err;
		result status;
	} kinds[FILTER_KINDS];
} built = { .lock = PTHREAD_MUTEX_INITIALIZER };

result filter_get(enum filter_kind kind, const struct filter **out, struct error *err)
{
	typeof(built.kinds[0]) *one = &built.kinds[kind];

	pthread_mutex_lock(&built.lock);
	if (!one->made)
		one->status = filter_build(kind, 0, &one->filter, &one->err);
	one->made = true;
	pthread_mutex_unlock(&built.lock);
	if (one->status) {
		*err = one->err;
		return fail_in(err, "seccomp");
	}
	*out = &one->filter;
	return OK;
}
