#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Control groups of version 2, in the layouts that systemd and containers have: who may use which.
# What limits do is in 76-limits.t.
. "$(dirname "$0")/../lib.sh"
need_root
need_command setpriv unshare timeout

# A hierarchy that has all controllers at its top, where they can be handed on.
top=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
for controller in memory cpu pids; do
	grep -qsw "$controller" "$top/cgroup.controllers" ||
		skip_all "no control groups of version 2 with the controller $controller"
done

base_tar amd64
cp "$base" "$scratch/base.tar"
cp "$MPEMU" "$scratch/mpemu"
user=4243
mkdir "$scratch/0" "$scratch/$user"
chown $user:$user "$scratch/$user"
groups=$top/mpemu-test-$$

groups_remove() {
	find "$groups" -depth -type d 2>/dev/null | while read -r group; do
		for process in $(cat "$group/cgroup.procs"); do kill -KILL "$process"; done
		for _ in $(seq 20); do
			rmdir "$group" 2>/dev/null && break
			sleep 0.1
		done
	done
}
trap 'groups_remove; test_exit' EXIT

# Groups below ours, each of which hands on to the next; the last one holds whoever runs.
groups_make() { # GROUP...
	group=$groups
	mkdir -p "$group"
	echo "+memory +cpu +pids" >"$top/cgroup.subtree_control"
	for name; do
		echo "+memory +cpu +pids" >"$group/cgroup.subtree_control"
		group=$group/$name
		mkdir -p "$group"
	done
}

# As those are who may manage what is below.
delegate() { # GROUP
	chown $user "$groups/$1" "$groups/$1"/cgroup.procs "$groups/$1"/cgroup.subtree_control \
		"$groups/$1"/cgroup.threads
}

# A command of a user in a group, beside the shell that started it.
cat >"$scratch/enter" <<'END'
echo 0 >"$1/cgroup.procs" || exit 99
shift
setpriv --reuid "$1" --regid "$1" --clear-groups env HOME="$scratch/$1" MPEMU_ROOT="$scratch/$1/store" "$@"
status=$?
exit $status
END
sed -i 's/ "\$@"$/ sh -c "$2"/' "$scratch/enter"
export scratch
inside() { # GROUP USER COMMAND; mpemu is a function there
	run timeout 120 sh "$scratch/enter" "$groups/$1" "$2" "
		mpemu() { timeout 60 $scratch/mpemu \"\$@\"; }
		$3"
}

# What of ours is below a group.
left() { # GROUP
	(cd "$groups/$1" && find . -name 'mpemu*' -type d | sort | tr '\n' ' ')
}

limits='run --memory 64m --cpus 0.5 --pids-limit 50 localhost/base'
show='cd /sys/fs/cgroup; cat memory.max cpu.max pids.max; cat /proc/self/cgroup'
eat='BEGIN { x = "x"; while (1) x = x x }' # memory, at once
shown='67108864 50000 100000 50 0::/'
for who in 0 $user; do
	run setpriv --reuid $who --regid $who --clear-groups env HOME="$scratch/$who" \
		MPEMU_ROOT="$scratch/$who/store" \
		"$scratch/mpemu" import --platform linux/amd64 "$scratch/base.tar" localhost/base
	[ "$status" = 0 ] || skip_all "user $who: $err"
done

# ---- the scopes of a user's systemd ----

groups_make user@.service app.slice
delegate user@.service
delegate user@.service/app.slice
groups_make user@.service app.slice run.scope
delegate user@.service/app.slice/run.scope
inside user@.service/app.slice/run.scope $user "mpemu $limits sh -c '$show'; ls -d ../mpemu*"
is 'beside a scope there is room for groups with limits' "$status $(echo $out)" "2 $shown"
is 'which are gone when it ends' "$(left .)" ''
for limit in '--memory 64m' '--cpus 0.5' '--pids-limit 50'; do
	inside user@.service/app.slice/run.scope $user "mpemu run $limit localhost/base sh -c 'echo runs'"
	is "$limit alone can be had" "$status $out" '0 runs'
done
inside user@.service/app.slice/run.scope $user "mpemu run --memory 64m localhost/base awk '$eat'"
is 'a program whose memory is at its end is killed' "$status" 137
like 'and why is told' "$err" '^mpemu: awk: out of memory \(limit 64 MB\)$'

# ---- a subtree, and nothing beside it ----

groups_make subtree
delegate subtree
inside subtree $user "mpemu $limits sh -c '$show'; sed 's,.*/,,' /proc/self/cgroup"
is 'in a delegated group, all move to a leaf' "$status $(echo $out)" "0 $shown mpemu-leaf"
inside subtree/mpemu-leaf $user "mpemu $limits sh -c '$show'"
is 'from which there are limits, too' "$status $(echo $out)" "0 $shown"
is 'nothing else is left' "$(left subtree)" './mpemu-leaf '
inside subtree/mpemu-leaf $user "$scratch/mpemu run --memory 64m localhost/base sleep 100 &
	for _ in \$(seq 50); do ls -d $groups/subtree/mpemu-[0-9]* && break; sleep 0.1; done 2>/dev/null
	kill -KILL \$!; sleep 0.5"
like 'a run that was killed leaves its group' "$(left subtree)" 'mpemu-[0-9]'
printf 'FROM localhost/base\nRUN sh -c "x=\\$(yes | head -c 200000000)"; echo survived\n' >"$scratch/Dockerfile"
inside subtree/mpemu-leaf $user "mpemu build --platform linux/amd64 --progress plain --memory 64m - <$scratch/Dockerfile"
is 'a step whose memory is at its end' "$status" 4
like 'is told of' "$err" 'out of memory \(limit 64 MB\)'
unlike 'and ends as a whole' "$err" '^ +survived$'
is 'what a killed run left is gone' "$(left subtree)" './mpemu-leaf '

# ---- what is not ours ----

groups_make foreign
inside foreign $user "mpemu $limits true; sed 's,.*/,,' /proc/self/cgroup"
is 'in a group of others there are no limits' "$status $out" '0 foreign'
like 'and why is told, and what helps' "$err" \
	'--memory, --cpus, --pids-limit: no control group here can have limits: .*systemd-run --user'
inside foreign $user 'mpemu run localhost/base echo runs'
is 'without limits it runs' "$out" runs

# ---- a container: its topmost group holds processes ----

groups_make container
cat >"$scratch/container" <<END
mount --make-rprivate / && umount -lR /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 98
$scratch/mpemu \$1 sh -c '$show' && cat /proc/self/cgroup
END
inside container 0 "unshare -m -C sh $scratch/container '$limits'"
is 'at the top of a container, all move to a leaf' "$status $(echo $out)" "0 $shown 0::/mpemu-leaf"

# ---- what is seen without limits ----

groups_make alone
inside alone $user 'mpemu run localhost/base sh -c "cat /proc/self/cgroup; cd /sys/fs/cgroup && ls; mkdir x"'
if [ "$top" = /sys/fs/cgroup ]; then
	like 'a program without limits sees the group that it is in' "$(echo $out)" \
		'^0::/ .*cgroup.procs .*memory.max .*pids.max'
	like 'and can make none in it' "$err" 'Read-only'
else
	is 'a program without limits sees none of some groups' "$out" '0::/'
fi
mkdir "$groups/alone/secret"
inside alone $user 'mpemu run localhost/base ls /sys/fs/cgroup'
is 'nor do those beside it show' "$status$out" 0
