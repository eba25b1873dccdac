#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The graph of steps, as traces and logs tell it: what is shared, what runs at the same time, what
# is not run at all, and that the same inputs make the same digests.
. "$(dirname "$0")/../lib.sh"
need_root
need_machine
need_command jq

for arch in amd64 arm64 s390x; do
	base_tar "$arch"
	mpemu import --platform "linux/$arch" "$base" "localhost/base:$arch" >/dev/null
done
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 localhost/base:s390x \
	>/dev/null
context=$(tmpdir)
platforms=linux/amd64,linux/arm64,linux/s390x
dockerfile() { cat >"$context/Dockerfile"; }
build() { # OPTIONS...
	run mpemu --progress plain build --platform "$platforms" --trace "$scratch/trace" "$@" "$context"
	[ "$status" -eq 0 ] || printf '%s\n' "$err" | tail -n 5 | sed 's/^/# /'
}
# How many steps whose text matches were run, and not known.
ran() { # EXPRESSION
	jq --arg text "$1" '[.traceEvents[] | select(.cat == "step" and (.name | test($text)) and
		.args.outcome == "done" and .args.instruction != "FROM")] | length' "$scratch/trace"
}
# The most steps whose text matches that ran at one moment.
at_once() { # EXPRESSION
	jq --arg text "$1" '[.traceEvents[] | select(.cat == "step" and (.name | test($text)))] |
		[.[] as $at | [.[] | select(.ts <= $at.ts and .ts + .dur > $at.ts)] | length] | max' \
		"$scratch/trace"
}

# ---- what platforms share ----

dockerfile <<'END'
FROM --platform=$BUILDPLATFORM localhost/base AS tools
RUN echo shared >/shared
FROM tools AS cross
ARG TARGETARCH
RUN echo "for $TARGETARCH" >/cross
FROM localhost/base
COPY --from=cross /shared /cross /
RUN cat /cross >/seen
END
build -t localhost/out
is 'it builds' "$status" 0
is 'a stage of the build platform is run once for all' "$(ran 'RUN echo shared')" 1
is 'and from an ARG of the target on for each' "$(ran 'RUN echo .for')" 3
is 'as what belongs to the target' "$(ran 'RUN cat')" 3
is 'with what each of them asked for' "$(mpemu run --platform linux/s390x localhost/out cat /seen)" \
	'for s390x'

dockerfile <<'END'
ARG BASE=base
FROM localhost/$BASE AS never
RUN false
FROM localhost/base AS other
RUN exit 1
FROM localhost/base
RUN true
END
build
is 'stages that nobody needs are not run' "$status" 0
is 'nor told of' "$(printf '%s\n' "$err" | grep -c 'never\|other')" 0
build --target other
is 'unless they are the target' "$status" 4

# ---- what runs at the same time ----

platforms=linux/amd64
dockerfile <<'END'
FROM localhost/base AS one
RUN sleep 0.7; echo one >/one
FROM localhost/base AS two
RUN sleep 0.7; echo two >/two
FROM localhost/base AS three
RUN sleep 0.7; echo three >/three
FROM scratch
COPY --from=one /one /
COPY --from=two /two /
COPY --from=three /three /
END
build --jobs 4
is 'stages that do not need each other run at the same time' "$(at_once 'RUN sleep')" 3
build --jobs 1 --no-cache
is 'but no more than --jobs' "$(at_once 'RUN sleep')" 1
build --jobs 4 --no-cache --memory "$(awk '/^MemTotal/ { print int($2 * 0.4) }' /proc/meminfo)k"
if [ "$status" -eq 0 ]; then
	is 'and no more than memory there is for them' "$(at_once 'RUN sleep')" 2
else
	skip 'and no more than memory there is for them' 'memory cannot be limited here'
fi
platforms=linux/amd64,linux/arm64,linux/s390x
dockerfile <<'END'
FROM localhost/base
RUN sleep 0.7
END
build --jobs 8
is 'platforms, too' "$(at_once 'RUN sleep')" 3

