/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a sandbox's processes do between clone and exec, as data.
 *
 * An op is one step with everything it needs worked out before; running it makes system calls and
 * nothing else: no memory, no stdio, no locks, since the child is a copy of one thread of a process
 * that may have many.  Descriptors are named by slots, because their numbers are known only then.
 */
#ifndef SANDBOX_OPS_H
#define SANDBOX_OPS_H

#include "sandbox/seccomp.h"

#include <sys/types.h>

enum op_kind {
	OP_BECOME,     /* root of the user namespace; die with the parent; be unreadable */
	OP_LOOPBACK,   /* bring lo up; groups `data` ("first last") may ping */
	OP_HOSTNAME,   /* to `path` */
	OP_QUEUES,     /* a namespace of message queues, which are then its root's */
	OP_GROUPS,     /* a control group namespace that begins at the group it is in */
	OP_FILESYSTEM, /* a new `path` with `options`, `attributes` -> `to` */
	OP_CLONE,      /* of `path` below `at` (-1: of the host), with `attributes` -> `to` */
	OP_ATTACH,     /* mount `from` on `path` below `at` (-1: of the host) */
	OP_SUBTREE,    /* a clone of `path` inside `at`, with `attributes` -> `to` */
	OP_COVER,      /* mount `from` on `path` inside the root `at`; see enum cover */
	OP_MASK,    /* hide `path` inside `at`, if it is there; `from` is /dev, `pair` the stage */
	OP_PROTECT, /* make `path` inside `at`, if it is there, read-only */
	OP_READ_ONLY, /* the mount `at` itself */
	OP_DIRECTORY, /* make `path` below `at`, `mode` */
	OP_FILE,      /* make `path` below `at` with `data`; with a `mode`, of user `number` and
			 group `count` */
	OP_LINK,      /* make `path` below `at` a link to `data` */
	OP_WRITE,     /* `data` to the existing `path` below `at`, in one write */
	OP_OPEN,      /* the directory `path` below `at` -> `to` */
	OP_OVERLAY, /* of `count` lowers from slot `from`, topmost first -> `to`; upper `pair` or 0
		     */
	OP_ENTER,   /* the root `at`, leaving the old one */
	OP_PIVOT,   /* the same, but the old one is left in OP_FORK */
	OP_WORKDIR, /* make `path` inside `at` where it is missing -> `to` */
	OP_MAIN,    /* make the main process in advance: it does the `count` ops after this one, and
		       then nothing before OP_FORK */
	OP_FORK,    /* leave all but the root `at`; the first process stays behind as init, the main
		       process goes on */
	OP_SESSION, /* a new one, without a terminal */
	OP_TERMINAL, /* a new one of size `data`, the session's -> `to` and the two slots after it;
			its other side goes to the socket SLOT_INPUT, its owner is `number` */
	OP_KEYRING,  /* a new and empty one */
	OP_SIGNALS,  /* as a fresh process expects them */
	OP_STREAMS,  /* slots `from`.. become 0, 1 and 2; no others survive exec */
	OP_LIMIT,    /* the resource `number`, to data[0] and data[1] or what is allowed */
	OP_CHDIR,    /* to slot `at`, which must be inside the root */
	OP_BOUND,    /* drop capabilities that are not in `number` from the bounding set */
	OP_NO_NEW_PRIVILEGES, /* by set-user-id bits and file capabilities */
	OP_PERSONALITY,       /* `number` */
	OP_USER,              /* become `data`, a struct user; capabilities are kept */
	OP_CAPABILITIES,      /* keep those in `number` and no others */
	OP_SCOPE,  /* no abstract sockets and signals across the sandbox's border (Landlock) */
	OP_FILTER, /* `data`, a struct filter, from now on; where `number`, it asks the parent */
	OP_EXEC,   /* `data`, a struct program */
	OP_KINDS
};

/** How OP_COVER finds and treats its target. */
enum cover {
	COVER_DIRECTORY = 1, /* what to make where the target is missing: else a file */
	COVER_PLAIN = 2,     /* no part of the path may be a link */
	COVER_MODE = 4,      /* `from` gets the mode of what it covers, unless that was made */
};

/** A program to start: every path that may be it, in order. */
struct program {
	const char *const *candidates; /* NULL-terminated */
	char *const *argv, *const *envp;
};

struct op {
	enum op_kind kind;
	const char *text; /* "mount proc on /proc": for people */
	const char *path;
	const void *data; /* what the kind says; `size` bytes where they are just bytes */
	size_t size, count;
	const char *const *options; /* key, value, key, value, NULL; value "": a flag */
	uint64_t attributes, number;
	mode_t mode;
	unsigned cover;
	int at, from, to, pair;
};

/** Slots that every list may use: what the parent sends, and what a blank has made in advance. */
enum {
	SLOT_LINK,
	SLOT_INPUT,
	SLOT_OUTPUT,
	SLOT_ERROR,
	SLOT_STAGE,
	SLOT_DEV,
	SLOT_PROC,
	SLOT_SYS,
	SLOT_RULES, /* of binfmt_misc: gone when nobody has it open */
	SLOT_FIRST_FREE,
	/* Of a realm's list: mounts that come from outside, the engine of its kind and devices. */
	SLOT_ENGINE = SLOT_INPUT,
	SLOT_DEVICES = SLOT_OUTPUT
};

/**
 * Which list of ops: that of a user namespace, of a sandbox in advance, of one that has a user
 * namespace to itself, of what it is to run.
 */
enum phase { PHASE_REALM, PHASE_BLANK, PHASE_LONE, PHASE_OWN };

/** What the child tells the parent: each is one packet on the link. */
enum message_kind {
	MESSAGE_OP_FAILED,
	MESSAGE_LISTENER, /* comes with what its filter asks by */
	MESSAGE_STARTED,  /* comes with a pidfd of the main process */
	MESSAGE_EXEC_FAILED,
	MESSAGE_EXIT,
};

struct message {
	enum message_kind kind;
	int sys;          /* errno of a failure */
	enum phase phase; /* of the op that failed */
	uint32_t op;      /* its index */
	int wait_status;  /* of the main process: EXIT */
	uint64_t user_us, system_us, peak_bytes;
};

/** A list being run, by a process that has nothing else to do. */
struct child {
	enum phase phase;
	const struct op *ops;
	size_t op_count;
	int *slots;
	size_t slot_count;
	size_t at; /* the op being run */
	/* Descriptors that come with the list: streams, and these from slot source_slot on. */
	int source_slot;
	size_t source_count;
	bool fresh_main; /* one that was made in advance will not do */
	int listener;    /* of a filter that was set in advance, to be told later; 0: none */
};

/** What goes over a blank's link first, with the descriptors; then the packed list, in parts. */
struct handover {
	size_t length;
};

/** SCM_RIGHTS carries no more descriptors than this at once. */
enum { DESCRIPTORS_MAX = 253, HANDOVER_PART = 64 << 10 };

/** Run a list; false with errno where child->at failed. */
bool ops_run(struct child *child);

/**
 * In a fresh clone: run the blank's list, then the one that comes over its link, into the room that
 * it was packed for.
 */
[[gnu::noreturn]] void blank_run(struct child *child, void *room, size_t room_size);

#endif
