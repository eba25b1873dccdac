/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Twins of what a step installs itself, while it runs.
 *
 * A program that is not older than the step, and is where packages have theirs, asks before it
 * runs emulated.  What is done then is the same as for what earlier steps have installed: native
 * packages are installed into hidden layers, or are there already; but what the step's own package
 * database says is only believed where the packages' archive says the same.
 *
 * Who asks waits until it is known.  Programs that nothing is installed for are answered at once
 * while it is: it goes on for as long as the network takes.  Nothing is installed before a program
 * asks for which it is: a compiler that a step installs for later ones is their business.
 */
#ifndef RUNNER_ASSIST_LIVE_H
#define RUNNER_ASSIST_LIVE_H

#include "runner/assist_request.h"
#include "runner/assist_set.h"

struct assist_live;

/** For a sandbox that begins with these twins, borrowed; the request is kept a copy of. */
struct assist_live *assist_live_new(const struct assist_request *request,
				    const struct assist_set *first);
void assist_live_drop(struct assist_live **live);

/** Where it is to answer, before anybody can ask. */
void assist_live_begin(struct assist_live *live, struct assist_hidden *hidden);

/** Of struct assist_content: `closure` is the struct assist_live. */
void assist_live_asked(void *closure, const char *name);

/** By which it comes into the sandbox. */
struct door *assist_live_door(struct assist_live *live);

/**
 * After the sandbox has ended: why a program that it has installed, and executed by that name, had
 * no twin; NULL: it installed none of that name that could have one.
 */
const char *assist_live_reason(const struct assist_live *live, const char *name);

#endif
