/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A filter of system calls, wherever it comes from.
 */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <linux/filter.h>

/** A finished program. */
struct filter {
	struct sock_filter *instructions;
	unsigned short count;
};

#endif
