/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Helpers for private networks: pasta and slirp4netns, which need no privilege but a tap device.
 *
 * A keeper, first process of a process namespace, starts the helper: the kernel kills the helper
 * with the keeper, and the keeper with whoever started it, however that ends.  The keeper then
 * enters the network and waits for its address to appear, which is the same for all helpers.  What
 * is link-local leads nowhere: clouds have their metadata there, with credentials.
 */
#include "sandbox/network.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define INTERFACE "tap0"

enum { WAIT_MS = 5000, LOOK_NS = 500000 };

/** Descriptors of the keeper. */
enum { READY = 3, NETWORK, USER, FIRST_FREE };

/**
 * Paths of the namespaces in a helper's arguments, by its own descriptors: the process that they
 * are of shows them to nobody.
 */
static const char network_path[] = "/proc/self/fd/4", user_path[] = "/proc/self/fd/5";

_Static_assert(NETWORK == 4 && USER == 5, "paths name them");

/* clang-format off */
/** In the order in which they are tried: the first that is installed and starts. */
static const struct helper {
	const char *program;
	bool joins; /* it refuses to be root, so it is that of the network's user namespace */
	const char *arguments[24];
} helpers[] = {
	{ "pasta", true,
	  { "--foreground", "--quiet", "--config-net", "--ipv4-only", "--no-map-gw",
	    "--ns-ifname", INTERFACE, "--address", "10.0.2.100", "--netmask", "255.255.255.0",
	    "--gateway", "10.0.2.2", "--dns-forward", NETWORK_RESOLVER, "--tcp-ports=none",
	    "--udp-ports=none", "--tcp-ns=none", "--udp-ns=none", "--netns", network_path } },
	{ "slirp4netns", false,
	  { "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox",
	    "--netns-type=path", "--userns-path", user_path, network_path, INTERFACE } },
};
/* clang-format on */

/** What joins must open the device as somebody whom the host does not know. */
static bool helper_can(const struct helper *helper)
{
	struct stat info;

	return !helper->joins ||
	       (stat("/dev/net/tun", &info) == 0 && (info.st_mode & 0006) == 0006);
}

/** Where a program is in PATH, or NULL; the caller frees it. */
static char *program_find(const char *name)
{
	owned(strings) struct strings directories = {};
	const char *path = getenv("PATH");

	strings_split(&directories, path && *path ? path : "/usr/bin:/bin", ':');
	/* Where Debian has them, which not every user's PATH names. */
	strings_add(&directories, "/usr/bin");
	for (size_t i = 0; i < directories.count; i++) {
		owned(str) char *file = xasprintf("%s/%s", directories.items[i], name);

		if (directories.items[i][0] == '/' && access(file, X_OK) == 0)
			return take(file);
	}
	return NULL;
}

bool network_possible(struct error *err)
{
	owned(fd) int tap = -1;
	bool found = false;

	for (size_t i = 0; i < countof(helpers) && !found; i++) {
		owned(str) char *program = program_find(helpers[i].program);

		found = program && helper_can(&helpers[i]);
	}
	if (!found) {
		(void)fail(err, FAULT_PRIVILEGE,
			   "neither pasta nor slirp4netns is installed: type "
			   "'sudo apt install slirp4netns'");
		return false;
	}
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tap < 0) {
		(void)fail_sys(err, "/dev/net/tun");
		err->fault = FAULT_PRIVILEGE;
	}
	return tap >= 0;
}

/* ---- the keeper ---- */

/** Become root of the namespace that the network belongs to, which is nobody here. */
static bool user_join(void)
{
	return setns(USER, CLONE_NEWUSER) == 0 && setgroups(0, NULL) == 0 &&
	       setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0;
}

/**
 * Mounts of its own, from which nothing comes back.  slirp4netns leaves a root whose mounts it
 * still shares with the host where that shares them: the host would lose what is mounted below
 * others, like /dev/shm.  Where this is not allowed, nor is it to slirp4netns.
 */
static bool mounts_leave(void)
{
	return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0;
}

