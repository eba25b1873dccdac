#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# COPY and ADD: many small Dockerfiles, and what they leave in the layer of their last line.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq tar "${CC:-cc}"
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
context=$(tmpdir)

# $status, $err of a build of $context/Dockerfile.
build() { # ARGUMENTS...
	run mpemu --progress plain build --platform linux/amd64 -t localhost/out "$@" "$context"
}

build_text() { # TEXT ARGUMENTS...
	printf '%b\n' "$1" >"$context/Dockerfile"
	shift
	build "$@"
}

blob() { # DIGEST
	echo "$store/oci/blobs/sha256/${1#*:}"
}

# What the last layer has, a line each: mode owner path [-> target].
layer() {
	mpemu inspect --raw --platform linux/amd64 localhost/out >"$scratch/manifest"
	tar --numeric-owner -tvzf "$(blob "$(jq -r '.layers[-1].digest' "$scratch/manifest")")" |
		awk '{ printf "%s %s", $1, $2; for (i = 6; i <= NF; i++) printf " %s", $i; print "" }'
}

content() { # PATH
	tar -xOzf "$(blob "$(jq -r '.layers[-1].digest' "$scratch/manifest")")" "$1"
}

history() {
	jq -r '.history[-1].created_by' "$(blob "$(jq -r .config.digest "$scratch/manifest")")"
}

# case NAME DOCKERFILE LAYER: the lines of the layer, those of directories on the way too.
case_is() {
	build_text "$2"
	if [ "$status" != 0 ]; then
		fails "$1" "status $status: $(echo "$err" | tail -n 3)"
		return 0
	fi
	is "$1" "$(layer)" "$(printf '%b' "$3")"
}

case_fails() { # NAME DOCKERFILE EXPRESSION
	build_text "$2"
	case $status in
	0) fails "$1" "it works" ;;
	*) like "$1" "$err" "$3" ;;
	esac
}

umask 022
mkdir -p "$context/src/sub/deep" "$context/other" "$context/a/b/c"
echo 1 >"$context/one.txt"
echo 2 >"$context/two.md"
echo a >"$context/src/a.txt"
echo b >"$context/src/b.md"
echo c >"$context/src/sub/c.txt"
echo d >"$context/src/sub/deep/d.go"
echo e >"$context/a/b/c/e.txt"
echo f >"$context/a/b/f.md"
chmod 750 "$context/src/sub"
chmod 4755 "$context/src/a.txt"
ln -s a.txt "$context/src/link"
ln "$context/two.md" "$context/other/same1"
ln "$context/two.md" "$context/other/same2"
ln -s one.txt "$context/tolink"
mkfifo "$context/fifo"

# ---- where things go ----

case_is 'a file gets the name of the destination' 'FROM scratch\nCOPY one.txt /x/y' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/y'
case_is 'a slash makes it a directory' 'FROM scratch\nCOPY one.txt two.md /x/' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/one.txt\n-rw-r--r-- 0/0 x/two.md'
case_is 'of a directory the content is copied, set-id bits and links as they are' \
	'FROM scratch\nCOPY src /x' \
	'drwxr-xr-x 0/0 x/\n-rwsr-xr-x 0/0 x/a.txt\n-rw-r--r-- 0/0 x/b.md
lrwxrwxrwx 0/0 x/link -> a.txt\ndrwxr-x--- 0/0 x/sub/\n-rw-r--r-- 0/0 x/sub/c.txt
drwxr-xr-x 0/0 x/sub/deep/\n-rw-r--r-- 0/0 x/sub/deep/d.go'
case_is 'a link that is named is followed' 'FROM scratch\nCOPY tolink /x' '-rw-r--r-- 0/0 x'
case_is 'hard links within one copy stay' 'FROM scratch\nCOPY other /x' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/same1\nhrw-r--r-- 0/0 x/same2 link to x/same1'
case_is 'a FIFO is copied' 'FROM scratch\nCOPY fifo /x' 'prw-r--r-- 0/0 x'
case_is 'a destination that is a directory takes the file' \
	'FROM localhost/base\nCOPY one.txt /etc' 'drwxr-xr-x 0/0 etc/\n-rw-r--r-- 0/0 etc/one.txt'
