/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parent's side: which realms there are, and which of them has a blank.
 */
#include "sandbox/zygote.h"
#include "sandbox/ending.h"
#include "sandbox/network.h"
#include "sandbox/pack.h"
#include "sandbox/prepare.h"
#include "sandbox/realm.h"
#include "sandbox/refusal.h"
#include "sandbox/userns.h"

#include "base/fd.h"
#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/** What we know of a realm. */
struct realm_seen {
	struct realm_kind kind;
	struct strings texts; /* what kind points to */
	int link, userns;
	unsigned asked; /* blanks that it owes us */
	struct realm_seen *next;
};

struct zygote {
	pthread_mutex_t lock; /* of all below */
	bool many; /* sandboxes are to come: have a process of its own make the next one */
	pid_t pid; /* of that one */
	int link;
	void *room;
	struct realm_seen *realms;
};

/* ---- making it ---- */

static result zygote_fork(struct zygote *zygote, struct error *err)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_sys(err, "socketpair");
	zygote->link = pair[0];
	zygote->pid = fork();
	if (zygote->pid == 0)
		zygote_main(pair[1], zygote->room, parent);
	close(pair[1]);
	if (zygote->pid < 0)
		return fail_sys(err, "fork the zygote");
	return OK;
}

result zygote_start(bool many, struct zygote **out, struct error *err)
{
	owned(zygote) struct zygote *zygote = xnew(struct zygote);

	pthread_mutex_init(&zygote->lock, NULL);
	zygote->link = -1;
	zygote->many = many;
	zygote->room = mmap(NULL, ROOM_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (zygote->room == MAP_FAILED)
		return fail_sys(err, "memory for the zygote");
	if (many && zygote_fork(zygote, err))
		return FAILED;
	*out = take(zygote);
	return OK;
}

bool zygote_has_realms(const struct zygote *zygote)
{
	return zygote && zygote->many;
}

static void realm_drop(struct realm_seen **realm)
{
	struct realm_seen *old = *realm;

	*realm = old->next;
	fd_drop(&old->link);
	fd_drop(&old->userns);
	strings_drop(&old->texts);
	free(old);
}

/** Without their links, they all go. */
static void zygote_end(struct zygote *zygote)
{
	while (zygote->realms)
		realm_drop(&zygote->realms);
	fd_drop(&zygote->link);
	while (zygote->pid > 0 && waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void zygote_drop(struct zygote **zygote)
{
	struct zygote *old = *zygote;

	if (!old)
		return;
	endings_await();
	zygote_end(old);
	if (old->room != MAP_FAILED)
		munmap(old->room, ROOM_SIZE);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*zygote = NULL;
}

/* ---- realms ---- */

/** What all say of a process that was killed: with this fault alone, another one may do better. */
static int gone(struct error *err)
{
	return fail(err, FAULT_CANCELLED, "sandbox: the process that makes them was killed");
}

static bool texts_equal(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : !one && !other;
}

static bool kinds_equal(const struct realm_kind *one, const struct realm_kind *other)
{
	if (one->shifted != other->shifted || one->network != other->network ||
	    one->makes_devices != other->makes_devices ||
	    !texts_equal(one->engine, other->engine) || !one->rules != !other->rules ||
	    one->rule_count != other->rule_count)
		return false;
	for (size_t i = 0; i < one->rule_count; i++) {
		if (strcmp(one->rules[i], other->rules[i]) != 0)
			return false;
	}
	return true;
}

/** A copy, of which the engine's name stands before the rules. */
static void kind_keep(struct realm_seen *realm, const struct realm_kind *kind)
{
	size_t engines = kind->engine != NULL;

	realm->kind = *kind;
	if (kind->engine)
		strings_add(&realm->texts, kind->engine);
	for (size_t i = 0; i < kind->rule_count; i++)
		strings_add(&realm->texts, kind->rules[i]);
	if (kind->engine)
		realm->kind.engine = realm->texts.items[0];
	if (kind->rules)
		realm->kind.rules = (const char *const *)realm->texts.items + engines;
}

static result request_send(const struct zygote *zygote, const struct realm_seen *realm, int link,
			   struct error *err)
{
	struct realm_request request = {
		.shifted = realm->kind.shifted,
		.network = realm->kind.network,
		.id_count = realm->kind.id_count,
		.has_engine = realm->kind.engine != NULL,
		.has_rules = realm->kind.rules != NULL,
		.makes_devices = realm->kind.makes_devices,
	};
	owned(buf) struct buf packet = {};

	for (size_t i = 0; i < realm->texts.count; i++)
		request.texts_length += strlen(realm->texts.items[i]) + 1;
	if (request.texts_length > TEXTS_MAX)
		return fail(err, FAULT_INPUT, "rules of emulators are longer than %d bytes",
			    TEXTS_MAX);
	buf_add(&packet, &request, sizeof(request));
	for (size_t i = 0; i < realm->texts.count; i++)
		buf_add(&packet, realm->texts.items[i], strlen(realm->texts.items[i]) + 1);
	return packet_send(zygote->link, packet.data, packet.length, &link, 1) ? OK : gone(err);
}

/** Have a realm made; what became of it, it says when it is asked for a blank. */
static result realm_ask(struct zygote *zygote, const struct realm_kind *kind,
			struct realm_seen **out, struct error *err)
{
	struct realm_seen *realm;
	result sent = OK;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_sys(err, "socketpair");
	realm = xnew(struct realm_seen);
	kind_keep(realm, kind);
	realm->link = pair[0];
	realm->userns = -1;
	realm->asked = 1;
	realm->next = zygote->realms;
	zygote->realms = realm;
	if (zygote->many)
		sent = request_send(zygote, realm, pair[1], err);
	else
		lone_start(&realm->kind, pair[1], zygote->room);
	close(pair[1]);
	if (sent) {
		realm_drop(&zygote->realms);
		return FAILED;
	}
	*out = realm;
	return OK;
}

static result answer_fail(const struct realm_seen *realm, const struct realm_answer *answer,
			  struct error *err)
{
	owned(sandbox) struct sandbox *list = NULL;

	if (answer->kind == ANSWER_NO_CLONE)
		return userns_fail(answer->sys, err);
	if (answer->kind == ANSWER_NO_NETWORK)
		return fail(err, FAULT_PRIVILEGE,
			    "a private network: neither pasta nor slirp4netns can connect it; use "
			    "--network host or none");
	if (answer->kind == ANSWER_NO_MAP) {
		errno = answer->sys;
		return fail_sys(err, "map ids");
	}
	list = realm_compile(&realm->kind);
	return op_fail(&list->ops[answer->op], answer->sys, err);
}

/** A network that nobody connects ends what waits for it. */
static result ready_await(const struct realm_seen *realm, int *fds, struct error *err)
{
	const struct realm_answer failure = { .kind = ANSWER_NO_NETWORK };
	bool is_ready = network_wait(fds[2]);

	close(fds[2]);
	if (is_ready)
		return OK;
	close(fds[0]);
	close(fds[1]);
	return answer_fail(realm, &failure, err);
}

/** Read until a realm hands out a blank; what it cannot do is the last that it says. */
static result blank_wait(struct realm_seen *realm, struct blank *out, struct error *err)
{
	struct realm_answer answer;
	int fds[3];
	size_t count;

	for (;;) {
		if (packet_receive(realm->link, &answer, sizeof(answer), fds, countof(fds),
				   &count) != (ssize_t)sizeof(answer))
			return gone(err);
		if (answer.kind >= ANSWER_NO_CLONE)
			return answer_fail(realm, &answer, err);
		if (answer.kind == ANSWER_BLANK && count >= 2)
			break;
		if (answer.kind == ANSWER_UP && count == 1)
			realm->userns = fds[0];
	}
	if (count > 2 && ready_await(realm, fds, err))
		return FAILED;
	*out = (struct blank){ answer.pid, fds[0], fds[1],
			       realm->kind.shifted ? realm->userns : -1 };
	return OK;
}

static result realm_find(struct zygote *zygote, const struct realm_kind *kind,
			 struct realm_seen **out, struct error *err)
{
	for (struct realm_seen *at = zygote->realms; at; at = at->next) {
		if (!kinds_equal(&at->kind, kind))
			continue;
		*out = at;
		return OK;
	}
	return realm_ask(zygote, kind, out, err);
}

static result blank_ask(struct realm_seen *realm, struct error *err)
{
	if (!packet_send(realm->link, "b", 1, NULL, 0))
		return gone(err);
	realm->asked++;
	return OK;
}

/** Whether it was killed while it waited; one that failed has said so on its link. */
static bool is_dead(const struct blank *blank)
{
	struct pollfd poll_fd = { .fd = blank->pidfd, .events = POLLIN };
	char byte;

	return poll(&poll_fd, 1, 0) == 1 &&
	       recv(blank->link, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

static result blank_take(struct zygote *zygote, const struct realm_kind *kind, struct blank *out,
			 struct error *err)
{
	struct realm_seen *realm;

	if (realm_find(zygote, kind, &realm, err) || (!realm->asked && blank_ask(realm, err)) ||
	    blank_wait(realm, out, err))
		return FAILED;
	realm->asked--;
	if (is_dead(out)) {
		close(out->pidfd);
		close(out->link);
		return gone(err);
	}
	return OK;
}

/** One that failed or was killed is asked no more. */
static void realm_forget(struct zygote *zygote, const struct realm_kind *kind)
{
	for (struct realm_seen **at = &zygote->realms; *at; at = &(*at)->next) {
		if (!kinds_equal(&(*at)->kind, kind))
			continue;
		realm_drop(at);
		return;
	}
}

/** Whoever was killed: once more with new ones. */
static result blank_take_again(struct zygote *zygote, const struct realm_kind *kind,
			       struct blank *out, struct error *err)
{
	siginfo_t info = {};

	if (zygote->many &&
	    (waitid(P_PID, (id_t)zygote->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	     info.si_pid)) {
		zygote_end(zygote);
		if (zygote_fork(zygote, err))
			return FAILED;
	}
	return blank_take(zygote, kind, out, err);
}

result zygote_blank(struct zygote *zygote, const struct realm_kind *kind, struct blank *out,
		    struct error *err)
{
	result status;

	pthread_mutex_lock(&zygote->lock);
	status = blank_take(zygote, kind, out, err);
	if (status)
		realm_forget(zygote, kind);
	if (status && err->fault == FAULT_CANCELLED)
		status = blank_take_again(zygote, kind, out, err);
	pthread_mutex_unlock(&zygote->lock);
	if (status && err->fault == FAULT_CANCELLED)
		err->fault = FAULT_SYSTEM;
	return status;
}

void zygote_next(struct zygote *zygote, const struct realm_kind *kind)
{
	struct realm_seen *realm;
	struct error ignored;

	/* Whoever has the lock may wait long with it, and asks for himself. */
	if (!zygote->many || pthread_mutex_trylock(&zygote->lock) != 0)
		return;
	/* What goes wrong is seen when it is wanted. */
	if (realm_find(zygote, kind, &realm, &ignored) == OK && !realm->asked)
		(void)blank_ask(realm, &ignored);
	pthread_mutex_unlock(&zygote->lock);
}

void sandbox_expect(const struct sandbox_spec *spec)
{
	const struct realm_kind kind = realm_kind_of(spec);
	struct zygote *zygote = spec->privilege->zygote;
	struct realm_seen *realm;
	struct error ignored;

	if (!zygote)
		return;
	pthread_mutex_lock(&zygote->lock);
	/* What goes wrong is seen when it is wanted. */
	(void)realm_find(zygote, &kind, &realm, &ignored);
	pthread_mutex_unlock(&zygote->lock);
}

/* ---- what is to run ---- */

result blank_start(struct zygote *zygote, const struct blank *blank, const struct child *own,
		   const int *fds, size_t count, struct error *err)
{
	struct handover handover;
	const char *room = zygote->room;
	bool sent;

	pthread_mutex_lock(&zygote->lock);
	handover.length = child_pack(own, zygote->room, ROOM_SIZE);
	sent = handover.length && packet_send(blank->link, &handover, sizeof(handover), fds, count);
	for (size_t at = 0; sent && at < handover.length; at += HANDOVER_PART) {
		size_t left = handover.length - at;

		sent = packet_send(blank->link, room + at,
				   left < HANDOVER_PART ? left : HANDOVER_PART, NULL, 0);
	}
	pthread_mutex_unlock(&zygote->lock);
	if (!handover.length)
		return fail(err, FAULT_INPUT,
			    "the command line and environment are longer than %d bytes", ROOM_SIZE);
	/* Where it is gone, its link says why. */
	return OK;
}
