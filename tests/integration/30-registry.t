# SPDX-License-Identifier: Apache-2.0
#
# Pulling from and pushing to a real registry, with skopeo and buildah as second opinion.
. "$(dirname "$0")/../lib.sh"
need_command jq skopeo docker-registry
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
HOME=$(tmpdir)
export HOME

skopeo() {
	command skopeo --insecure-policy "$@"
}

raw() { # REFERENCE
	skopeo inspect --raw --tls-verify=false "docker://$1"
}

# A root file system that needs no package: nothing of it is ever run here.
rootfs=$(tmpdir)
mkdir -p "$rootfs/etc" "$rootfs/data"
for arch in amd64 arm64 riscv64; do
	echo "$arch" >"$rootfs/etc/arch"
	head -c 400000 /dev/urandom >"$rootfs/data/noise"
	tar -C "$rootfs" -cf "$scratch/$arch.tar" .
	ok "a root file system is imported for $arch" \
		mpemu import --platform "linux/$arch" "$scratch/$arch.tar" "localhost/$arch"
done
ok 'they become one index' \
	mpemu index create localhost/all localhost/amd64 localhost/arm64 localhost/riscv64

start_registry
data=$test_registry/data/docker/registry/v2/blobs/sha256

# ---- push ----

run mpemu push localhost/all "$registry/team/all:1"
is 'an index is pushed over plain http to loopback' "$status" 0
like 'its digest is printed' "$out" '^sha256:[0-9a-f]{64}$'
digest=$out
is 'the registry has it byte for byte' "sha256:$(raw "$registry/team/all:1" | sha256sum | cut -d' ' -f1)" \
	"$digest"
is 'all platforms are in it' \
	"$(raw "$registry/team/all:1" | jq -r '.manifests[].platform.architecture' | xargs)" \
	'amd64 arm64 riscv64'
files=$(find "$data" -type f | wc -l)
ok 'pushing again is fine' mpemu push localhost/all "$registry/team/all:1"
is 'and adds nothing' "$(find "$data" -type f | wc -l)" "$files"
ok 'one image is pushed without an index' mpemu push localhost/arm64 "$registry/team/one:1"
is 'as a manifest' "$(raw "$registry/team/one:1" | jq 'has("layers")')" true
run mpemu push localhost/all "$registry/team/all@sha256:$(printf '%064d' 0)"
is 'a digest that is not its own is refused' "$status" 3

ok 'skopeo copies all of it' \
	skopeo copy -q --all --src-tls-verify=false "docker://$registry/team/all:1" "oci:$scratch/copied:x"
if command -v buildah >/dev/null && [ "$(id -u)" = 0 ]; then
	ok 'buildah pulls it' buildah --root "$scratch/buildah" --runroot "$scratch/buildah-run" \
		--storage-driver vfs pull --tls-verify=false --platform linux/arm64 \
		"$registry/team/all:1"
else
	skip 'buildah pulls it' 'no buildah, or no root'
fi

# ---- pull ----

store=$scratch/second
run mpemu pull --platform linux/arm64 "$registry/team/all:1"
is 'one platform is pulled' "$status" 0
is 'digest and name are printed' "$out" "$digest  $registry/team/all:1"
like 'the name is in the store' "$(mpemu images)" "^$registry/team/all:1 .*linux/arm64"
run mpemu push "$registry/team/all:1" "$registry/team/part:1"
is 'what was pulled in part cannot be pushed' "$status" 5
like 'the error says what is missing' "$err" 'linux/amd64, linux/riscv64 missing; .*--platform all'
run mpemu pull --platform linux/s390x "$registry/team/all:1"
is 'a platform that is not there ends with 5' "$status" 5
like 'the error says which are' "$err" 'no linux/s390x; has linux/amd64, linux/arm64, linux/riscv64'
ok 'all platforms are pulled' mpemu pull --platform all "$registry/team/all:1"
is 'what came is pushed elsewhere unchanged' \
	"$(mpemu push "$registry/team/all:1" "$registry/team/again:1")" "$digest"
ok 'by digest' mpemu pull --platform all "$registry/team/all@$digest"
run mpemu pull "$registry/team/all@sha256:$(printf '%064d' 0)"
is 'a digest that nobody has ends with 5' "$status" 5
run mpemu pull --platform linux/amd64 "$registry/team/one:1"
is 'an image without index must be for the platform' "$status" 5
like 'the error says which it is for' "$err" 'no linux/amd64; has linux/arm64'
run mpemu pull "$registry/team/all:nothing"
is 'a tag that is not there ends with 5' "$status" 5

ok 'skopeo copies an image in Docker format' skopeo copy -q --all --format v2s2 \
	--src-tls-verify=false --dest-tls-verify=false \
	"docker://$registry/team/all:1" "docker://$registry/team/docker:1"
docker_digest=sha256:$(raw "$registry/team/docker:1" | sha256sum | cut -d' ' -f1)
ok 'it is pulled' mpemu pull --platform all "$registry/team/docker:1"
is 'and pushed with the same digest' \
	"$(mpemu push "$registry/team/docker:1" "$registry/team/docker:2")" "$docker_digest"

# ---- copy ----