case_is 'a wildcard without matches is fine' 'FROM scratch\nCOPY one.txt *.none /x/' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/one.txt'
case_fails 'what is missing is not' 'FROM scratch\nCOPY none /x' 'COPY none: not found in the build context'
case_fails 'a file does not replace a directory' \
	'FROM scratch AS a\nCOPY src /x/one.txt/\nFROM a\nCOPY one.txt /x/' 'cannot replace to directory'
case_fails 'nor a directory a file' 'FROM scratch AS a\nCOPY one.txt /x\nFROM a\nCOPY src /x' \
	'cannot copy to non-directory'
case_is 'without a slash each source takes the place of the one before' \
	'FROM scratch\nCOPY one.txt two.md /x' '-rw-r--r-- 0/0 x'
is 'the last one stays' "$(content x)" "$(cat "$context/two.md")"
like 'which is warned of' "$err" 'Dockerfile:2: COPY of more than one source to /x, .*end it with a /'

# ---- --chown, --chmod ----

case_is 'owners by name, parents too' \
	'FROM localhost/base AS b\nRUN echo me:x:12:34::/: >> /etc/passwd && echo us:x:56: >> /etc/group
COPY --chown=me:us one.txt /x/' 'drwxr-xr-x 12/56 x/\n-rw-r--r-- 12/56 x/one.txt'
case_is 'a lone id is the group too' 'FROM scratch\nCOPY --chown=7 one.txt /x' '-rw-r--r-- 7/7 x'
case_is 'an octal mode is for directories as well' 'FROM scratch\nCOPY --chmod=711 src/sub /x/y' \
	'drwx--x--x 0/0 x/\ndrwx--x--x 0/0 x/y/\n-rwx--x--x 0/0 x/y/c.txt
drwx--x--x 0/0 x/y/deep/\n-rwx--x--x 0/0 x/y/deep/d.go'
case_is 'a symbolic one minds what is there' 'FROM scratch\nCOPY --chmod=u=rwX,go=rX src/sub /y' \
	'drwxr-xr-x 0/0 y/\n-rw-r--r-- 0/0 y/c.txt\ndrwxr-xr-x 0/0 y/deep/\n-rw-r--r-- 0/0 y/deep/d.go'
case_is 'and adds' 'FROM scratch\nARG M=+x\nCOPY --chmod=$M one.txt /x' '-rwxr-xr-x 0/0 x'
case_fails 'a mode has limits' 'FROM scratch\nCOPY --chmod=17777 one.txt /x' 'should be octal'
case_fails 'and a syntax' 'FROM scratch\nCOPY --chmod=u!x one.txt /x' 'invalid chmod parameter'

# ---- --exclude, --parents ----

case_is 'what is excluded stays' 'FROM scratch\nCOPY --exclude=*.md --exclude=**/*.go --exclude=link src /x' \
	'drwxr-xr-x 0/0 x/\n-rwsr-xr-x 0/0 x/a.txt\ndrwxr-x--- 0/0 x/sub/\n-rw-r--r-- 0/0 x/sub/c.txt
drwxr-xr-x 0/0 x/sub/deep/'
case_is 'but for exceptions' 'FROM scratch\nCOPY --exclude=** --exclude=!sub/deep src /x' \
	'drwxr-xr-x 0/0 x/\ndrwxr-x--- 0/0 x/sub/\ndrwxr-xr-x 0/0 x/sub/deep/\n-rw-r--r-- 0/0 x/sub/deep/d.go'
echo x >"$context/ä.rune"
case_is 'a wildcard takes a character, however long' 'FROM scratch\nCOPY ?.rune /x' '-rw-r--r-- 0/0 x'
case_is 'and so does a class' 'FROM scratch\nCOPY [äö].rune /x' '-rw-r--r-- 0/0 x'
rm "$context/ä.rune"
case_is 'behind a backslash it is none' 'FROM localhost/base AS a\nRUN mkdir /d && touch "/d/a*b" "/d/a\\\\*b"\nFROM scratch\nCOPY --from=a d/a\\\\*b /x/' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/a\\\\*b'
case_fails 'a malformed pattern is refused' 'FROM scratch\nCOPY one[ /x/' 'syntax error in pattern'
case_fails 'in a stage too' 'FROM localhost/base AS a\nFROM scratch\nCOPY --from=a etc/pass[wd /x/' \
	'syntax error in pattern'
