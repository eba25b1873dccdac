/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_refused.h"

#define ONCE      "it runs once; a loop of a shell or a service manager starts it again"
#define UNCHECKED "nothing asks a program how it is; --timeout ends one that hangs"
#define PORTS \
	"no port of this host leads inside; with --network host the program has this host's ports"
#define ADDRESSES "its network has one address, which its helper gives it"
#define NAMESPACES \
	"its namespaces are always its own; --network host is the only one that can be shared"
#define CPUS         "--cpus limits their time, and 'taskset -c LIST mpemu run ...' says which they are"
#define MEMORY       "--memory limits all of it, and there is no swap on top"
#define DISKS        "there are no limits for disks but --ulimit fsize=BYTES and --tmpfs DIR:size=SIZE"
#define OUTPUT       "what it writes goes to where mpemu writes, as in '... >FILE'"
#define NOTHING_KEPT "nothing is kept of it that could be found by that"

/* clang-format off */
const struct refused run_refused[] = {
	{ "add-host-*", 0, ADDRESSES },
	{ "annotation", 0, NOTHING_KEPT },
	{ "attach", 'a', "output is always attached, and -i attaches input" },
	{ "blkio-*", 0, DISKS },
	{ "cgroup-parent", 0, "its groups are made below the one that mpemu is in" },
	{ "cgroupns", 0, NAMESPACES },
	{ "cidfile", 0, NOTHING_KEPT },
	{ "cpu-*", 'c', CPUS },
	{ "cpuset-*", 0, CPUS },
	{ "detach", 'd', "the program ends with mpemu; a shell's & or a service manager keeps both in "
			 "the background" },
	{ "detach-keys", 0, "there is no way to leave a program; ^C and other keys go to it" },
	{ "device-cgroup-rule", 0, "only nodes that are given can be opened: --device /dev/NAME" },
	{ "device-read-*", 0, DISKS },
	{ "device-write-*", 0, DISKS },
	{ "domainname", 0, "say the whole name: --hostname NAME.DOMAIN" },
	{ "gpus", 0, "give its nodes one by one: --device /dev/NAME" },
	{ "health-*", 0, UNCHECKED },
	{ "ip", 0, ADDRESSES },
	{ "ip6", 0, ADDRESSES },
	{ "ipc", 0, NAMESPACES },
	{ "isolation", 0, "there is one way to run programs" },
	{ "kernel-memory", 0, MEMORY },
	{ "link", 0, "no other program has a name; --add-host NAME:ADDRESS gives it one" },
	{ "link-local-ip", 0, ADDRESSES },
	{ "log-*", 0, OUTPUT },
	{ "mac-address", 0, ADDRESSES },
	{ "memory-*", 0, MEMORY },
	{ "network-alias", 0, ADDRESSES },
	{ "oom-kill-disable", 0, MEMORY },
	{ "oom-score-adj", 0, "'choom -n NUMBER mpemu run ...' has it set for all that it starts" },
	{ "pid", 0, NAMESPACES },
	{ "privileged", 0, "no program gets hold of this host; --cap-add gives it rights inside" },
	{ "publish", 'p', PORTS },
	{ "publish-all", 'P', PORTS },
	{ "restart", 0, ONCE },
	{ "runtime", 0, "there is one way to run programs" },
	{ "sig-proxy", 0, "signals that mpemu gets are always passed on" },
	{ "stop-*", 0, "signals that mpemu gets are passed on as they are; ten seconds after SIGTERM or "
		       "SIGINT it is killed" },
	{ "storage-opt", 0, DISKS },
	{ "use-api-socket", 0, "there is no service whose socket it could have" },
	{ "userns", 0, NAMESPACES },
	{ "uts", 0, NAMESPACES },
	{ "volume-driver", 0, "volumes are directories of the store; -v DIR:TARGET shows any other" },
	{ "volumes-from", 0, "a volume is shared by its name: -v NAME:DIR for both" },
	{ 0 },
};
/* clang-format on */