# ---- the trace ----

ok 'a trace is of events that are complete, in lanes that do not overlap' jq -e '
	.displayTimeUnit == "ms" and
	([.traceEvents[] | select(.ph == "X")] | group_by([.pid, .tid]) |
		all(sort_by(.ts) | . as $lane | all(range(1; length);
			$lane[. - 1].ts + $lane[. - 1].dur <= $lane[.].ts)))' "$scratch/trace"
is 'a process for each platform' "$(jq -r '[.traceEvents[] | select(.ph == "M").args.name] | sort |
	join(" ")' "$scratch/trace")" 'linux/amd64 linux/arm64 linux/s390x'

# ---- the same inputs, the same digests ----

platforms=linux/amd64,linux/arm64
echo content >"$context/file"
dockerfile <<'END'
FROM localhost/base
WORKDIR /work
COPY file ./
RUN mkdir -p dir/deep && echo text >dir/deep/file && ln file hard && ln -s file soft
RUN rm hard; chmod 4755 file; touch -d '2001-02-03 04:05:06' old
ENV A=b
LABEL c=d
END
epoch='--source-date-epoch 1700000000'
mkdir "$scratch/other"
cp -a "$store/oci" "$store/layers" "$scratch/other/"
# shellcheck disable=SC2086 # words
reproduce() { # STORE OPTIONS...
	test_place=$1
	shift
	sleep 1.1
	touch "$context/file"
	rm -f "$scratch/$test_place.tar"
	run "$MPEMU" --root "$test_store" --quiet build --platform "$platforms" $epoch \
		--output "type=oci,dest=$scratch/$test_place.tar,rewrite-timestamp=true" "$@" "$context"
}
test_store=$store
reproduce first
first=$out
test_store=$scratch/other
reproduce second
is 'two stores, at different times, make the same index' "$status $out" "0 $first"
ok 'and the same archive' cmp "$scratch/first.tar" "$scratch/second.tar"
reproduce third --no-cache
is 'again without the cache' "$status $out" "0 $first"
rm -rf "$scratch/layout"
mkdir "$scratch/layout"
tar -C "$scratch/layout" -xf "$scratch/first.tar"
late=0
for blob in "$scratch"/layout/blobs/sha256/*; do
	gzip -t "$blob" 2>/dev/null || continue
	late=$((late + $(gzip -dc "$blob" | TZ=UTC tar -tv --full-time |
		awk '$4 " " $5 > "2023-11-14 22:13:20"' | wc -l)))
done
is 'no file of a step is later than the epoch' "$late" \
	"$(for arch in amd64 arm64; do base_tar $arch; TZ=UTC tar -tv --full-time -f "$base"; done |
		awk '$4 " " $5 > "2023-11-14 22:13:20"' | wc -l)"
config=$(jq -r '.manifests[0].digest | sub(":"; "/")' "$scratch/layout/index.json")
config=$(jq -r '.manifests[0].digest | sub(":"; "/")' "$scratch/layout/blobs/$config")
config=$(jq -r '.config.digest | sub(":"; "/")' "$scratch/layout/blobs/$config")
is 'nor is the config' "$(jq -r .created "$scratch/layout/blobs/$config")" '2023-11-14T22:13:20Z'
is 'nor any line of its history' "$(jq '[.history[] | select(.created > "2023-11-14T22:13:20Z" and
	(.created_by // "" | test("buildkit")))] | length' "$scratch/layout/blobs/$config")" 0
epoch='--source-date-epoch 4000000000'
reproduce late
is 'an epoch that no clock has reached is refused' "$status" 2
epoch=
SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH
reproduce fourth
is 'the environment says it as well' "$status $out" "0 $first"
unset SOURCE_DATE_EPOCH
reproduce fifth --build-arg SOURCE_DATE_EPOCH=1700000000
is 'and so does a build argument' "$status $out" "0 $first"