case_is 'but files that a wildcard found do not' 'FROM scratch\nCOPY --exclude=*.md o* t* /x/' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/one.txt\n-rw-r--r-- 0/0 x/same1
hrw-r--r-- 0/0 x/same2 link to x/same1\n-rw-r--r-- 0/0 x/tolink\n-rw-r--r-- 0/0 x/two.md'
case_is 'parents are kept' 'FROM scratch\nCOPY --parents a/b/c/e.txt one.txt /x/' \
	'drwxr-xr-x 0/0 x/\ndrwxr-xr-x 0/0 x/a/\ndrwxr-xr-x 0/0 x/a/b/\ndrwxr-xr-x 0/0 x/a/b/c/
-rw-r--r-- 0/0 x/a/b/c/e.txt\n-rw-r--r-- 0/0 x/one.txt'
case_is 'from the pivot on' 'FROM scratch\nCOPY --parents ./a/./b/*.md /x/' \
	'drwxr-xr-x 0/0 x/\ndrwxr-xr-x 0/0 x/b/\n-rw-r--r-- 0/0 x/b/f.md'
case_is 'across directories' 'FROM scratch\nCOPY --parents **/*.txt /x/' \
	'drwxr-xr-x 0/0 x/\ndrwxr-xr-x 0/0 x/a/\ndrwxr-xr-x 0/0 x/a/b/\ndrwxr-xr-x 0/0 x/a/b/c/
-rw-r--r-- 0/0 x/a/b/c/e.txt\n-rw-r--r-- 0/0 x/one.txt\ndrwxr-xr-x 0/0 x/src/
-rwsr-xr-x 0/0 x/src/a.txt\ndrwxr-x--- 0/0 x/src/sub/\n-rw-r--r-- 0/0 x/src/sub/c.txt'
is 'the history says parents' "$(history)" 'COPY --parents **/*.txt /x/ # buildkit'
case_fails 'what is named must be there' 'FROM scratch\nCOPY --parents a/none.txt /x/' 'not found'
mkdir "$context/t"
(cd "$context/t" && mkdir -p b/c/d/e b2/c/d/e b/c2/d/e b/c2/d/e2 &&
	touch b/c/d/foo b/c/d/e/bay b2/c/d/e/bar b/c2/d/e/baz b/c2/d/e2/baz)
while IFS='|' read -r sources want; do
	for from in '' '--from=other '; do
		build_text "FROM scratch AS other\nCOPY t /t\nFROM scratch\nCOPY $from--parents $sources /x/"
		is "parents of $from$sources" "$(layer | sed -n 's|^-.* x/||p' | tr '\n' ' ')" "$want "
	done
done <<'END'
/t/b/./c/d|c/d/e/bay c/d/foo
/t/b/c/d/.|t/b/c/d/e/bay t/b/c/d/foo
/t/./b/./c|b/c/d/e/bay b/c/d/foo
/t/./*/c|b/c/d/e/bay b/c/d/foo b2/c/d/e/bar
/t/b*/./c/**/e|c/d/e/bar c/d/e/bay
/t/b/c*/./d/**/baz /t/b*/./c/**/bar|c/d/e/bar d/e/baz d/e2/baz
END
rm -r "$context/t"

printf 'FROM scratch\nCOPY --parents a/**/*.txt /p/\n' >"$context/Dockerfile"
build
echo g >"$context/a/b/g.md" && mkdir "$context/a/empty"
build
like 'and only what is taken counts' "$(echo "$err" | grep -A 3 'COPY --parents')" CACHED
chmod 711 "$context/a/b/c"
build
unlike 'as do the looks of what it is in' "$(echo "$err" | grep -A 3 'COPY --parents')" CACHED
chmod 755 "$context/a/b/c" && rm -r "$context/a/b/g.md" "$context/a/empty"
build_text 'FROM localhost/base\nRUN chmod 1777 /tmp\nCOPY --chown=5 src/sub /tmp\nADD . /all'
is 'the whole context may be added' "$status" 0
like 'also with what is special' "$(layer)" 'all/fifo'
mpemu run --platform linux/amd64 localhost/out stat -c '%a %u' /tmp >"$scratch/.out"
is 'a destination that is there keeps its looks' "$(cat "$scratch/.out")" '1777 0'

# ---- --link ----

