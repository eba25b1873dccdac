/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is made before anybody knows what a sandbox is to run.
 *
 * A realm is a process in a user namespace of its own, for all sandboxes of the same kind: its
 * mount namespace holds nothing of the host but what a new one must have in view.  A blank is a
 * sandbox that the realm has cloned in advance: all its namespaces, and those parts of its root
 * that are the same for every image.
 */
#ifndef SANDBOX_PREPARE_H
#define SANDBOX_PREPARE_H

#include "sandbox/oplist.h"

/** What of a spec decides the kind; everything is borrowed. */
struct realm_kind realm_kind_of(const struct sandbox_spec *spec);

/** The lists, of which only ops, slots and the arena are used; sandbox_drop() takes them. */
struct sandbox *realm_compile(const struct realm_kind *kind);
struct sandbox *blank_compile(const struct realm_kind *kind);

/** Of a blank that is its own realm, for a process that runs no other: not with an engine. */
struct sandbox *lone_compile(const struct realm_kind *kind);

/** Namespaces of a blank, beside the user namespace of its realm. */
unsigned long blank_namespaces(enum network network);

/** Tell a plan which mount points the blank's skeleton has already. */
void skeleton_inherit(struct plan *plan);

#endif
