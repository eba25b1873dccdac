# SPDX-License-Identifier: Apache-2.0
#
# Registries that fail, lie or attack, by scripts for tests/peer (see tests/peer/peer.h).
. "$(dirname "$0")/../lib.sh"
need_command "${CC:-cc}"
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy REGISTRY_AUTH_FILE
HOME=$(tmpdir)
DOCKER_CONFIG=$HOME/.docker
export HOME DOCKER_CONFIG
mkdir "$DOCKER_CONFIG"

"${CC:-cc}" -std=gnu2x -D_GNU_SOURCE -I"$tests/.." -pthread "$tests/peer/main.c" "$tests/peer/peer.c" \
	-o "$scratch/peer" 2>"$scratch/.log" || skip_all "no compiler: $(head -n 1 "$scratch/.log")"

# Start a peer with the script on standard input: $address, and what it is asked in $log.
peer() {
	peer_dir=$(tmpdir)
	log=$peer_dir/log
	cat >"$peer_dir/script"
	: >"$log"
	"$scratch/peer" "$peer_dir/script" "$log" >"$peer_dir/port" &
	test_children="$test_children $!"
	for _ in $(seq 100); do
		[ ! -s "$peer_dir/port" ] || break
		sleep 0.05
	done
	address=127.0.0.1:$(cat "$peer_dir/port")
}

fresh() {
	store=$(tmpdir)
}

digest() { # FILE
	printf 'sha256:%s' "$(sha256sum <"$1" | cut -d' ' -f1)"
}

size() { # FILE
	stat -c %s "$1"
}

# ---- an image: $image/layer, config, manifest ----

image=$(tmpdir)
mkdir "$image/root"
head -c 200000 /dev/urandom >"$image/root/noise"
tar -C "$image/root" -cf "$image/layer" .
cat >"$image/config" <<END
{"os":"linux","architecture":"arm64","config":{},"rootfs":{"type":"layers","diff_ids":["$(digest "$image/layer")"]}}
END
oci=application/vnd.oci.image
manifest() { # [MEMBERS OF THE LAYER]
	cat <<END
{"schemaVersion":2,"mediaType":"$oci.manifest.v1+json","config":{"mediaType":"$oci.config.v1+json",
"digest":"$(digest "$image/config")","size":$(size "$image/config")},"layers":[{"mediaType":"$oci.layer.v1.tar",
"digest":"$(digest "$image/layer")","size":$(size "$image/layer")$1}]}
END
}
manifest >"$image/manifest"
layer=$(digest "$image/layer")
config=$(digest "$image/config")

# Rules that serve it, after those that do not.
served() { # [CONDITION]
	cat <<END
expect GET /v2/
$1
expect GET /v2/x/manifests/1
$1
header Content-Type: $oci.manifest.v1+json
file $image/manifest
expect GET /v2/x/blobs/$config
$1
file $image/config
expect GET /v2/x/blobs/$layer
$1
ranges
file $image/layer
END
}

pull() {
	fresh
	run mpemu pull --platform linux/arm64 "$address/x:1"
}

kept() { # DIGEST: whether the store has that blob
	[ -e "$store/oci/blobs/sha256/${1#sha256:}" ] && echo kept
}

served >"$scratch/served"
peer <"$scratch/served"
pull
is 'a peer that behaves is pulled from' "$status" 0

# ---- content ----

