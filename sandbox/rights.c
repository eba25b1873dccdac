/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/rights.h"
#include "sandbox/caps.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Landlock's scopes: abstract sockets and signals (Linux 6.12). */
enum { SCOPE_ABI = 6, SCOPE_ALL = 3, LANDLOCK_VERSION = 1 };

void inheritance_drop(struct plan *plan)
{
	op_add(plan, OP_KEYRING, "new keyring");
	op_add(plan, OP_SIGNALS, "no signal is handled or ignored");
}

void bound_add(struct plan *plan, uint64_t set)
{
	owned(buf) struct buf names = {};

	capabilities_text(set, &names);
	op_add(plan, OP_BOUND, "bound capabilities to %s", set ? buf_text(&names) : "none")
		->number = set;
}

void scope_add(struct plan *plan)
{
	static atomic_long known;
	long abi = atomic_load(&known);

	if (!abi) {
		abi = syscall(SYS_landlock_create_ruleset, NULL, 0L, (long)LANDLOCK_VERSION);
		atomic_store(&known, abi);
	}
	if (abi >= SCOPE_ABI)
		op_add(plan, OP_SCOPE, "no abstract sockets or signals beyond the sandbox")
			->number = SCOPE_ALL;
}

void filter_add(struct plan *plan, const struct filter *filter, bool asks, const char *whose)
{
	struct op *op = op_add(plan, OP_FILTER, "filter system calls%s", whose);

	op->data = filter;
	op->number = asks;
}
