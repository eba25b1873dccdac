#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a step may do to a tool that it has installed and that has a twin by now: what runs must
# always be what is there.  Run inside, with m4 to be had from apt; the version in the program's text
# tells which one it was.
# shellcheck disable=SC2016   # what m4 and its shell expand
install() { apt-get -qq -y --reinstall install m4 >/dev/null 2>&1; }
m4_says() { m4 --version | sed -n '1s/.* //p'; }
m4_is() { # native or emulated, by what m4's children see of it
	case $(echo 'esyscmd(readlink /proc/$PPID/exe)' | m4) in
	/proc/tty/driver/*) echo native ;;
	*) echo emulated ;;
	esac
}
tell() { echo "$1: $(m4_says), $(m4_is)"; }
changed() { sed s/1.4.19/9.9.99/ /usr/bin/m4; }

apt-get -qq update >/dev/null 2>&1
install
tell genuine

# In place, and all times that can be set as they were.
time=$(stat -c @%.9Y /usr/bin/m4)
changed >/tmp/m4
cat /tmp/m4 >/usr/bin/m4
touch -d "$time" /usr/bin/m4
tell 'written in place'

install
tell genuine
time=$(stat -c @%.9Y /usr/bin/m4)
changed >/usr/bin/m4.new
chmod 755 /usr/bin/m4.new
touch -d "$time" /usr/bin/m4.new
mv /usr/bin/m4.new /usr/bin/m4
tell 'put in its place'

# The database says that it is the package's.
install
tell genuine
changed >/tmp/m4
cat /tmp/m4 >/usr/bin/m4
for list in /var/lib/dpkg/info/m4.md5sums; do
	sed -i "s,^.* usr/bin/m4\$,$(md5sum </usr/bin/m4 | cut -d' ' -f1)  usr/bin/m4," "$list"
done
echo >>/var/lib/dpkg/status
tell 'with a database that lies'

# A mapping that is there before anybody asks, and one that comes afterwards; by calls of arm64.
install
cat >/tmp/map.pl <<'END'
my ($mmap, $read) = (222, 63);
my $file = '/usr/bin/m4';
open(my $in, '<', $file) or die;
my $text = do { local $/; <$in> };
open(my $both, '+<', $file) or die;
my $at = syscall($mmap, 0, length $text, 3, 1, fileno $both, 0);
close $both;
pipe(my $from, my $to);
sub put {
	my ($old, $new) = @_;
	for (my $i = 0; ($i = index($text, $old, $i)) >= 0; $i++) {
		syswrite($to, $new);
		syscall($read, fileno $from, $at + $i, length $new) == length $new or die;
	}
}
if ($ARGV[0] eq 'dirty') {
	put('1.4.19', '1.4.19');
	system('sh', '-c', 'm4 --version | sed -n "1s/.* /mapped: /p"');
}
put('1.4.19', '9.9.99');
system('sh', '-c', 'm4 --version | sed -n "1s/.* /written by a mapping: /p"');
END
perl /tmp/map.pl dirty
install
tell genuine
perl /tmp/map.pl
