# SPDX-License-Identifier: Apache-2.0
#
# Other programs accept what mpemu makes: layout, index, manifests, configs and layers.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq skopeo umoci
base_tar amd64 && amd64=$base
base_tar arm64 && arm64=$base
need_platform linux/arm64

image=localhost/judged:1
layout=oci:$store/oci:$image
umask 022

skopeo() {
	command skopeo --insecure-policy "$@"
}

context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
COPY file /data/
RUN mkdir /data/sub && echo run > /data/sub/run && chown 12:34 /data/sub/run \
    && chmod 4750 /data/sub/run && ln /data/sub/run /data/hard && ln -s sub/run /data/soft \
    && rm -r /etc/group && mkfifo /data/fifo
ENV A=1 B="two words"
LABEL who=mpemu
USER 12:34
WORKDIR /data
EXPOSE 80/tcp
VOLUME /data/volume
ENTRYPOINT ["cat"]
CMD ["file"]
END
echo content >"$context/file"

ok 'a base is imported for amd64' mpemu import --platform linux/amd64 "$amd64" localhost/base:amd64
ok 'a base is imported for arm64' mpemu import --platform linux/arm64 "$arm64" localhost/base:arm64
ok 'they become one index' \
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64
run mpemu build --platform linux/amd64,linux/arm64 -t "$image" \
	--output "type=oci,dest=$scratch/image.tar" "$context"
is 'an image is built for both' "$status" 0
[ "$status" = 0 ] || { printf '%s\n' "$err" | sed 's/^/# /'; exit 1; }

# ---- skopeo: the store, and the archive ----

for from in "$layout" "oci-archive:$scratch/image.tar"; do
	kind=${from%%:*}
	run skopeo inspect --raw "$from"
	is "skopeo reads the index ($kind)" "$(printf '%s' "$out" | jq -r .mediaType)" \
		application/vnd.oci.image.index.v1+json
	is "it has the platforms in the order asked for ($kind)" \
		"$(printf '%s' "$out" | jq -r '.manifests[].platform.architecture' | xargs)" \
		'amd64 arm64'
	for arch in amd64 arm64; do
		run skopeo inspect --override-arch "$arch" --override-os linux --config "$from"
		is "the config of $arch says so ($kind)" \
			"$(printf '%s' "$out" | jq -r '.os + "/" + .architecture')" "linux/$arch"
	done
	ok "skopeo copies all of it, checking every digest ($kind)" \
		skopeo copy --quiet --all "$from" "dir:$(tmpdir)"
done

is 'the config has what the Dockerfile said' \
	"$(printf '%s' "$out" | jq -c '.config |
		[.User, .WorkingDir, .Entrypoint, .Cmd, .Env[-2:], .Labels.who,
		 (.ExposedPorts | keys), (.Volumes | keys)]')" \
	'["12:34","/data",["cat"],["file"],["A=1","B=two words"],"mpemu",["80/tcp"],["/data/volume"]]'
is 'history and layers agree' \
	"$(printf '%s' "$out" | jq '[.history[] | select(.empty_layer | not)] | length')" \
	"$(printf '%s' "$out" | jq '.rootfs.diff_ids | length')"

# ---- umoci: the layers ----

one=$(tmpdir)
ok 'one platform is copied out' skopeo copy --quiet --override-arch arm64 --override-os linux \
	"$layout" "oci:$one/oci:arm64"
ok 'umoci unpacks it' umoci unpack --image "$one/oci:arm64" "$one/bundle"
root=$one/bundle/rootfs
is 'owner, mode and content are right' \
	"$(stat -c '%u:%g %a' "$root/data/sub/run") $(cat "$root/data/sub/run")" '12:34 4750 run'
is 'hard links are kept' "$(stat -c %i "$root/data/hard")" "$(stat -c %i "$root/data/sub/run")"
is 'symbolic links are kept' "$(readlink "$root/data/soft")" sub/run
ok 'fifos are kept' test -p "$root/data/fifo"
ok 'what was removed is gone' test ! -e "$root/etc/group"
ok 'what lies beside it is not' test -e "$root/etc/passwd"

# ---- buildah: as a base of its own ----

if command -v buildah >/dev/null; then
	buildah() {
		command buildah --storage-driver vfs --root "$scratch/b/root" \
			--runroot "$scratch/b/run" "$@"
	}
	echo '{ "default": [ { "type": "insecureAcceptAnything" } ] }' >"$scratch/policy.json"
	run buildah from --quiet --signature-policy "$scratch/policy.json" --arch arm64 --name judged \
		"oci-archive:$scratch/image.tar"
	is 'buildah starts from it' "$status" 0
	is 'buildah reads its config' \
		"$(buildah inspect judged | jq -c '.OCIv1 | [.architecture, .config.Cmd]')" \
		'["arm64",["file"]]'
	buildah rm --all >/dev/null 2>&1
else
	skip 'buildah starts from it' 'needs buildah'
fi

# ---- a registry, and back ----

if command -v docker-registry >/dev/null; then
	start_registry
	ok 'it is tagged for a registry' mpemu tag "$image" "$registry/team/judged:1"
	ok 'and pushed' mpemu push "$registry/team/judged:1"
	is 'skopeo finds the same index there' \
		"$(skopeo inspect --tls-verify=false --raw "docker://$registry/team/judged:1" |
			sha256sum)" \
		"$(skopeo inspect --raw "$layout" | sha256sum)"
	ok 'skopeo copies all of it from there' skopeo copy --quiet --all --src-tls-verify=false \
		"docker://$registry/team/judged:1" "dir:$(tmpdir)"
	skopeo copy --quiet --all --dest-tls-verify=false "$layout" \
		"docker://$registry/team/theirs:1" >/dev/null
	store=$scratch/second
	ok 'what skopeo pushed is pulled' mpemu pull "$registry/team/theirs:1"
	run mpemu run --platform linux/arm64 "$registry/team/theirs:1"
	is 'and runs' "$status $out" '0 content'
else
	skip 'a registry takes it' 'needs docker-registry'
fi