two='FROM localhost/base AS b\nRUN ln -s /tmp /away\nFROM b\nARG N=1\nRUN echo $N > /n'
build_text "$two\nCOPY --link --chown=5 src/b.md /away/there/"
is 'a linked copy follows nothing of the stage' "$(layer | tr '\n' ';')" \
	'drwxr-xr-x 5/5 away/;drwxr-xr-x 5/5 away/there/;-rw-r--r-- 5/5 away/there/b.md;'
build_text "$two\nCOPY --link --chown=5 src/b.md /away/there/\nRUN cat /away/there/b.md" --build-arg N=2
like 'is cached whatever is below it' "$(echo "$err" | grep -A 3 'COPY --link')" CACHED
unlike 'which what is on top is not' "$(echo "$err" | grep -A 3 'RUN cat')" CACHED
case_fails 'its owner is a number' 'FROM localhost/base\nCOPY --link --chown=adm one.txt /x' 'wants numbers, or root'
case_is 'or root' 'FROM localhost/base\nCOPY --link --chown=root:root one.txt /x' '-rw-r--r-- 0/0 x'
case_is 'who is nobody else anywhere' 'FROM scratch\nCOPY --chown=root:7 one.txt /x' '-rw-r--r-- 0/7 x'
case_fails 'where there is nothing names cannot be looked up' 'FROM scratch\nCOPY --chown=adm one.txt /x' \
	'--chown: owner adm: nothing of the stage is read'
build_text 'FROM localhost/base\nCOPY --link one.txt /etc/one\nRUN ls /etc/passwd /etc/one'
is 'what is below is still there' "$status" 0

# ---- heredocs ----

cat >"$context/Dockerfile" <<'END'
FROM scratch
ARG WHO=world
COPY --chmod=755 --chown=3:4 <<one <<"two" one.txt /x/
hello "$WHO"
one
hello "$WHO"
two
END
build
is 'heredocs become files' "$(layer | tr '\n' ';')" \
	'drwxr-xr-x 3/4 x/;-rwxr-xr-x 3/4 x/one;-rwxr-xr-x 3/4 x/one.txt;-rwxr-xr-x 3/4 x/two;'
is 'expanded but for quotes' "$(content x/one)" 'hello "world"'
is 'or as they are' "$(content x/two)" 'hello "$WHO"'
is 'the history has their names' "$(history)" 'COPY --chown=3:4 --chmod=755 one.txt <<one <<two /x/ # buildkit'

# ---- ADD: archives ----

mkdir "$scratch/tree" && echo in >"$scratch/tree/in" && mkdir "$scratch/tree/d" && chmod 700 "$scratch/tree/d"
tar -C "$scratch/tree" --owner=8 --group=9 -cf "$context/plain" .
for pack in gzip bzip2 xz zstd; do
	command -v "$pack" >/dev/null || {
		skip "an archive of $pack is unpacked" "needs $pack"
		continue
	}
	"$pack" -c <"$context/plain" >"$context/packed"
	case_is "an archive of $pack is unpacked" 'FROM scratch\nADD packed /x' \
		'drwxr-xr-x 0/0 x/\ndrwx------ 8/9 x/d/\n-rw-r--r-- 8/9 x/in'
done
case_is 'an archive is told by its content' 'FROM scratch\nADD plain one.txt /x/' \
	'drwxr-xr-x 0/0 x/\ndrwx------ 8/9 x/d/\n-rw-r--r-- 8/9 x/in\n-rw-r--r-- 0/0 x/one.txt'
is 'the history of ADD' "$(history)" 'ADD plain one.txt /x/ # buildkit'
case_is 'an owner is for all of it' 'FROM scratch\nADD --chown=1:2 plain /x/' \
	'drwxr-xr-x 1/2 x/\ndrwx------ 1/2 x/d/\n-rw-r--r-- 1/2 x/in'
case_is 'it may stay packed' 'FROM scratch\nADD --unpack=false plain /x/' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/plain'
case_is 'COPY never unpacks' 'FROM scratch\nCOPY plain /x/' 'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/plain'
case_is 'what is there gives way' \
	'FROM scratch AS a\nCOPY one.txt /x/in\nFROM a\nADD plain /x' \
	'drwxr-xr-x 0/0 x/\ndrwx------ 8/9 x/d/\n-rw-r--r-- 8/9 x/in'
