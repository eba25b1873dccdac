#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a script can see of the machine and of its tools where there is little: only what sh, busybox
# or coreutils have.  With native twins and without, it must say the same, line by line.
# shellcheck disable=SC2016,SC2015,SC2012,SC2009,SC2028,SC2005,SC2046,SC3045
exec 2>&1
mkdir -p /tmp/t
cd /tmp/t || exit 1

say() { # NAME SCRIPT
	sh -c "$2" </dev/null | sed "s|^|$1: |"
}

# ---- the machine, by each way to ask ----
say uname 'uname -m; uname -a | sed "s/.* \(aarch64\)/\1/"; arch'
say within 'sh -c "uname -m; (uname -m); x=\$(arch); echo \$x"'
say find 'find /etc/passwd -exec uname -m \; ; echo x | xargs uname -m; env uname -m; nice uname -m; timeout 5 uname -m'
say nproc '[ $(nproc) -gt 0 ] && echo some'
say busybox 'busybox uname -m; busybox arch; busybox sh -c "uname -m"; busybox env busybox uname -m; busybox | head -1'
say link 'ln -sf $(command -v uname) ./un; ./un -m; ln -sf $(command -v sh) ./uname; ./uname -c "uname -m"; rm -f un uname'
say renamed 'cp $(command -v cat) uname; ./uname -m; ./uname /dev/null; rm -f uname'
say argv0 '(exec -a uname sh -c "echo \$0"); (exec -a -sh sh -c "echo \$0"); (exec -a cat sh /dev/null); (exec -a sh cat -c "echo hi")'
say bash 'command -v bash >/dev/null && bash -c "echo \$HOSTTYPE \$MACHTYPE \$OSTYPE; uname -m"'
say make 'command -v make >/dev/null && { printf "all:;@echo \$(MAKE_HOST)\n" | make -f -; }'
say loader 'ls /lib/ld-* /lib64/ld-*; cat /proc/self/comm'

# ---- numbers ----
say printf 'for x in 0.005 0.045 0.055 1.005 2.675; do printf "%.2f " $x; done; printf "%.20f\n" 0.1; printf "%d %x %s\n" 0x7fffffffffffffff -1 y'
say bash-printf 'command -v bash >/dev/null && bash -c "printf %.25f 0.1"'
say seq 'seq 0 0.1 0.5; seq 3'
say od 'printf "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\100" >n; od -An -tfL n; od -An -tx4 n; od -An -tf8 n; od -An -tu2 n'
say awk 'command -v awk >/dev/null && awk "BEGIN { printf \"%.17g %.17g %d\n\", exp(1.1), log(7), 2^53 + 1; x = log(-1); print x }"'
say shift 'echo $((1 << 62)) $((-7 / 2)) $((-7 % 3)) $((0x7fffffffffffffff + 1))'
say expr 'expr 9223372036854775806 + 1; expr abc : "a\(.\)"'
say sort 'printf "10\n9\n1e2\n-1\n" | sort -n; printf "1e400\n1e5000\n2\n" | sort -g'

# ---- texts and archives ----
say sed 'printf "abc\n" | sed "s/b/\U&/; y/c/d/"'
say utf8 'printf "\303\244\342\202\254\n" | LC_ALL=C.UTF-8 sed "s/./x/g"; printf "\303\244\n" | LC_ALL=C.UTF-8 wc -m'
say sums 'printf abc | md5sum; printf abc | sha1sum; printf abc | sha256sum; printf abc | sha512sum; printf abc | cksum'
say tar 'mkdir -p d/e; echo x >d/e/f; touch -d @1 d/e/f d/e d; tar -cf d.tar d; sha256sum <d.tar; gzip -9 <d.tar | gzip -d | sha256sum; tar -tvf d.tar | wc -l'
say compressed 'head -c 100000 /proc/self/exe >/dev/null; find /etc -name passwd | sort | xargs cat | gzip -n | sha256sum; which bzip2 && find /etc -name passwd | xargs cat | bzip2 | sha256sum'
say diff 'echo a >1; echo b >2; diff -u 1 2 | tail -n +3; cmp 1 2'
say stat 'stat -c "%a %F %s" /etc/passwd; ls -ld /tmp | cut -c1-10; ls -ln /etc/passwd | cut -c1-14; date -u -d @86400 +%F; touch -d @5 5; date -u -r 5 +%s'
say find-all 'find /bin/ /usr/bin/ -type l | sort | sha256sum; find /etc -type f | sort | xargs sha256sum | grep -v "hosts\|resolv\|hostname" | sha256sum'
say iconv 'command -v iconv >/dev/null && { printf "h\303\251\342\202\254" | iconv -f UTF-8 -t ISO-8859-15 | od -An -tx1; printf "\202\240" | iconv -f SHIFT_JIS -t UTF-8 | od -An -tx1; printf x | iconv -t UTF-16LE | od -An -tx1; }'
say users 'id; id -un; echo "zz:x:1234:1234::/:/bin/sh" >>/etc/passwd; id -u zz; touch f; chown zz f; stat -c %U f'
say adduser 'command -v adduser >/dev/null && { adduser -D -H -u 77 zy; addgroup zw; tail -n 1 /etc/passwd; tail -n 1 /etc/group; }'

# ---- how it ends, and who it is ----
say exit 'sh -c "exit 77"; echo $?; sh -c "kill -TERM \$\$"; echo $?; timeout 1 sleep 5; echo $?; yes | head -n 1; false; echo $?'
say missing '/nonexistent; echo $?; sh ./nonexistent; echo $?; ls --nonsense | head -n 1; cat /nonexistent'
say comm 'sleep 3 & sleep 0.3; cat /proc/$!/comm; tr "\0" " " </proc/$!/cmdline | grep -o "sleep 3"; kill $!'
say umask 'umask; ulimit -n; umask 077; touch u; ls -l u | cut -c1-10'
say caps 'grep -E "^(Cap|NoNew|Groups|Uid)" /proc/self/status'
say scripts 'printf "#!/bin/sh\necho \$0 \$#\n" >s; chmod +x s; ./s a b; printf "echo no-hash\n" >n; chmod +x n; ./n'

# ---- what a loader obeys ----
say library-path 'LD_LIBRARY_PATH=/nowhere cat /proc/self/comm; LD_PRELOAD=/nonexistent.so cat /dev/null; echo $?'
say traced 'LD_TRACE_LOADED_OBJECTS=1 cat /dev/null | sed "s/ (0x.*//" | sort'

# ---- programs that are replaced ----
say copy 'cp -p $(command -v sed) sed; echo a | ./sed s/a/b/; ln -f $(command -v sed) hard; echo a | sh -c "exec -a sed ./hard s/a/c/"'
say replace 'p=$(command -v tr); cp -P $p saved; rm $p; printf "#!/bin/sh\necho wrapped\n" >$p; chmod +x $p; tr a b; rm $p; cp -P saved $p; echo a | tr a c'
say appended 'p=$(readlink -f $(command -v wc)); case $p in */wc) ;; *) exit ;; esac; cp $p whole; echo >>$p; echo a b | wc -w; cat whole >$p; echo a b | wc -w'
say gone 'p=$(readlink -f $(command -v wc)); case $p in */wc) ;; *) exit ;; esac; chmod -x $p; wc -w </dev/null; echo $?; /bin/sh -c "echo $?"'
