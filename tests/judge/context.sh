#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The directory that cases are built from: files, modes, links and archives of all kinds.
set -eu
mkdir -p "$1" && cd "$1"
umask 022

mkdir -p src/sub/deep src/empty pkg/a pkg/b conf.d "sp ace" .hidden
echo a >a.txt
echo b >b.txt
echo 'with space' >'sp ace/f ile.txt'
echo '[x]' >'[x].txt'
echo hidden >.hidden/file
echo '#!/bin/sh' >run.sh
chmod 755 run.sh
echo private >private.key
chmod 600 private.key
echo setuid >suid
chmod 4755 suid
: >nothing
for file in main.c sub/lib.c sub/lib.h sub/deep/deep.c sub/README.md; do
	echo "// $file" >"src/$file"
done
chmod 700 src/sub/deep
echo '{"name": "app"}' >package.json
echo '{"lock": 1}' >package-lock.json
echo one >pkg/a/package.json
echo two >pkg/b/package.json
echo x >pkg/b/other.txt
echo server >conf.d/10-a.conf
echo client >conf.d/20-b.conf
ln -s a.txt link
ln -s src/sub dirlink
ln -s nowhere dangling
ln -s /etc/passwd absolute
ln -s ../../../etc/passwd outside
ln -s ../a.txt src/uplink
ln -s sub src/sublink
ln a.txt hard1 && ln a.txt hard2
mkfifo fifo

mkdir tree tree/d
echo packed >tree/d/file
ln -s file tree/d/soft
ln tree/d/file tree/d/hard
chmod 751 tree/d
find tree -exec touch -hd @1400000000 {} +
tar --numeric-owner --owner=12 --group=34 --mtime=@1400000000 --sort=name -C tree -cf plain.tar .
tar --owner=joe:7 --group=users:8 --mtime=@1400000000 --sort=name -C tree -cf named.tar d
gzip -nc plain.tar >packed.tar.gz
bzip2 -c plain.tar >packed.tar.bz2
xz -c plain.tar >packed.tar.xz
zstd -qc plain.tar >packed.tar.zst
cp packed.tar.gz archive-without-suffix
gzip -nc a.txt >a.txt.gz
echo 'not an archive' >fake.tar.gz
python3 -m zipfile -c packed.zip tree/d/file