gzip -c <"$context/one.txt" >"$context/one.gz"
case_is 'a packed file that is no archive stays' 'FROM scratch\nADD one.gz /x/' \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/one.gz'
(cd "$scratch/tree/d" && tar -P --transform 's,^in,../../out,' -cf "$context/evil" -C .. in)
case_fails 'no name leads out' 'FROM scratch\nADD evil /x/' 'climbs out of the destination'

# ---- ADD: http ----

"${CC:-cc}" -std=gnu2x -D_GNU_SOURCE -I"$tests/.." -pthread "$tests/peer/main.c" "$tests/peer/peer.c" \
	-o "$scratch/peer" 2>"$scratch/.log"
if [ ! -x "$scratch/peer" ]; then
	skip 'ADD of URLs' 'no compiler works here'
	exit 0
fi
cat >"$scratch/script" <<END
expect GET /dir/file.txt?x=1
header Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT
body hello
expect GET /plain
file $context/plain
expect GET /moved
reply 302
header Location: /dir/file.txt?x=1
expect GET /evil
reply 302
header Location: file:///etc/passwd
expect GET /loop
reply 302
header Location: /loop
expect GET /
body index
END
: >"$scratch/log"
"$scratch/peer" "$scratch/script" "$scratch/log" >"$scratch/port" &
test_children="$test_children $!"
for _ in $(seq 100); do
	[ ! -s "$scratch/port" ] || break
	sleep 0.05
done
url=http://127.0.0.1:$(cat "$scratch/port")
sum=sha256:$(printf hello | sha256sum | cut -d' ' -f1)

case_is 'a URL gives a file of its name' "FROM scratch\nADD $url/dir/file.txt?x=1 /x/" \
	'drwxr-xr-x 0/0 x/\n-rw------- 0/0 x/file.txt'
is 'its content' "$(content x/file.txt)" hello
like 'and time' "$(TZ=UTC tar -tvzf "$(blob "$(jq -r '.layers[-1].digest' "$scratch/manifest")")")" \
	'2015-10-21 07:28 x/file.txt'
build_text "FROM scratch\\nADD $url/dir/file.txt?x=1 /x/"
like 'the same content is cached' "$err" CACHED
case_is 'modes and owners are for it too' "FROM scratch\nADD --chmod=644 --chown=3 $url/moved /x" '-rw-r--r-- 3/3 x'
case_is 'an archive from there stays packed' "FROM scratch\nADD $url/plain /x" '-rw------- 0/0 x'
case_is 'unless asked for' "FROM scratch\nADD --unpack=true $url/plain /x" \
	'drwxr-xr-x 0/0 x/\ndrwx------ 8/9 x/d/\n-rw-r--r-- 8/9 x/in'
case_is 'a URL without a name' "FROM scratch\nADD $url/ /x/" 'drwxr-xr-x 0/0 x/\n-rw------- 0/0 x/__unnamed__'
case_is 'a checksum that fits' "FROM scratch\nADD --checksum=$sum $url/moved /sum" '-rw------- 0/0 sum'
: >"$scratch/log"
build_text "FROM scratch\\nADD --checksum=$sum $url/moved /sum"
is 'needs no second download' "$(cat "$scratch/log")" ''
case_fails 'one that does not' "FROM scratch\nADD --checksum=$sum $url/plain /x" 'digest mismatch'
case_fails 'one of two sources' "FROM scratch\nADD --checksum=$sum $url/plain one.txt /x/" 'multiple sources'
case_fails 'one of a file' "FROM scratch\nADD --checksum=$sum one.txt /x/" 'requires HTTP'
case_fails 'a redirect to a file' "FROM scratch\nADD $url/evil /x" 'redirect'
case_fails 'redirects without end' "FROM scratch\nADD $url/loop /x" 'more than 10 redirects'
case_fails 'what is not there' "FROM scratch\nADD $url/none /x" 'status 404'
case_fails 'COPY takes no URL' "FROM scratch\nCOPY $url/plain /x" "can't be a URL for COPY"
printf 'FROM scratch\nADD %s/moved /twice\n' "$url" >"$context/Dockerfile"
: >"$scratch/log"
run mpemu build --platform linux/amd64,linux/arm64,linux/s390x "$context"
is 'all platforms share one download' "$status $(grep -c '^GET /moved' "$scratch/log")" '0 1'

# ---- ADD: git ----

if ! command -v git >/dev/null; then
	skip 'ADD of repositories' 'needs git'
	exit 0
