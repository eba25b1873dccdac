#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a script can see of the machine, of itself and of its tools.  Run with native twins and
# without, it must say the same, line by line.
# shellcheck disable=SC2016,SC2015,SC2012,SC2009,SC2028
exec 2>&1
mkdir -p /tmp/t
cd /tmp/t || exit 1

say() { # NAME COMMAND...: each line of the output with its name, then how it ended
	local name=$1
	shift
	"$@" </dev/null | sed "s|^|$name: |"
	echo "$name: status ${PIPESTATUS[0]}"
}

sh_say() { # NAME SCRIPT
	say "$1" bash -c "$2"
}

# ---- the machine ----
say uname uname -m
say uname-a uname -srmpio
say arch arch
say dpkg dpkg --print-architecture
sh_say bash 'echo $HOSTTYPE $MACHTYPE $OSTYPE $BASH_VERSION'
sh_say make 'printf "all:;@echo \$(MAKE_HOST) \$(MAKE_VERSION)\n" >M; make -f M'
say gcc gcc -dumpmachine
say gcc-paths gcc -print-search-dirs
say gcc-file gcc -print-file-name=crt1.o
say ld ld -V
say as as --version
say perl perl -MConfig -e 'print "$Config{archname} $^O\n"'
say python python3 -c 'import os,platform,sys,sysconfig;print(os.uname().machine,platform.machine(),sysconfig.get_platform(),sys.byteorder,sys.executable)'
say getconf getconf LONG_BIT
say file file -L /bin/ls
say xz-version xz --version
say ldd sh -c 'ldd /bin/ls | sed "s/ (0x.*//"'
say ldso sh -c '/lib/ld-linux-aarch64.so.1 --help | head -3'

# ---- numbers ----
sh_say printf-bash 'for x in 0.005 0.045 0.055 1.005 2.675; do printf "%.2f " $x; done; printf "%.30f\n" 0.1'
say printf printf '%.2f %.25f\n' 0.045 0.1
say printf-dash dash -c 'printf "%.2f %.25f\n" 0.045 0.1'
say seq seq 0 0.1 0.5
sh_say sort-g 'printf "1e400\n1e5000\n2\n" | sort -g'
say numfmt numfmt --to=si 1234567
sh_say od 'printf "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\100" | od -An -tfL'
sh_say od-x 'printf "\1\2\3\4" | od -An -tx4'
say expr expr 9223372036854775807 + 0
say shift dash -c 'echo $((1<<62))'
say mawk mawk 'BEGIN { printf "%.17g %.17g %d\n", exp(1.1), log(7), 2^53 + 1 }'

# ---- texts ----
say locale-list sh -c 'locale -a | md5sum'
say charmap locale charmap
sh_say iconv 'printf "h\303\251llo \342\202\254\n" | iconv -f UTF-8 -t ISO-8859-15 | od -An -tx1'
sh_say iconv-utf16 'printf x | iconv -t UTF-16 | od -An -tx1'
sh_say iconv-sjis 'printf "\202\240" | iconv -f SHIFT-JIS -t UTF-8 | od -An -tx1'
sh_say utf8-sort 'printf "b\nA\n\303\244\nZ\na\n" | LC_ALL=C.UTF-8 sort | od -An -c'
sh_say utf8-sed 'printf "\303\244\n" | LC_ALL=C.UTF-8 sed "s/./\U&/" | od -An -tx1'
sh_say no-locale 'LC_ALL=xx_XX.UTF-8 sed --version | head -1'

# ---- users ----
say getent getent passwd games
say id id daemon
sh_say chown 'touch f; chown daemon:games f; ls -l f | cut -d" " -f3,4'
sh_say new-user 'echo "zz:x:1234:1234::/:/bin/sh" >>/etc/passwd; id -u zz; chown zz f; stat -c %U f'

