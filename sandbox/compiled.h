/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A compiled sandbox: what sandbox_compile() makes and sandbox_run() carries out.
 */
#ifndef SANDBOX_COMPILED_H
#define SANDBOX_COMPILED_H

#include "sandbox/cgroup.h"
#include "sandbox/ops.h"
#include "sandbox/sandbox.h"
#include "sandbox/users.h"

/** A directory or file of the host that the parent opens as a mount for the child. */
struct source {
	const char *path;
	bool is_layer; /* ids on disk are the image's: without id-mapped mounts there is no shift */
	bool unmapped; /* its owner is nobody inside, on purpose */
	bool is_device; /* not the path, but a new node for the device that it is */
	bool is_group;  /* not the path, but the sandbox's own control group of a controller */
	enum controller controller;
	uint64_t attributes;
};

/** A directory that an overlay of the sandbox is made of. */
struct layer_dir {
	const char *path;
	bool is_written; /* an upper or work directory */
};

/** Host ids that id 0 and on of a sandbox stand for, where it does not have ours. */
#define SHIFT_FIRST UINT32_C(2147483648)
#define SHIFT_COUNT UINT32_C(2147483647)

/** What kind of sandboxes a realm is for. */
struct realm_kind {
	bool shifted; /* ids from 0 are the host's from SHIFT_FIRST; else ours */
	enum network network;
	uint32_t id_count;        /* ids from 0 on that it has */
	const char *const *rules; /* of its own binfmt_misc; NULL: the host's entries serve */
	size_t rule_count;
	const char *engine; /* directory that is SANDBOX_ENGINE for the rules; NULL: none */
	bool makes_devices; /* we are asked for device nodes; else they are refused */
};

struct sandbox {
	struct arena *arena; /* everything below, copied: the spec's strings may be blanked */
	struct op *ops;
	size_t op_count;
	struct source *sources; /* their descriptors go to the slots from source_slot on */
	size_t source_count;
	int source_slot, slot_count;
	struct layer_dir *layers;
	size_t layer_count;

	struct user user;
	uint64_t capabilities;
	struct filter filter; /* of its own, where it is not one that all share */
	struct privilege privilege;
	struct realm_kind kind;
	bool fresh_main; /* its main process is not as a blank's */
	struct resource_limits resources;
	uint64_t timeout_ms;
	int streams[3];
	int signal_fd;             /* or 0 */
	struct sampling *sampling; /* or NULL */
	struct door *door;         /* or NULL */
	const char *upper;
};

#endif