fi
repo=$scratch/repo.git
work=$scratch/work
git_quietly() {
	HOME=$scratch GIT_CONFIG_NOSYSTEM=1 git -c init.defaultBranch=main -c user.name=Test \
		-c user.email=test@example.org "$@"
}
git_quietly init -q "$work"
mkdir "$work/docs" && echo readme >"$work/README" && echo doc >"$work/docs/page" && echo x >"$work/run"
chmod 755 "$work/run"
git_quietly -C "$work" add -A && git_quietly -C "$work" commit -qm one && git_quietly -C "$work" tag -a -m v1 v1
first=$(git_quietly -C "$work" rev-parse HEAD)
echo new >"$work/README" && git_quietly -C "$work" commit -qam two
git_quietly clone -q --bare "$work" "$repo"
git_quietly -C "$repo" repack -adq && git_quietly -C "$repo" update-server-info

# The dumb protocol: only files.
{
	printf 'expect GET /repo.git/info/refs*\nfile %s/info/refs\n' "$repo"
	(cd "$repo" && find HEAD objects packed-refs -type f) |
		while read -r file; do printf 'expect GET /repo.git/%s\nfile %s/%s\n' "$file" "$repo" "$file"; done
} >"$scratch/script"
"$scratch/peer" "$scratch/script" "$scratch/log" >"$scratch/git-port" &
test_children="$test_children $!"
for _ in $(seq 100); do
	[ ! -s "$scratch/git-port" ] || break
	sleep 0.05
done
url=http://127.0.0.1:$(cat "$scratch/git-port")/repo.git

case_is 'a repository gives its files' "FROM scratch\nADD $url /x" \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/README\ndrwxr-xr-x 0/0 x/docs/\n-rw-r--r-- 0/0 x/docs/page
-rwxr-xr-x 0/0 x/run'
is 'of its default branch' "$(content x/README)" new
case_is 'or of a tag, and only a directory' "FROM scratch\nADD $url#v1:docs /x" \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/page'
case_is 'or of a commit, without some' "FROM scratch\nADD --exclude=docs --exclude=run $url#$first /x" \
	'drwxr-xr-x 0/0 x/\n-rw-r--r-- 0/0 x/README'
is 'as it was then' "$(content x/README)" readme
: >"$scratch/log"
build_text "FROM scratch\nADD --exclude=docs --exclude=run $url#$first /x"
is 'a commit that is cached is not asked for again' "$status $(cat "$scratch/log")" '0 '
build_text "FROM scratch\nADD --keep-git-dir=true $url?tag=v1 /x"
like 'its history may come along' "$(layer)" 'x/\.git/HEAD'
like 'with the name that was asked for' "$(layer)" 'x/\.git/refs/tags/v1$'
unlike 'and no other' "$(layer)" 'refs/fetched|FETCH_HEAD|refs/heads/.'
is 'an annotated tag is an object' \
	"$(content x/.git/refs/tags/v1)" "$(git_quietly -C "$work" rev-parse refs/tags/v1)"
is 'and no log tells when' "$(content x/.git/logs/HEAD)" ''
build_text "FROM scratch\nADD --keep-git-dir=true $url#$first /x"
unlike 'a commit has no name' "$(layer)" 'refs/(tags|heads)/.'
build_text "FROM scratch\nADD --checksum=$first $url#v1 /y"
is 'a checksum is the commit' "$status" 0
case_fails 'which it must be' "FROM scratch\nADD --checksum=$first $url /y" 'expected checksum to match'
case_fails 'a ref must be there' "FROM scratch\nADD $url#none /x" 'has no branch or tag none'
case_fails 'a directory too' "FROM scratch\nADD $url#v1:none /x" 'has no directory none'
case_fails 'no option hides in a host' 'FROM scratch\nADD ssh://-oProxyCommand=x/y.git /x' 'no host that makes sense'
case_fails 'nor in a branch' "FROM scratch\nADD $url#--upload-pack=x /x" 'is no name of a branch'
printf 'FROM scratch\nADD %s /absent\n' "$url" >"$context/Dockerfile"
mkdir "$scratch/nothing"
run env PATH="$scratch/nothing" "$MPEMU" --root "$store" build --platform linux/amd64 "$context"
like 'without git it says what to install' "$err" 'install the package git'
case_fails 'COPY takes no repository' "FROM scratch\nCOPY $url /x" "can't be a git ref for COPY"
