/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A command on a kernel that lacks something:
 *
 *     refuse CALL[:WHAT]=ERRNO... -- COMMAND...
 *
 * WHAT is the name of a file system for fsopen, of an option for fsconfig, and "idmap" for
 * mount_setattr; without it all such calls fail.  Ends as the command does.
 *
 *     cc -o refuse refuse.c -lseccomp
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RULES_MAX = 16 };

static struct rule {
	int number, error;
	const char *what; /* or NULL */
} rules[RULES_MAX];
static size_t rule_count;

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "ENOSYS", ENOSYS },         { "EINVAL", EINVAL }, { "EPERM", EPERM },
	{ "EOPNOTSUPP", EOPNOTSUPP }, { "ENODEV", ENODEV },
};

static void die(const char *what)
{
	fprintf(stderr, "refuse: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void rule_add(char *text)
{
	struct rule rule = {};
	char *equals = strchr(text, '=');

	for (size_t i = 0; equals && i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(equals + 1, errors[i].name) == 0)
			rule.error = errors[i].number;
	}
	if (!rule.error || rule_count == RULES_MAX)
		die(text);
	*equals = '\0';
	if ((rule.what = strchr(text, ':')))
		*(char *)(size_t)rule.what++ = '\0';
	rule.number = seccomp_syscall_resolve_name(text);
	if (rule.number < 0)
		die(text);
	rules[rule_count++] = rule;
}

/** Install the filter; the listener of what is to be looked at closer. */
static int filter_install(void)
{
	struct sock_filter code[2 + 2 * RULES_MAX] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { 1, code };

	for (size_t i = 0; i < rule_count; i++) {
		code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								   (unsigned)rules[i].number, 0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, rules[i].what
						 ? SECCOMP_RET_USER_NOTIF
						 : SECCOMP_RET_ERRNO | (unsigned)rules[i].error);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

static void descriptor_send(int socket, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec part = { "f", 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) < 0)
		die("sendmsg");
}

static int descriptor_receive(int socket)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		exit(125); /* the other side has said why */
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/** What is at an address of a process; less where its memory ends. */
static void peek(pid_t pid, uint64_t address, void *out, size_t size)
{
	char path[64];
	int fd;

	memset(out, 0, size);
	if (!address)
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, out, size, (off_t)address) < 0)
		fprintf(stderr, "refuse: %s: %s\n", path, strerror(errno));
	close(fd);
}

static int is_meant(const struct rule *rule, const struct seccomp_notif *call)
{
	const uint64_t *args = (const uint64_t *)call->data.args;
	uint64_t attributes;
	char text[64];

	if (call->data.nr != rule->number)
		return 0;
	if (rule->number == SYS_mount_setattr) {
		peek((pid_t)call->pid, args[3], &attributes, sizeof(attributes));
		return (attributes & MOUNT_ATTR_IDMAP) != 0;
	}
	peek((pid_t)call->pid, args[rule->number == SYS_fsopen ? 0 : 2], text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return strcmp(text, rule->what) == 0;
}

static void call_judge(int listener)
{
	struct seccomp_notif call = {};
	struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return;
	answer.id = call.id;
	for (size_t i = 0; i < rule_count; i++) {
		if (rules[i].what && is_meant(&rules[i], &call)) {
			answer.error = -rules[i].error;
			answer.flags = 0;
		}
	}
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static int attend(pid_t child, int listener)
{
	int status;

	for (;;) {
		struct pollfd ready = { .fd = listener, .events = POLLIN };

		if (waitpid(child, &status, WNOHANG) == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (poll(&ready, 1, 20) == 1 && ready.revents & POLLIN)
			call_judge(listener);
	}
}

int main(int argc, char **argv)
{
	int pair[2], at = 1, listener;
	pid_t child;

	for (; at < argc && strcmp(argv[at], "--") != 0; at++)
		rule_add(argv[at]);
	if (at + 1 >= argc || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("usage: refuse CALL[:WHAT]=ERRNO... -- COMMAND...");
	child = fork();
	if (child == 0) {
		listener = filter_install();
		if (listener < 0)
			die("seccomp");
		descriptor_send(pair[1], listener);
		close(listener);
		execvp(argv[at + 1], argv + at + 1);
		die(argv[at + 1]);
	}
	close(pair[1]);
	listener = descriptor_receive(pair[0]);
	return attend(child, listener);
}