# ---- who a program is ----
sh_say comm 'sleep 3 & while grep -qE "^(ba|da)?sh$" /proc/$!/comm; do :; done; cat /proc/$!/comm; tr "\0" " " </proc/$!/cmdline | grep -o "sleep 3"; kill $!; wait $!; echo $?'
sh_say comm-link 'sh -c "cat /proc/\$\$/comm"; awk "BEGIN { getline l <\"/proc/self/comm\"; print l }"'
sh_say argv0 '(exec -a foo sh -c "echo \$0"); (exec -a -sh sh -c "echo \$0"); exec -a "" sh -c "echo [\$0]"'
sh_say ps 'sleep 3 & while grep -qE "^(ba|da)?sh$" /proc/$!/comm; do :; done; ps -o comm= -p $!; pgrep -x sleep >/dev/null && echo found; kill $!'
sh_say basename-0 'ln -sf /bin/bash rbash; ./rbash -c "cd /" 2>&1 | sed "s/line [0-9]*: //"'
sh_say names 'cd /usr/bin; ./echo relative; PATH=/usr/bin: echo path; env -i /bin/echo empty; //bin//echo slashes; /proc/self/root/bin/echo root'
sh_say scripts 'printf "#!/bin/sed -nf\n1p\n" >s; chmod +x s; echo hi | ./s; printf "#!/usr/bin/env bash\necho \$0 \$BASH_ARGC\n" >b; chmod +x b; ./b; printf "echo no-hash \$0\n" >n; chmod +x n; ./n'
sh_say bash-name 'bash -c "echo \$BASH \$0" x'
sh_say fds 'ls /proc/self/fd | tr "\n" " "'
sh_say fds-script 'printf "#!/bin/ls\n" >/tmp/t/l; chmod +x l; ls -l /proc/self/fd | grep -c tty/driver'
sh_say umask 'umask; ulimit -n; ulimit -s; ulimit -c; ulimit -u'
sh_say signals-ignored 'trap "" INT; sh -c "kill -INT \$\$; echo \$?"'
sh_say caps 'grep -E "^(Cap|NoNew|Seccomp:|Groups|Uid)" /proc/self/status'

# ---- how it ends ----
sh_say segv '{ sh -c "kill -SEGV \$\$"; } 2>/dev/null; echo $?'
sh_say exit 'sh -c "exit 77"; echo $?; bash -c "kill -TERM \$\$"; echo $?'
sh_say timeout 'timeout 0.3 sleep 5; echo $?'
sh_say pipe 'yes | head -1; echo ${PIPESTATUS[0]}'
sh_say missing '/nonexistent; echo $?; ./f; echo $?; sh ./nonexistent 2>&1; echo $?'
sh_say usage 'sed --nonsense 2>&1 | head -1; tar --nonsense 2>&1 | head -1; gzip -Z 2>&1 | head -1; ls --nonsense 2>&1 | head -1'
sh_say file-limit 'ulimit -f 1; head -c 5000 /dev/zero >big 2>&1; echo $?; stat -c %s big'

# ---- what a loader obeys ----
sh_say preload 'LD_PRELOAD=/usr/lib/aarch64-linux-gnu/libz.so.1 sed --version | head -1; LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu cat /proc/self/comm'
sh_say preload-missing 'LD_PRELOAD=/nonexistent.so echo x 2>&1 | sed "s/cannot be preloaded.*/cannot be preloaded/"'
sh_say fakeroot 'fakeroot sh -c "touch ff; chown 5:5 ff; stat -c \"%u %g\" ff"'

# ---- programs that are replaced ----
sh_say copy 'cp -a /usr/bin/sed mysed; echo a | ./mysed s/a/b/; ln /usr/bin/sed hard 2>/dev/null && echo a | ./hard s/a/c/'
sh_say replace 'mv /usr/bin/sed /usr/bin/sed.orig; printf "#!/bin/sh\necho wrapped \"\$@\"\n" >/usr/bin/sed; chmod +x /usr/bin/sed; /usr/bin/sed x; cp /usr/bin/mawk /usr/bin/sed; sed "BEGIN { print \"awk\" }"; cat /usr/bin/grep >/usr/bin/sed; echo hay | sed -o ay; mv /usr/bin/sed.orig /usr/bin/sed; echo a | sed s/a/restored/'
sh_say replace-in-place 'cp /usr/bin/tr tr.bak; cat /usr/bin/rev >/usr/bin/tr; echo abc | tr; cp tr.bak /usr/bin/tr; echo abc | tr a-c x-z'
sh_say mode 'chmod -x /usr/bin/cut; echo a:b | cut -d: -f1; echo $?; chmod +x /usr/bin/cut; echo a:b | cut -d: -f1'
sh_say set-uid 'cp /usr/bin/id setid; chown daemon setid; chmod 4755 setid; ./setid -u; chmod 2755 /usr/bin/head; echo x | head -1; chmod 755 /usr/bin/head'
sh_say touched 'touch -d @1 /usr/bin/wc; echo a b | wc -w; stat -c %Y /usr/bin/wc'
sh_say appended 'echo >>/usr/bin/uniq; printf "a\na\n" | uniq; tail -c 1 /usr/bin/uniq | od -An -c'
sh_say truncated ': >/usr/bin/paste; paste /etc/hostname; echo $?'