{ printf 'expect GET /v2/x/blobs/%s\nbody something else\nlength 14\n' "$layer"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a short blob ends with 8' "$status" 8
is 'and is not kept' "$(kept "$layer")" ''

{ printf 'expect GET /v2/x/blobs/%s\nfill 300000\n' "$layer"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a long blob ends with 8' "$status" 8
like 'the error says how long it may be' "$err" "blob $layer: registry sent more than its $(size "$image/layer") bytes"

{ printf 'expect GET /v2/x/blobs/%s\nendless\n' "$layer"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'an endless blob ends with 8' "$status" 8

{ printf 'expect GET /v2/x/blobs/%s\nfill %s\n' "$layer" "$(size "$image/layer")"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'another blob of that size ends with 8' "$status" 8
like 'the error has both digests' "$err" "blob $layer: registry sent sha256:"
is 'and none is kept' "$(kept "$layer")$(find "$store/oci" -type f -size +100k)" ''

{ printf 'expect GET /v2/x/manifests/1\nheader Docker-Content-Digest: %s\nfile %s\n' "$layer" "$image/manifest"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a manifest announced under another digest ends with 8' "$status" 8

{ printf 'expect GET /v2/x/manifests/1\nheader Content-Type: %s.index.v1+json\nfile %s\n' $oci "$image/manifest"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a manifest that is said to be an index ends with 3' "$status" 3

{ printf 'expect GET /v2/x/manifests/1\nfill 5000000\n'; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a manifest above 4 MiB ends with 3' "$status" 3

{ printf 'expect GET /v2/x/manifests/1\nheader Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\nbody {}\n'; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'schema 1 ends with 3' "$status" 3
like 'the error says what it is' "$err" 'Docker schema 1'

{ printf 'expect GET /v2/x/manifests/1\nbody {"schemaVersion":2,"mediaType":"%s.index.v1+json","manifests":[{"mediaType":"%s.index.v1+json","digest":"%s","size":%s,"platform":{"os":"linux","architecture":"arm64"}}]}\n' \
	$oci $oci "$layer" "$(size "$image/layer")"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
unlike 'an index within an index is refused' "$status" '^0$'

manifest ',"urls":["http://169.254.169.254/layer"]' >"$image/foreign"
{ printf 'expect GET /v2/x/manifests/1\nfile %s\n' "$image/foreign"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a foreign layer ends with 3' "$status" 3
like 'the error says that it is not fetched' "$err" "layer $layer is kept outside of the registry"

# ---- transfers that break ----

{ printf 'expect GET /v2/x/blobs/%s\ntimes 1\nfile %s\ncut 70000\n' "$layer" "$image/layer"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a broken transfer goes on' "$status" 0
like 'where it stopped' "$(cat "$log")" 'Range: bytes=70000-'
is 'and is whole' "$(kept "$layer")" kept

{ printf 'expect GET /v2/x/blobs/%s\ntimes 1\nfill 70000\nlength 204800\ncut 70000\n' "$layer"; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'one that goes on after other bytes ends with 8' "$status" 8

{ printf 'expect GET /v2/x/manifests/1\ntimes 2\nreply 429\nheader Retry-After: 0\n'; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'too many requests are tried again' "$status" 0

{ printf 'expect GET /v2/x/manifests/1\nreply 503\nbody {"errors":[{"code":"UNAVAILABLE","message":"\\u001b[2Jback soon"}]}\n'; served; } >"$scratch/script"
peer <"$scratch/script"
pull
is 'a registry in trouble ends with 7' "$status" 7
like 'its words are told, made harmless' "$err" 'status 503: UNAVAILABLE: .x1b.2Jback soon'
is 'after four tries' "$(grep -c 'GET /v2/x/manifests/1' "$log")" 4

{ printf 'expect GET /v2/x/blobs/%s\nstall 60\n' "$layer"; served; } >"$scratch/script"
peer <"$scratch/script"
fresh
"$MPEMU" --root "$store" pull --platform linux/arm64 "$address/x:1" >/dev/null 2>&1 &
pulling=$!
for _ in $(seq 100); do
	! grep -q "blobs/$layer" "$log" || break
	sleep 0.05
done
kill -TERM $pulling
status=0
wait $pulling || status=$?
is 'a pull that waits ends at once when asked to' "$status" 130
is 'and leaves nothing behind' "$(find "$store/oci" -type f -size +100k)" ''

# ---- credentials ----

challenge='header WWW-Authenticate: Bearer realm="http://127.0.0.1:@PORT@/token",service="a b",scope="repository:x:pull"'
{
	printf 'expect GET /token?service=a%%20b&scope=repository%%3Ax%%3Apull\nlacks Authorization\ntimes 1\nbody {"token":"first"}\n'
	printf 'expect GET /token?*\nbody {"access_token":"second","expires_in":300}\n'
	printf 'expect GET /v2/x/blobs/%s\nlacks X\ntimes 1\nhas Authorization: Bearer first\nreply 401\n%s\n' "$layer" "$challenge"
	served 'has Authorization: Bearer *'
	printf 'expect GET /v2/*\nreply 401\n%s\n' "$challenge"
} >"$scratch/script"
peer <"$scratch/script"
pull
is 'a token is asked for, and anew when it is worn out' "$status" 0
is 'no more often than that' "$(grep -c 'GET /token' "$log")" 2

login() { # for the peer that was started last
	printf '{"auths":{"%s":{"auth":"bWU6c2VjcmV0"}}}' "$address" >"$DOCKER_CONFIG/config.json"
}

{
	printf 'expect GET /token?*\nhas Authorization: Basic bWU6c2VjcmV0\nbody {"token":"mine"}\n'
	printf 'expect GET /token?*\nreply 401\n'
	served 'has Authorization: Bearer mine'
	printf 'expect GET /v2/*\nreply 401\n%s\n' "$challenge"
} >"$scratch/script"
peer <"$scratch/script"
pull
is 'a token that is refused ends with 6' "$status" 6
like 'the error says what to do' "$err" "wants credentials for x: run 'mpemu login $address'"
login
pull
is 'with a login it is given' "$status" 0

for realm in http://169.254.169.254/token http://localhost.example.com/token file:///etc/passwd; do
	printf 'expect GET /v2/*\nreply 401\nheader WWW-Authenticate: Bearer realm="%s"\n' "$realm" >"$scratch/script"
	peer <"$scratch/script"
	login
	pull
	is "a token is not asked for at $realm" "$status" 6
done

{
	printf 'expect GET /token*\nbody {"token":"a\\r\\nX-Evil: 1"}\n'
	printf 'expect GET /v2/*\nreply 401\n%s\n' "$challenge"
} >"$scratch/script"
peer <"$scratch/script"
pull
is 'a token that would make a header is refused' "$status" 3
unlike 'and not sent' "$(cat "$log")" Evil

# Another server, where redirects lead: the same machine by another name.
{ printf 'expect GET /layer\nfile %s\n' "$image/layer"; printf 'expect PUT /*\nreply 201\n'; } >"$scratch/script"
peer <"$scratch/script"
other=localhost:${address#*:} other_log=$log

{
	printf 'expect GET /v2/x/blobs/%s\nhas Authorization: Basic *\nreply 307\nheader Location: http://%s/layer\n' "$layer" "$other"
	served 'has Authorization: Basic bWU6c2VjcmV0'
	printf 'expect GET /v2/*\nreply 401\nheader WWW-Authenticate: Basic realm="x"\n'
} >"$scratch/script"
peer <"$scratch/script"
login
pull
is 'a blob is fetched where a redirect leads' "$status" 0
like 'the other host is asked' "$(cat "$other_log")" 'GET /layer'
unlike 'without credentials' "$(cat "$other_log")" '[Aa]uthorization|[Cc]ookie'

# ---- uploads ----

uploads() { # LOCATION
	cat <<-END
		expect GET /v2/
		has Authorization: *
		expect HEAD /v2/x/*
		reply 404
		expect POST /v2/x/blobs/uploads/
		has Authorization: *
		reply 202
		header Location: $1
		expect PUT /v2/x/manifests/1
		reply 201
		expect PUT /up?state=1&digest=sha256%3A*
		has Content-Type: application/octet-stream
		reply 201
		expect GET /v2/
		reply 401
		header WWW-Authenticate: Basic realm="x"
	END
}

peer <"$scratch/served"
rm "$DOCKER_CONFIG/config.json"
pull
from=$address/x:1
uploads '/up?state=1' >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'an upload goes to a relative location' "$status" 0
is 'the digest is printed' "$out" "$(digest "$image/manifest")"
is 'what is put last is the manifest' "$(grep '^PUT' "$log" | tail -n 1)" 'PUT /v2/x/manifests/1'

: >"$other_log"
uploads "http://$other/up?state=1" >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'an upload goes to another host' "$status" 0
like 'all of it' "$(cat "$other_log")" "= $(size "$image/layer") bytes"
unlike 'without credentials' "$(cat "$other_log")" '[Aa]uthorization'

{ printf 'expect PUT /up*\ntimes 1\nreply 500\n'; uploads '/up?state=1'; } >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'an upload that fails is started anew' "$status" 0
is 'with a location of its own' "$(grep -c '^POST' "$log")" 3

{ printf 'expect PUT /up*\ntimes 3\nclose\n'; uploads '/up?state=1'; } >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'so is one whose connection breaks' "$status" 0

uploads 'file:///etc/passwd' >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'a location that is no http is refused' "$status" 3

{ printf 'expect PUT /v2/x/manifests/1\nreply 201\nheader Docker-Content-Digest: %s\n' "$layer"; uploads '/up?state=1'; } >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'a manifest that became another ends with 8' "$status" 8

{ printf 'expect PUT /v2/x/manifests/1\nreply 403\nbody {"errors":[{"code":"DENIED","message":"read only"}]}\n'; uploads '/up?state=1'; } >"$scratch/script"
peer <"$scratch/script"
login
run mpemu push "$from" "$address/x:1"
is 'a push that is forbidden ends with 6' "$status" 6
like 'the registry says why' "$err" 'status 403: DENIED: read only'
