/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One poll() for all that can happen to a sandbox from outside: its link, a cancelled build, a
 * signal that is for the program, the end of its time.
 */
#include "sandbox/watch.h"
#include "sandbox/door.h"

#include "base/fd.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

/** How long a program has that was asked to end. */
enum { GRACE_MS = 10000 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void signal_send(int pidfd, int number)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0L);
}

static void kill_all(struct watch *watch)
{
	watch->killed = true;
	watch->kill_at = watch->time_up_at = 0;
	signal_send(watch->init, SIGKILL);
}

/** Pass a signal on, now or when there is somebody to take it. */
static void signal_pass(struct watch *watch, unsigned char number)
{
	bool ends = number == SIGINT || number == SIGTERM;

	if (ends && watch->asked) {
		kill_all(watch);
		return;
	}
	if (ends) {
		watch->asked = true;
		watch->kill_at = now_ms() + GRACE_MS;
	}
	if (watch->main >= 0)
		signal_send(watch->main, number);
	else if (watch->waiting_count < WAITING_MAX)
		watch->waiting[watch->waiting_count++] = number;
}

static void signals_read(struct watch *watch)
{
	unsigned char numbers[16];
	ssize_t got = read(watch->signal_fd, numbers, sizeof(numbers));

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		watch->signal_fd = -1;
	for (ssize_t i = 0; i < got; i++)
		signal_pass(watch, numbers[i]);
}

static void main_set(struct watch *watch, int pidfd)
{
	fd_drop(&watch->main);
	watch->main = pidfd;
	door_open(watch->door, pidfd);
	for (size_t i = 0; i < watch->waiting_count; i++)
		signal_send(pidfd, watch->waiting[i]);
	watch->waiting_count = 0;
}

/** A main process that was made in advance and is not used has one too. */
static void listener_set(struct watch *watch, int listener)
{
	fd_drop(&watch->listener);
	watch->listener = listener;
}

/** The descriptor that came with a packet, or -1. */
static int descriptor_of(struct msghdr *packet)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(packet);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/** One packet: 1 if it is a message, 0 if there is none yet, -1 at the end. */
static int message_read(struct watch *watch, struct message *out)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { out, sizeof(*out) };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(watch->link, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd;

	/* ECONNRESET, once: it ended before it read all that we sent; what it said is still there.
	 */
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET))
		return -1;
	if (got < 0)
		return 0;
	fd = descriptor_of(&packet);
	if (fd >= 0 && out->kind == MESSAGE_LISTENER)
		listener_set(watch, fd);
	else if (fd >= 0)
		main_set(watch, fd);
	return got == (ssize_t)sizeof(*out);
}

static int patience(const struct watch *watch)
{
	int most = sampling_patience(watch->sampling);
	uint64_t now, at = watch->kill_at;

	if (watch->quota && !watch->killed && most > QUOTA_LOOK_MS)
		most = QUOTA_LOOK_MS;
	if (watch->time_up_at && (!at || watch->time_up_at < at))
		at = watch->time_up_at;
	if (!at)
		return most < INT_MAX ? most : -1;
	now = now_ms();
	if (at <= now)
		return 0;
	return at - now < (uint64_t)most ? (int)(at - now) : most;
}

static void clocks_check(struct watch *watch)
{
	uint64_t now;

	if (!watch->kill_at && !watch->time_up_at)
		return;
	now = now_ms();
	/* Once it is so, no signal that comes later changes it. */
	if (watch->time_up_at && watch->time_up_at <= now)
		watch->timed_out = true;
	if (watch->timed_out || (watch->kill_at && watch->kill_at <= now))
		kill_all(watch);
}

static void quota_check(struct watch *watch)
{
	if (!watch->quota || watch->killed || !quota_exceeded(watch->quota))
		return;
	watch->layer_full = true;
	kill_all(watch);
}

void watch_limit(struct watch *watch, uint64_t timeout_ms)
{
	watch->time_up_at = timeout_ms ? now_ms() + timeout_ms : 0;
}

bool watch_next(struct watch *watch, struct message *out)
{
	struct cancel *cancel = watch->ctx ? watch->ctx->cancel : NULL;
	bool cancelled = false;
	int got;

	for (;;) {
		struct pollfd polls[] = {
			{ .fd = watch->link, .events = POLLIN },
			{ .fd = cancelled ? -1 : cancel_fd(cancel), .events = POLLIN },
			{ .fd = watch->signal_fd, .events = POLLIN },
			{ .fd = watch->listener, .events = POLLIN },
		};

		if (poll(polls, countof(polls), patience(watch)) < 0)
			continue;
		if (polls[1].revents) {
			signal_send(watch->init, SIGKILL);
			cancelled = true;
		}
		if (polls[2].revents)
			signals_read(watch);
		if (polls[3].revents &&
		    !(polls[3].revents & POLLIN && nodes_serve(watch->nodes, watch->listener)))
			listener_set(watch, -1);
		clocks_check(watch);
		quota_check(watch);
		sampling_look(watch->sampling, watch->main);
		if (!polls[0].revents)
			continue;
		got = message_read(watch, out);
		if (got)
			return got > 0;
	}
}

void watch_end(struct watch *watch)
{
	fd_drop(&watch->main);
	fd_drop(&watch->listener);
}
