/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files that carry out ops share.
 */
#ifndef SANDBOX_OPS_INTERNAL_H
#define SANDBOX_OPS_INTERNAL_H

#include "sandbox/ops.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/** By number, so that no wrapper takes a lock, caches an id or tells all threads. */
#define SYS(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

/** Close, if it is open, and leave errno as it is. */
static inline void shut(int fd)
{
	int saved = errno;

	if (fd >= 0)
		SYS(close, fd);
	errno = saved;
}

static inline int slot(const struct child *child, int index)
{
	return child->slots[index];
}

static inline int slot_set(struct child *child, int index, int fd)
{
	child->slots[index] = fd;
	return fd < 0 ? -1 : 0;
}

static inline void close_slot(struct child *child, int index)
{
	shut(child->slots[index]);
	child->slots[index] = -1;
}

/** Send a packet to the parent. */
void tell(const struct child *child, const struct message *message);

/** Send `size` bytes and the descriptor `fd` over a socket; 0, or -1 with errno. */
int descriptor_send(int socket, const void *bytes, size_t size, int fd);

/**
 * Take off the old root, with all that is below it, after do_pivot() to the mount with the id
 * `root`; 0, or -1 with errno.
 */
int old_root_drop(uint64_t root);

/** The main process waits until that is done. */
void root_await(void);

/** 0 where the kernel does not tell. */
uint64_t mount_id(int dir, const char *path);

/** Hold exactly these capabilities, none of them inheritable. */
int capabilities_set(uint64_t set);
/** Set them, unless those that there are may not be changed by anybody. */
int groups_set(size_t count, const gid_t *groups);

/* Each carries out one op: 0, or -1 with errno. */

/* ops_mount.c */
int do_filesystem(struct child *child, const struct op *op);
int do_clone(struct child *child, const struct op *op);
int do_attach(struct child *child, const struct op *op);
int do_subtree(struct child *child, const struct op *op);
int do_cover(struct child *child, const struct op *op);
int do_mask(struct child *child, const struct op *op);
int do_protect(struct child *child, const struct op *op);
int do_read_only(struct child *child, const struct op *op);
int do_overlay(struct child *child, const struct op *op);
int do_enter(struct child *child, const struct op *op);
int do_pivot(struct child *child, const struct op *op);
int do_directory(struct child *child, const struct op *op);
int do_file(struct child *child, const struct op *op);
int do_write(struct child *child, const struct op *op);
int do_link(struct child *child, const struct op *op);
int do_open(struct child *child, const struct op *op);
int do_workdir(struct child *child, const struct op *op);

/* ops_process.c */
int do_session(struct child *child, const struct op *op);
int do_terminal(struct child *child, const struct op *op);
int do_keyring(struct child *child, const struct op *op);
int do_signals(struct child *child, const struct op *op);
int do_streams(struct child *child, const struct op *op);
int do_limit(struct child *child, const struct op *op);
int do_chdir(struct child *child, const struct op *op);
int do_bound(struct child *child, const struct op *op);
int do_no_new_privileges(struct child *child, const struct op *op);
int do_personality(struct child *child, const struct op *op);
int do_user(struct child *child, const struct op *op);
int do_capabilities(struct child *child, const struct op *op);
int do_scope(struct child *child, const struct op *op);
int do_filter(struct child *child, const struct op *op);
int do_exec(struct child *child, const struct op *op);

#endif
