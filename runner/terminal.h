/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Our terminal and the one of a sandbox, tied together by a thread.
 */
#ifndef RUNNER_TERMINAL_H
#define RUNNER_TERMINAL_H

#include "sandbox/sandbox.h"

struct terminal;

/**
 * A terminal to be, of the size of ours.  With `input`, what is typed goes there as it is: from
 * the start of the program on, ours makes nothing of it.
 */
result terminal_new(bool input, struct terminal **out, struct error *err);

/** For the sandbox's spec; borrowed. */
const struct terminal_spec *terminal_spec(const struct terminal *terminal);

/** Ours has another size now.  Safe from any thread. */
void terminal_resize(struct terminal *terminal);

/** Once the sandbox is gone: pass on the rest of its output, and let ours be as it was. */
void terminal_drop(struct terminal **terminal);

#endif
