#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The cases of one file, built by mpemu and by docker buildx build, and what differs: see judge.py.
#
#     tests/judge/judge.sh FILE [OPTIONS OF JUDGE.PY]
. "$(dirname "$0")/../lib.sh"
need_root
need_command python3 zstd xz bzip2
base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/busybox:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/busybox:arm64 >/dev/null

engine=$tests/../build/judge
trap '"$tests/judge/engine.sh" stop "$engine"; test_exit' EXIT
JUDGE_DOCKER=$("$tests/judge/engine.sh" start "$engine" 2>"$scratch/.log") ||
	skip_all "no Docker engine: $(cat "$scratch/.log")"
start_registry
JUDGE_REGISTRY=localhost:${registry##*:}
JUDGE_STORE=$store
export MPEMU JUDGE_DOCKER JUDGE_REGISTRY JUDGE_STORE

mpemu index create "$JUDGE_REGISTRY/busybox" localhost/busybox:amd64 localhost/busybox:arm64 >/dev/null &&
	mpemu push "$JUDGE_REGISTRY/busybox" >/dev/null || exit 1
for name in rich child; do
	mkdir "$scratch/$name"
	sed "s,localhost/,$JUDGE_REGISTRY/," "$tests/judge/bases/$name.Dockerfile" >"$scratch/$name/Dockerfile"
	mpemu --quiet build --push -t "$JUDGE_REGISTRY/$name" "$scratch/$name" >"$scratch/.log" 2>&1 || {
		cat "$scratch/.log"
		exit 1
	}
done
test_planned=judge # whose plan is its own
python3 "$tests/judge/judge.py" "$@"
