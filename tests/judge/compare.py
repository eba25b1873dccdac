#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what two builders made of the same Dockerfile, field by field:

    tests/judge/compare.py [--json] [--strict] [--recent SECONDS] OURS THEIRS

OURS and THEIRS are OCI layouts, as directories or tar files.  Of every platform the config, the
history and each layer's entries are compared: name, type, mode, owner, size, content, link target,
device numbers and xattrs.  Times are compared where they are older than --recent, so those of files
that were copied and not those of files, or layers, that were made.  --strict compares media types and the order
of entries too.  Prints one difference a line; exits 1 where there is any.
"""
import argparse
import datetime
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time

TYPES = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "symlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
    tarfile.DIRTYPE: "directory", tarfile.FIFOTYPE: "fifo",
}


class Layout:
    def __init__(self, path):
        self.path = path
        self.tar = None if os.path.isdir(path) else tarfile.open(path)

    def read(self, name):
        if self.tar:
            return self.tar.extractfile(name).read()
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def blob(self, descriptor):
        return self.read("blobs/" + descriptor["digest"].replace(":", "/"))

    def json(self, descriptor):
        return json.loads(self.blob(descriptor))

    def manifests(self):
        """Descriptors of manifests below the index, and the indexes on the way."""
        todo, found, indexes = [json.loads(self.read("index.json"))], [], []
        while todo:
            index = todo.pop(0)
            indexes.append(index)
            for entry in index.get("manifests", []):
                if "index" in entry["mediaType"] or "manifest.list" in entry["mediaType"]:
                    todo.append(self.json(entry))
                else:
                    found.append(entry)
        return found, indexes


def unpacked(blob):
    if blob[:2] == b"\x1f\x8b":
        return gzip.decompress(blob)
    if blob[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=blob, stdout=subprocess.PIPE, check=True).stdout
    return blob


def entries(blob, oldest_recent):
    """The entries of a layer by name: what each consists of, and their order."""
    found, order = {}, []
    with tarfile.open(fileobj=io.BytesIO(unpacked(blob))) as tar:
        for member in tar:
            name = os.path.normpath(member.name).lstrip("/")
            kind = TYPES.get(member.type, "type " + repr(member.type))
            entry = {
                "type": kind, "mode": "%05o" % member.mode,
                "owner": "%d:%d" % (member.uid, member.gid),
            }
            if kind == "file":
                content = tar.extractfile(member).read()
                entry["size"] = len(content)
                entry["content"] = hashlib.sha256(content).hexdigest()[:16]
                if len(content) <= 200:
                    entry["content"] = repr(content)
            if kind in ("symlink", "hard link"):
                entry["target"] = member.linkname
            if kind == "hard link":
                entry["target"] = os.path.normpath(member.linkname).lstrip("/")
            if kind in ("char", "block"):
                entry["device"] = "%d:%d" % (member.devmajor, member.devminor)
            for key, value in member.pax_headers.items():
                if key.startswith("SCHILY.xattr."):
                    entry[key[7:]] = value
            if member.mtime < oldest_recent:
                # Some writers keep fractions of a second, others do not.
                entry["mtime"] = int(member.mtime)
            if name in found:
                entry["twice"] = True
            found[name] = entry
            order.append(name)
    return found, order


class Comparison:
    def __init__(self, options):
        self.options = options
        self.found = []

    def differ(self, where, ours, theirs):
        self.found.append({"where": where, "ours": ours, "theirs": theirs})

    def value(self, where, ours, theirs):
        """Any JSON value; objects and lists member by member."""
        if isinstance(ours, dict) and isinstance(theirs, dict):
            for key in sorted(set(ours) | set(theirs)):
                self.value("%s.%s" % (where, key), ours.get(key, "(none)"), theirs.get(key, "(none)"))
        elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
            for number, pair in enumerate(zip(ours, theirs)):
                self.value("%s[%d]" % (where, number), *pair)
        elif ours != theirs:
            self.differ(where, ours, theirs)

    def forget_recent(self, thing):
        """A time of creation that is that of the build says nothing."""
        created = thing.get("created")
        if created:
            when = datetime.datetime.fromisoformat(created[:19] + "+00:00").timestamp()
            if when > time.time() - self.options.recent:
                thing["created"] = "recently"

    def layer(self, where, ours, theirs):
        oldest_recent = time.time() - self.options.recent
        mine, my_order = entries(ours, oldest_recent)
        others, other_order = entries(theirs, oldest_recent)
        for name in sorted(set(mine) | set(others)):
            if name not in others:
                self.differ("%s /%s" % (where, name), mine[name], "(none)")
            elif name not in mine:
                self.differ("%s /%s" % (where, name), "(none)", others[name])
            else:
                self.value("%s /%s" % (where, name), mine[name], others[name])
        if self.options.strict and sorted(mine) == sorted(others):
            self.value(where + " order", my_order, other_order)

    def image(self, where, ours, theirs, mine, others):
        """Two manifests with their config and layers."""
        if self.options.strict:
            self.value(where + "manifest.mediaType", mine.get("mediaType"), others.get("mediaType"))
        self.value(where + "manifest.annotations", mine.get("annotations", {}),
                   others.get("annotations", {}))
        configs = [ours.json(mine["config"]), theirs.json(others["config"])]
        for config in configs:
            self.forget_recent(config)
            config.pop("moby.buildkit.buildinfo.v1", None)
            for step in config["history"] or []:
                self.forget_recent(step)
            config["rootfs"]["diff_ids"] = len(config["rootfs"]["diff_ids"] or [])
        self.value(where + "config", *configs)
        layers = [manifest["layers"] or [] for manifest in (mine, others)]
        self.value(where + "layers", *(len(found) for found in layers))
        for number, (my_layer, other) in enumerate(zip(*layers)):
            place = "%slayer %d" % (where, number)
            if self.options.strict:
                self.value(place + " mediaType", my_layer["mediaType"], other["mediaType"])
            self.value(place + " annotations", my_layer.get("annotations", {}),
                       other.get("annotations", {}))
            if my_layer["digest"] != other["digest"]:
                self.layer(place, ours.blob(my_layer), theirs.blob(other))

    def layouts(self, ours, theirs):
        (mine, my_indexes), (others, other_indexes) = ours.manifests(), theirs.manifests()
        for number, pair in enumerate(zip(my_indexes[1:], other_indexes[1:])):
            self.value("index %d annotations" % number, *(i.get("annotations", {}) for i in pair))
        self.value("manifests", len(mine), len(others))
        for my_entry, other in zip(mine, others):
            where = ""
            if len(mine) > 1:
                where = "/".join(my_entry.get("platform", {}).values()) + " "
                self.value(where + "platform", my_entry.get("platform"), other.get("platform"))
            self.image(where, ours, theirs, ours.json(my_entry), theirs.json(other))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--strict", action="store_true", help="media types and order too")
    parser.add_argument("--recent", type=float, default=86400, help="times that are not compared")
    parser.add_argument("ours")
    parser.add_argument("theirs")
    options = parser.parse_args()
    comparison = Comparison(options)
    comparison.layouts(Layout(options.ours), Layout(options.theirs))
    for found in comparison.found:
        if options.json:
            print(json.dumps(found))
        else:
            print("%s: ours %s, theirs %s" % (found["where"], json.dumps(found["ours"]),
                                              json.dumps(found["theirs"])))
    return 1 if comparison.found else 0


if __name__ == "__main__":
    sys.exit(main())