if mpemu copy --help >/dev/null 2>&1; then
	store=$scratch/copying
	is 'a copy has the same digest' "$(mpemu copy "$registry/team/all:1" "$registry/team/copy:1")" \
		"$digest"
	run mpemu copy --platform riscv64,linux/amd64,amd64 "$registry/team/all:1" "$registry/team/copy:2"
	is 'some platforms are copied' "$status" 0
	is 'in the order asked for' \
		"$(raw "$registry/team/copy:2" | jq -r '.manifests[].platform.architecture' | xargs)" \
		'riscv64 amd64'
	is 'no name is left in the store' "$(mpemu images --json | jq length)" 0
	store=$scratch/second
fi

run mpemu pull 127.0.0.1:1/x:1
is 'no registry there ends with 7' "$status" 7

# ---- damage ----

layer=$(raw "$registry/team/one:1" | jq -r '.layers[0].digest | ltrimstr("sha256:")')
printf 'X' | dd of="$data/$(printf '%.2s' "$layer")/$layer/data" bs=1 seek=1000 conv=notrunc 2>/dev/null
store=$scratch/third
run mpemu pull --platform linux/arm64 "$registry/team/one:1"
is 'a blob that the registry damaged ends with 8' "$status" 8
like 'the error names both digests' "$err" "blob sha256:$layer: registry sent sha256:[0-9a-f]{64}"
is 'nothing of it is kept' "$(find "$scratch/third/oci/blobs" "$scratch/third/oci/ingest" \
	-type f -size +100k 2>/dev/null)" ''

store=$scratch/store
start_registry
blob=$store/oci/blobs/sha256/$layer
chmod u+w "$blob"
printf 'X' | dd of="$blob" bs=1 seek=1000 conv=notrunc 2>/dev/null
run mpemu push localhost/arm64 "$registry/team/one:1"
is 'a blob that the store damaged ends with 8' "$status" 8
like 'the error names it' "$err" "blob sha256:$layer: the store holds sha256:"
rm -f "$blob"
run mpemu push localhost/arm64 "$registry/team/one:1"
is 'a blob that is gone ends with 5' "$status" 5
like 'the error names it too' "$err" "blob sha256:$layer"
is 'no manifest was pushed' "$(find "$test_registry/data" -path '*_manifests*' -type f 2>/dev/null)" ''

# ---- credentials ----

start_registry me 'pass word'
run mpemu push localhost/amd64 "$registry/x:1"
is 'without credentials it ends with 6' "$status" 6
like 'the error says what to do' "$err" "registry $registry wants credentials for x: run 'mpemu login $registry'"
run sh -c "printf wrong | '$MPEMU' --root '$store' login -u me --password-stdin '$registry'"
is 'a wrong password ends with 6' "$status" 6
is 'and is not kept' "$(cat "$HOME/.docker/config.json" 2>/dev/null)" ''
run sh -c "echo 'pass word' | '$MPEMU' --root '$store' login -u me --password-stdin '$registry'"
is 'the right one is taken' "$status" 0
is 'and kept for us only' "$(stat -c %a "$HOME/.docker/config.json")" 600
ok 'then it is pushed' mpemu push localhost/amd64 "$registry/x:1"
ok 'and skopeo uses the same file' skopeo inspect --raw --tls-verify=false \
	--authfile "$HOME/.docker/config.json" "docker://$registry/x:1"
ok 'logout forgets it' mpemu logout "$registry"
run mpemu pull "$registry/x:1"
is 'then it ends with 6 again' "$status" 6
run mpemu login -u me "$registry"
is 'a password is not asked for' "$status" 2
run sh -c "echo x | '$MPEMU' login -u me --password-stdin not/a/host"
is 'what is no host is refused' "$status" 2

# ---- TLS ----

if command -v openssl >/dev/null; then
	start_tls_registry() {
		test_registry=$(tmpdir)
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
			-addext subjectAltName=IP:127.0.0.1 -keyout "$test_registry/key" \
			-out "$test_registry/certificate" 2>/dev/null
		cat >"$test_registry/config.yml" <<-END
			version: 0.1
			storage: { filesystem: { rootdirectory: $test_registry/data } }
			http:
			  addr: 127.0.0.1:0
			  tls: { certificate: $test_registry/certificate, key: $test_registry/key }
		END
		docker-registry serve "$test_registry/config.yml" >"$test_registry/log" 2>&1 &
		test_children="$test_children $!"
		for _ in $(seq 100); do
			registry=$(sed -n 's/.*listening on \([0-9.]*:[0-9]*\).*/\1/p' "$test_registry/log")
			[ ! "$registry" ] || break
			sleep 0.1
		done
	}
	start_tls_registry
	run mpemu push localhost/amd64 "$registry/x:1"
	is 'a certificate that nobody signed ends with 7' "$status" 7
	like 'the error says why' "$err" 'certificate'
	ok '--insecure takes it' mpemu push --insecure localhost/amd64 "$registry/x:1"
	SSL_CERT_FILE=$test_registry/certificate
	export SSL_CERT_FILE
	ok 'one that is trusted needs no option' mpemu pull --platform linux/amd64 "$registry/x:1"
	unset SSL_CERT_FILE
else
	skip 'TLS' 'no openssl'
fi