# ---- what an interpreter is asked for ----
sh_say perl-script 'debconf-show debconf | head -2; debconf-show --listowners >/dev/null; echo $?; debconf-show --nonsense'
sh_say perl-own 'printf "use Config; print \"\$Config{archname} \$^X \$0 @INC\\n\"" >own.pl; perl own.pl; perl <own.pl; cp own.pl /usr/share/debconf/own; perl /usr/share/debconf/own; perl /usr/bin/../share/debconf/own'
sh_say perl-link 'ln -s /usr/bin/debconf-show link; perl link debconf | md5sum; perl -w ./link debconf | md5sum; cp /usr/bin/debconf-show copied; perl copied debconf | md5sum'
sh_say perl-lib 'mkdir -p lib; printf "package Debconf::Db; use Config; print \"\$Config{archname} \$^X\\n\"; exit" >lib/Db.pm; mkdir lib/Debconf; mv lib/Db.pm lib/Debconf; PERL5LIB=$PWD/lib debconf-show debconf; PERL5OPT=-V:archname debconf-show debconf | head -1'
sh_say perl-altered 'cp /usr/bin/debconf-show saved; cat own.pl >/usr/bin/debconf-show; perl /usr/bin/debconf-show; cp saved /usr/bin/debconf-show; debconf-show debconf | md5sum; mv saved /usr/bin/debconf-show; debconf-show debconf | md5sum'

# ---- by descriptor ----
say fexec python3 -c 'import os; fd = os.open("/usr/bin/cat", os.O_RDONLY); os.execve(fd, ["cat", "/etc/debian_version"], os.environ)'
say memfd python3 -c 'import os; fd = os.memfd_create("x"); os.write(fd, open("/usr/bin/echo", "rb").read()); os.execve(fd, ["echo", "memfd"], os.environ)'
say proc-fd python3 -c 'import os; fd = os.open("/usr/bin/echo", os.O_RDONLY); os.set_inheritable(fd, True); os.execv("/proc/self/fd/%d" % fd, ["echo", "proc"])'
say no-argv python3 -c 'import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
pid = os.fork()
if not pid: libc.execv(b"/usr/bin/true", None); os._exit(9)
print(os.waitpid(pid, 0)[1])'

# ---- much of it ----
sh_say many-args 'seq 1 100000 | xargs -n 100000 echo | md5sum; echo $(seq 1 30000) | wc -c'
sh_say huge-env 'export BIG=$(head -c 100000 /dev/zero | tr "\0" x); env | grep -c ^BIG=; for i in $(seq 1 3000); do export V$i=$i; done; env | grep -c ^V; printenv V2999'
sh_say too-long '/bin/echo $(head -c 200000 /dev/zero | tr "\0" x) | wc -c; echo $?'

# ---- where it is hidden ----
say root ls -a /
sh_say hidden 'ls /proc/tty/driver; ls -d /usr/lib/x86_64* /lib64/ld-linux-x86* 2>&1; find / -xdev -name "*x86_64*" -not -path "/sys/*" 2>/dev/null | head -3'
sh_say find-all 'find /proc/tty >/dev/null; echo $?'
sh_say write-hidden 'echo x >/proc/tty/driver/table; rm -f /proc/tty/driver/table; touch /proc/tty/driver/new; mkdir /proc/tty/driver/d; umount /proc/tty/driver; echo end' 2>&1 | grep -v -e Permission -e Read-only -e 'No such file'
sh_say mounts 'cat /etc/mtab 2>/dev/null | wc -l' >/dev/null
sh_say df 'df / | tail -1 | sed "s/.* //"'

# ---- files as they are for every reader ----
sh_say bytes 'md5sum /usr/bin/sed /usr/bin/bash /bin/ls /usr/bin/gcc-12 | cut -c1-8; file -b /usr/bin/sed | cut -c1-40; head -c 20 /usr/bin/tar | od -An -tx1'
sh_say tar 'tar -C /usr/bin -cf - --mtime=@0 --sort=name gzip make | md5sum; cp /usr/bin/gzip g; cmp g /usr/bin/gzip && echo same'
sh_say compile 'echo "int main(void) { return 42; }" >c.c; gcc -o c c.c && ./c; echo $?; file -b c | cut -c1-30; gcc -c -O2 c.c && md5sum c.o'
sh_say compile-self 'printf "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) { char p[99]; int n = readlink(\"/proc/self/exe\", p, 98); p[n] = 0; puts(p); return system(\"uname -m; echo x | sed s/x/y/\"); }\n" >e.c; gcc -o e e.c && ./e'
sh_say compress 'seq 1 1000 >n; gzip -nc n | md5sum; xz -c n | md5sum; bzip2 -c n | md5sum'
sh_say patch 'seq 1 5 >a; seq 2 6 >b; diff -u --label a --label b a b >p; patch a <p && cmp a b && echo patched; echo "define(x,3)x" | m4'
