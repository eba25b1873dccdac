/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the zygote, its realms and their blanks do.
 */
#ifndef SANDBOX_REALM_H
#define SANDBOX_REALM_H

#include "sandbox/compiled.h"

/** Packs of what to run are received where they were packed: at the same address in all. */
enum { ROOM_SIZE = 4 << 20 }; /* argv and environment are most: the kernel takes 2 MiB of them */

/**
 * Ask the zygote for a realm; comes with the realm's end of a link.  It makes one blank unasked;
 * any byte on its link asks for one more.
 */
struct realm_request {
	bool shifted;
	enum network network;
	uint32_t id_count;
	bool makes_devices;
	/* Which texts follow in the same packet, each with its NUL: the engine, then all rules. */
	bool has_engine, has_rules;
	size_t texts_length;
};

enum { TEXTS_MAX = 64 << 10 };

/** What a realm says on its link; also whoever clones it, where that cannot be done. */
struct realm_answer {
	enum answer_kind {
		ANSWER_UP,    /* with the user namespace */
		ANSWER_BLANK, /* with its pidfd and its link, and where the network is still being
				 made with what tells when it is there: network_wait() */
		/* These are failures. */
		ANSWER_NO_CLONE,
		ANSWER_NO_MAP,
		ANSWER_NO_OP,      /* of the realm's list */
		ANSWER_NO_NETWORK, /* none of the helpers connects it */
	} kind;
	int sys;
	uint32_t op;
	pid_t pid;
};

/** A packet with up to DESCRIPTORS_MAX descriptors. */
bool packet_send(int link, const void *data, size_t size, const int *fds, size_t count);
/** Its length; 0 or less at the end.  At most `limit` descriptors; others are closed. */
ssize_t packet_receive(int link, void *data, size_t size, int *fds, size_t limit, size_t *count);

/**
 * Clone a blank that is its own realm from this very process: for one that runs no other, and has
 * nothing in its memory yet.  What a realm would say is to be read from `link`'s other end.
 */
void lone_start(const struct realm_kind *kind, int link, void *room);

/** What the zygote does, until its parent goes. */
[[gnu::noreturn]] void zygote_main(int link, void *room, pid_t parent);

#endif
