/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A filter's answer without the kernel.
 */
#ifndef TESTS_UNIT_SANDBOX_FILTER_H
#define TESTS_UNIT_SANDBOX_FILTER_H

#include "sandbox/seccomp.h"

#include <linux/seccomp.h>
#include <string.h>

/** What a filter answers; only instructions that filters here are made of. */
static inline uint32_t interpret(const struct filter *filter, const struct seccomp_data *data)
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

#endif
