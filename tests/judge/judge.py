#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the Dockerfiles of a file of cases with both builders and compare what they made; speaks TAP:

    tests/judge/judge.py [--keep DIR] [--only TEXT] FILE

A case is `=== TITLE | OPTIONS` (both builders get the options), the Dockerfile, and further files of
the context, each after a line `--- PATH`; with `=!= TITLE` both have to refuse it.  `localhost/` in
a Dockerfile or option is the registry of bases.  Both have to give the same warnings.
Environment: MPEMU, JUDGE_DOCKER (the docker command line), JUDGE_REGISTRY, JUDGE_STORE.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
REGISTRY = os.environ.get("JUDGE_REGISTRY", "localhost:5055")
DOCKER = os.environ.get("JUDGE_DOCKER", "docker")
MPEMU = os.environ.get("MPEMU", "build/debug/mpemu")


def cases(path):
    """Each case: its title, its options, the files of its context, and whether it is refused."""
    title, options, files, name, refused = None, "", {}, None, False
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(("=== ", "=!= ")):
                if title:
                    yield title, options, files, refused
                refused = line.startswith("=!= ")
                title, _, options = line[4:].strip().partition(" | ")
                files, name = {"Dockerfile": ""}, "Dockerfile"
            elif line.startswith("--- "):
                name = line[4:].strip()
                files[name] = ""
            elif title:
                files[name] += line.replace("localhost/", REGISTRY + "/")
    if title:
        yield title, options, files, refused


def context(where, title, files):
    """The directory that a case is built from: tests/judge/context.sh's, and the case's own files."""
    # BuildKit takes a file for one that it was sent before by its name, size and time alone.
    when = 1500000000 + zlib.crc32((title + repr(files)).encode()) % 1000000
    subprocess.run(["sh", HERE + "/context.sh", where], check=True)
    for name, content in files.items():
        path = os.path.join(where, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content.replace("<BLANK>", ""))
    subprocess.run(["find", where, "-exec", "touch", "-hd", "@%d" % when, "{}", "+"], check=True)


def run(log, command):
    with open(log, "w", encoding="utf-8") as file:
        try:
            return subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, timeout=120,
                                  stdin=subprocess.DEVNULL, check=False).returncode
        except subprocess.TimeoutExpired:
            return 124


def tail(log, count):
    with open(log, encoding="utf-8", errors="replace") as file:
        return [line for line in file.read().split("\n") if line.strip()][-count:]


def warnings(log):
    """What is warned of, as "RULE LINE"."""
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    return sorted({" ".join(found) for found in
                   re.findall(r'"ruleName": "(\w+)"(?s:.*?)"line": (\d+)', text)})


def refusals(out):
    """What both said, for whoever wants to compare it."""
    theirs = [line for line in tail(out + "/theirs.log", 50) if line.startswith("ERROR")]
    return ["ours: " + line for line in tail(out + "/ours.log", 1)] + \
        ["theirs: " + line for line in theirs]


def judge(where, source, options, refused):
    """What differs, as lines."""
    out = where + "/out"
    os.mkdir(out)
    words = shlex.split(options.replace("localhost/", REGISTRY + "/").replace("@C@", source))
    if not any(word.startswith("--network") for word in words):
        words.append("--network=host")
    theirs = run(out + "/theirs.log", [DOCKER, "buildx", "build", "--progress=plain",
                                       "--provenance=false", "--no-cache", "-o",
                                       "type=oci,dest=" + out + "/theirs.tar", *words, source])
    store = os.environ.get("JUDGE_STORE", where + "/store")
    ours = run(out + "/ours.log", [MPEMU, "--root", store, "--progress=plain", "build",
                                   "--insecure", "--no-cache", "-o",
                                   "type=oci,dest=" + out + "/ours.tar", *words, source])
    if theirs and ours:
        if ours not in range(1, 10) or theirs == 124:
            return ["ours ended with %d, theirs with %d" % (ours, theirs)] + refusals(out)
        return [] if refused else ["refused by both"] + refusals(out)
    if theirs or ours:
        name = "theirs" if theirs else "ours"
        return ["refused only by " + name] + tail("%s/%s.log" % (out, name), 6)
    if refused:
        return ["refused by neither"]
    compared = subprocess.run([sys.executable, HERE + "/compare.py", out + "/ours.tar",
                               out + "/theirs.tar"], stdout=subprocess.PIPE, text=True, check=False)
    found = compared.stdout.splitlines()
    if compared.returncode not in (0, 1):
        found.append("compare.py failed")
    run(out + "/ours.lint", [MPEMU, "--root", store, "build", "--insecure",
                             "--call=check,format=json", *words, source])
    run(out + "/theirs.lint", [DOCKER, "buildx", "build", "--call=check,format=json", *words,
                               source])
    ours, theirs = (warnings(out + name) for name in ("/ours.lint", "/theirs.lint"))
    if ours != theirs:
        found.append("warnings: ours %s, theirs %s" % (ours, theirs))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", help="where contexts, logs and images of what differs stay")
    parser.add_argument("--only", help="only cases with this in their title")
    parser.add_argument("file")
    options = parser.parse_args()
    failed = number = 0
    for title, words, files, refused in cases(options.file):
        if options.only and options.only not in title:
            continue
        number += 1
        where = tempfile.mkdtemp(prefix="judge-")
        try:
            # Files that were sent before from a directory of this name are not sent again.
            source = os.path.join(where, os.path.basename(where))
            context(source, title, files)
            found = judge(where, source, words, refused)
            print("%s %d - %s" % ("not ok" if found else "ok", number, title.replace("#", "")))
            for line in found[:40]:
                print("# " + line)
            failed += bool(found)
            if found and options.keep:
                kept = os.path.join(options.keep, re.sub(r"\W+", "-", title))
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(where, kept, symlinks=True,
                                ignore=lambda d, names: [n for n in names if n in ("store", "fifo")])
        finally:
            shutil.rmtree(where, ignore_errors=True)
        sys.stdout.flush()
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
