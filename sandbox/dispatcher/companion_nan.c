/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is no number: the result of an invalid operation has the sign bit here, and has none on
 * other machines.  The processor is told to ask, by a signal; then the program gets what the
 * target's would have got, and goes on behind the instruction.  Where it is none that is known, it
 * trips.
 */
#include "sandbox/dispatcher/companion.h"
#include "sandbox/dispatcher/kernel.h"

#include <stdint.h>

#if defined(__x86_64__)

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#define NOT_A_NUMBER UINT64_C(0x7ff8000000000000)

enum { ONE_DOUBLE = 0xf2, TWO_DOUBLES = 0x66 };
enum { SIGNALS_SIZE = 8, INVALID_MASK = 128, ACTION_SIZE = 152 };

PUBLIC int sigaction(int number, const void *action, void *old);
PUBLIC int sigprocmask(int how, const uint64_t *set, uint64_t *old);
PUBLIC int pthread_sigmask(int how, const uint64_t *set, uint64_t *old);
__attribute__((constructor)) void companion_ask(void);

/** What the kernel takes. */
struct kernel_action {
	void (*handler)(int number, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

void companion_return(void);

__asm__(".text\n"
	"companion_return:\n"
	"	mov $15, %eax\n"
	"	syscall\n");

/** An instruction with two operands, as far as it was read. */
struct operands {
	const uint8_t *at;
	uint8_t rex;
	unsigned target;       /* register */
	const uint64_t *value; /* of the other one */
};

static uint64_t general(const struct sigcontext *registers, unsigned number)
{
	const uint64_t values[] = {
		registers->rax, registers->rcx, registers->rdx, registers->rbx,
		registers->rsp, registers->rbp, registers->rsi, registers->rdi,
		registers->r8,  registers->r9,  registers->r10, registers->r11,
		registers->r12, registers->r13, registers->r14, registers->r15,
	};

	return values[number];
}

static uint64_t *vector(const struct sigcontext *registers, unsigned number)
{
	struct _fpstate *state = (struct _fpstate *)registers->fpstate;

	return (uint64_t *)(void *)&state->xmm_space[number * 4];
}

static int32_t word_read(const uint8_t *at)
{
	return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
			 (uint32_t)at[3] << 24);
}

/** Read ModRM and what belongs to it, as the processor's manual has it. */
static void operands_read(const struct sigcontext *registers, struct operands *out)
{
	const uint8_t modrm = *out->at++;
	const unsigned mode = modrm >> 6;
	unsigned base = (modrm & 7u) | (out->rex & 1u) << 3;
	uint64_t address = 0;
	bool has_base = true;

	out->target = (modrm >> 3 & 7u) | (out->rex & 4u) << 1;
	if (mode == 3) {
		out->value = vector(registers, base);
		return;
	}
	if ((modrm & 7) == 4) {
		const uint8_t sib = *out->at++;
		const unsigned index = (sib >> 3 & 7u) | (out->rex & 2u) << 2;

		base = (sib & 7u) | (out->rex & 1u) << 3;
		if (index != 4)
			address = general(registers, index) << (sib >> 6);
		has_base = mode || (sib & 7) != 5;
	} else if (mode == 0 && (modrm & 7) == 5) {
		has_base = false;
		address = (uint64_t)(out->at + 4);
	}
	if (has_base)
		address += general(registers, base);
	if (mode == 1)
		address += (uint64_t)(int64_t)(int8_t)*out->at++;
	if (mode == 2 || !has_base) {
		address += (uint64_t)(int64_t)word_read(out->at);
		out->at += 4;
	}
	out->value = (const uint64_t *)address;
}

static bool is_no_number(uint64_t value)
{
	return (value & ~(UINT64_C(1) << 63)) > UINT64_C(0x7ff0000000000000);
}

enum {
	SQUARE_ROOT = 0x51,
	ADD = 0x58,
	MULTIPLY = 0x59,
	SUBTRACT = 0x5c,
	LESSER = 0x5d,
	DIVIDE = 0x5e,
	GREATER = 0x5f,
	COMPARE = 0x2f
};

/** As the processor computes it, but for the sign; false where that is not known. */
static bool lane_compute(uint8_t opcode, uint64_t *target, uint64_t value)
{
	const bool is_one_none = opcode == SQUARE_ROOT || !is_no_number(*target);
	double a, b;

	if (!is_one_none || is_no_number(value))
		return false;
	__builtin_memcpy(&a, target, sizeof(a));
	__builtin_memcpy(&b, &value, sizeof(b));
	if (opcode == ADD)
		a += b;
	else if (opcode == SUBTRACT)
		a -= b;
	else if (opcode == MULTIPLY)
		a *= b;
	else if (opcode == DIVIDE)
		a /= b;
	else if (opcode == SQUARE_ROOT)
		__asm__("sqrtsd %1, %0" : "=x"(a) : "x"(b));
	else
		return false;
	__builtin_memcpy(target, &a, sizeof(a));
	if (is_no_number(*target))
		*target = NOT_A_NUMBER;
	return true;
}

/** Do what the instruction would have done; with one double, or two. */
static bool operation_do(struct sigcontext *registers, uint8_t prefix, uint8_t opcode,
			 const struct operands *operands)
{
	enum { CARRY = 1, PARITY = 4, ADJUST = 16, ZERO = 64, SIGN = 128, OVERFLOW = 2048 };
	uint64_t *target = vector(registers, operands->target);
	const uint64_t before = *target;

	if (prefix == ONE_DOUBLE && (opcode == LESSER || opcode == GREATER)) {
		*target = *operands->value;
		return true;
	}
	if (prefix == ONE_DOUBLE)
		return lane_compute(opcode, target, *operands->value);
	if (opcode == COMPARE) {
		/* They are unordered. */
		registers->eflags = (registers->eflags & ~(uint64_t)(ADJUST | SIGN | OVERFLOW)) |
				    CARRY | PARITY | ZERO;
		return true;
	}
	if (lane_compute(opcode, target, operands->value[0]) &&
	    lane_compute(opcode, target + 1, operands->value[1]))
		return true;
	*target = before;
	return false;
}

/** Read an instruction that computes with doubles, do it, and go on behind it. */
static bool instruction_do(struct sigcontext *registers)
{
	struct operands operands = { .at = (const uint8_t *)registers->rip };
	const uint8_t prefix = *operands.at++;
	uint8_t opcode;

	if (prefix != ONE_DOUBLE && prefix != TWO_DOUBLES)
		return false;
	if ((*operands.at & 0xf0) == 0x40)
		operands.rex = *operands.at++;
	if (*operands.at++ != 0x0f)
		return false;
	opcode = *operands.at++;
	operands_read(registers, &operands);
	if (!operation_do(registers, prefix, opcode, &operands))
		return false;
	registers->rip = (uint64_t)operands.at;
	return true;
}

static void handle(int number, siginfo_t *info, void *context)
{
	struct ucontext *user = context;

	(void)number;
	if (info->si_code != FPE_FLTINV || !instruction_do(&user->uc_mcontext))
		companion_trip("what is no number");
}

void companion_ask(void)
{
	const struct kernel_action action = {
		.handler = handle,
		.flags = SA_SIGINFO | SA_RESTORER | SA_ONSTACK,
		.restorer = companion_return,
	};
	uint32_t control;

	CALL(rt_sigaction, SIGFPE, &action, 0, SIGNALS_SIZE);
	__asm__ volatile("stmxcsr %0" : "=m"(control));
	control &= ~(uint32_t)INVALID_MASK;
	__asm__ volatile("ldmxcsr %0" : : "m"(control));
}

/* ---- nobody else gets or holds back the signal ---- */

int sigaction(int number, const void *action, void *old)
{
	int (*next)(int, const void *, void *) = companion_next("sigaction");

	if (number != SIGFPE)
		return next(number, action, old);
	for (size_t i = 0; old && i < ACTION_SIZE; i++)
		((char *)old)[i] = 0;
	return 0;
}

/** As the C library's function of that name does, but for the signal. */
static int mask_change(const char *name, int how, const uint64_t *set, uint64_t *old)
{
	int (*next)(int, const uint64_t *, uint64_t *) = companion_next(name);
	uint64_t others[16] = {};

	for (size_t i = 0; set && i < sizeof(others) / sizeof(*others); i++)
		others[i] = set[i];
	others[0] &= ~(UINT64_C(1) << (SIGFPE - 1));
	return next(how, set ? others : 0, old);
}

int pthread_sigmask(int how, const uint64_t *set, uint64_t *old)
{
	return mask_change("pthread_sigmask", how, set, old);
}

int sigprocmask(int how, const uint64_t *set, uint64_t *old)
{
	return mask_change("sigprocmask", how, set, old);
}

#endif