[[gnu::noreturn]] static void helper_run(const struct helper *helper)
{
	owned(str) char *program = program_find(helper->program);
	const char *argv[countof(helper->arguments) + 2] = { helper->program };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	memcpy(argv + 1, helper->arguments, sizeof(helper->arguments));
	for (int fd = 0; fd < READY; fd++) {
		if (dup2(null_fd, fd) < 0)
			_exit(127);
	}
	if (program && fcntl(NETWORK, F_SETFD, 0) == 0 && fcntl(USER, F_SETFD, 0) == 0 &&
	    mounts_leave() && (!helper->joins || user_join()))
		execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static bool interface_is_up(int socket_fd)
{
	struct ifreq request = { .ifr_name = INTERFACE };

	return ioctl(socket_fd, SIOCGIFADDR, &request) == 0 &&
	       ioctl(socket_fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_RUNNING;
}

/** All of 169.254.0.0/16 is refused at once; who may change routes inside may change this one. */
static bool link_local_close(int socket_fd)
{
	struct rtentry route = { .rt_flags = RTF_UP | RTF_REJECT };
	struct sockaddr_in to = { .sin_family = AF_INET }, mask = { .sin_family = AF_INET };

	to.sin_addr.s_addr = htonl(0xa9fe0000);
	mask.sin_addr.s_addr = htonl(0xffff0000);
	memcpy(&route.rt_dst, &to, sizeof(to));
	memcpy(&route.rt_genmask, &mask, sizeof(mask));
	return ioctl(socket_fd, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

/** Enter the network and wait until its interface is up; 0 if it is. */
[[gnu::noreturn]] static void looker_main(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int socket_fd = -1;

	if (setns(NETWORK, CLONE_NEWNET) == 0)
		socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; socket_fd >= 0 && i < WAIT_MS * (1000000 / LOOK_NS); i++) {
		if (interface_is_up(socket_fd))
			_exit(link_local_close(socket_fd) ? 0 : 1);
		nanosleep(&pause, NULL);
	}
	_exit(1);
}

/** Start a helper and see whether the network comes up; its process, or -1. */
static pid_t helper_start(const struct helper *helper)
{
	pid_t process = fork(), looker, ended;
	int status;

	if (process == 0)
		helper_run(helper);
	looker = process < 0 ? -1 : fork();
	if (looker == 0)
		looker_main();
	ended = looker < 0 ? -1 : waitpid(-1, &status, 0);
	if (ended == looker && ended > 0 && status == 0)
		return process;
	for (int i = 0; i < 2; i++) {
		pid_t other = i ? looker : process;

		if (other > 0 && other != ended && kill(other, SIGKILL) == 0)
			waitpid(other, NULL, 0);
	}
	return -1;
}

/** Of all that is open, only these are ours to hold. */
static void descriptors_settle(const struct network_place *place, int ready)
{
	const int kept[] = { ready, place->network, place->user };
	int high[countof(kept)];

	for (size_t i = 0; i < countof(kept); i++)
		high[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, FIRST_FREE);
	for (int fd = 0; fd < READY; fd++)
		dup3(high[1], fd, O_CLOEXEC);
	for (size_t i = 0; i < countof(kept); i++) {
		if (dup3(high[i], READY + (int)i, O_CLOEXEC) < 0)
			_exit(1);
	}
	close_range(FIRST_FREE, ~0U, 0);
}

[[gnu::noreturn]] static void keeper_main(const struct network_place *place, int ready)
{
	pid_t helper = -1;

	prctl(PR_SET_NAME, "mpemu-network");
	descriptors_settle(place, ready);
	for (size_t i = 0; i < countof(helpers) && helper < 0; i++) {
		owned(str) char *program = program_find(helpers[i].program);

		if (program && helper_can(&helpers[i]))
			helper = helper_start(&helpers[i]);
	}
	if (helper < 0 || write(READY, "r", 1) != 1)
		_exit(1);
	close(READY);
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(1);
}

void network_find(pid_t pid, struct network_place *out)
{
	owned(str) char *network = xasprintf("/proc/%d/ns/net", (int)pid);
	owned(str) char *user = xasprintf("/proc/%d/ns/user", (int)pid);

	out->network = open(network, O_RDONLY | O_CLOEXEC);
	out->user = open(user, O_RDONLY | O_CLOEXEC);
}

int network_serve(struct network_place *place, int ready)
{
	struct clone_args args = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };
	pid_t keeper = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (keeper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		keeper_main(place, ready);
	}
	fd_drop(&place->network);
	fd_drop(&place->user);
	return keeper < 0 ? -1 : 0;
}

bool network_wait(int ready)
{
	char byte;
	ssize_t got;

	do
		got = read(ready, &byte, 1);
	while (got < 0 && errno == EINTR);
	return got == 1;
}
