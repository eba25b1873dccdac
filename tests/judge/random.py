#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a file of random cases for judge.py: tests/judge/random.py SEED COUNT"""
import random
import sys

WORDS = ["a", "b c", "x=y", "1.2.3", "/usr/bin", "é", "", "'", '"', "\\", "\\\\", "$", "\\$A", "$A",
         "${A}", "${B:-d e}", "${B:-}", "${A:+set}", "${U-dash}", "${P#*/}", "${P%/*}", "${P##*/}",
         "${P%%/*}", "${A/a/b}", "${P//\\//_}", "$U", "${U:+x}", "#", "`", "{", "}", "[", "]", "*",
         "~", "!", ";", "&&", "|", "<", ">", "(", ")", "%", "@", ":", ",", ".", "-", "_", "\t"]
PATHS = ["a.txt", "b.txt", "src", "src/", "src/sub", "src/sub/", "src/*.c", "src/*", "pkg",
         "pkg/*/package.json", "*.txt", "[ab].txt", "run.sh", "suid", "conf.d", "conf.d/*", "link",
         "dirlink", "dirlink/*", "src/empty", "src/uplink", "private.key", ".hidden", "tree",
         "hard1", "p*", "s*/*", "./a.txt", "/b.txt", "../a.txt", "src/./sub", "tree/d",
         "src/sub/deep", "tree/d/soft", "pkg/?", "src/sub*"]
ARCHIVES = ["plain.tar", "packed.tar.gz", "packed.tar.xz", "packed.tar.zst", "packed.tar.bz2",
            "named.tar", "a.txt.gz", "fake.tar.gz", "packed.tar.*", "archive-without-suffix"]
PLACES = ["/", ".", "./", "/x", "/x/", "/x/y", "/x/y/", "rel", "rel/", "/tmp", "/tmp/", "/etc/",
          "/home/app", "/link", "/link/", "/link/n", "/home/rel/", "/made", "/made/", "/a/b/c/d",
          "/x/../z", "//y//", "/src", "/x/sub", "$P/v", "${U:-/dflt}", "..", "/data/"]
STAGES = ["/etc/passwd", "/etc", "/home", "/home/app", "/link", "/x", "/x/", "/made*", "/tmp", "/e*/p*",
          "etc/group", "/data", "/home/rel", "/bin/sh", "/root"]
RUNS = ["echo r >> /made/r", "mkdir -p /made/d && chmod 750 /made/d", "ln -sf /made /made/self",
        "rm -rf /tmp/* /x/sub", "chmod -R go-r /made", "chown -R 5:6 /made", "touch /made/new",
        "mv /made /made2 && cp -a /made2 /made", "rm -rf /made && mkdir /made", "true",
        "echo \"$A $B $U\" > /made/vars", "ln /made/r /made/hard || true", "mkfifo /made/p",
        "env | grep -v PWD | sort > /made/env", "id -u > /tmp/id", "pwd > /tmp/pwd",
        "rm -f /etc/group; printf 'root:x:0:\\nstaff:x:50:\\napp:x:1001:\\n' > /etc/group"]


def value(r):
    text = "".join(r.choice(WORDS) for _ in range(r.randint(1, 4)))
    kind = r.random()
    if kind < 0.35:
        return '"%s"' % text.replace('"', '\\"').rstrip("\\")
    if kind < 0.5:
        return "'%s'" % text.replace("'", "")
    for odd in " \t'\"":
        text = text.replace(odd, "\\" + odd if kind < 0.9 else "")
    return text.rstrip("\\") if not text.endswith("\\\\") else text


def pairs(r):
    return " ".join("%s=%s" % (r.choice("ABCDEFP"), value(r)) for _ in range(r.randint(1, 3)))


def owner(r):
    return r.choice(["5", "5:6", "app", "app:staff", "0:0", "nobody:50", "1000:1001"])


def copy(r, stage):
    flags, verb = [], "COPY"
    if r.random() < 0.25:
        flags.append("--chown=" + owner(r))
    if r.random() < 0.2:
        flags.append("--chmod=" + r.choice(["755", "0600", "4711", "u=rwX,go=rX", "a+x", "o-rwx", "+t"]))
    if r.random() < 0.12 and not any(flag.startswith("--chown=") and not flag[8:].replace(":", "").isdigit() for flag in flags):
        flags.append("--link")
    sources = [r.choice(PATHS) for _ in range(r.choice([1, 1, 1, 2, 3]))]
    if stage and r.random() < 0.4:
        flags.append("--from=" + stage)
        sources = [r.choice(STAGES) for _ in range(r.choice([1, 1, 2]))]
    elif r.random() < 0.3:
        verb = "ADD"
        if r.random() < 0.6:
            sources = [r.choice(ARCHIVES) for _ in range(r.choice([1, 1, 2]))]
    elif r.random() < 0.15:
        flags.append("--exclude=" + r.choice(["*.c", "**/*.c", "sub", "deep", "*.txt", "**/s*"]))
    place = r.choice(PLACES)
    r.shuffle(flags)
    if r.random() < 0.1:
        quoted = ", ".join('"%s"' % word for word in sources + [place])
        return "%s [%s]" % (" ".join([verb] + flags), quoted)
    return " ".join([verb] + flags + sources + [place])


def instruction(r, stage):
    kind = r.random()
    if kind < 0.4:
        return copy(r, stage)
    if kind < 0.55:
        return "RUN { mkdir -p /made /tmp && " + r.choice(RUNS) + "; } 2>/dev/null || true"
    if kind < 0.65:
        return "ENV " + pairs(r)
    if kind < 0.7:
        return "LABEL " + pairs(r)
    if kind < 0.76:
        return "WORKDIR " + r.choice(PLACES)
    if kind < 0.8:
        return "USER " + r.choice([owner(r), "root", "0", "root"])
    if kind < 0.84:
        return "ARG " + r.choice(["A", "B=1", "P=/usr/local/bin", "U", "A=x B=y", "B=" + value(r)])
    if kind < 0.87:
        return r.choice(["CMD", "ENTRYPOINT"]) + " " + r.choice(
            ['["a", "$A"]', "run $A  'x'", "[]", "exec x", '["a"', "a b # c"])
    if kind < 0.9:
        return "VOLUME " + r.choice(["/v", "/made /w", '["/x", "$P/"]', "/v$P", '"/q"'])
    if kind < 0.93:
        return "EXPOSE " + r.choice(["80", "80/udp 90", "100-102", "$PORT 5", "${PORT:-70}/tcp"])
    if kind < 0.95:
        return r.choice(["STOPSIGNAL SIGINT", "STOPSIGNAL ${A:+9}", "HEALTHCHECK CMD a $A",
                         "HEALTHCHECK --retries=2 CMD [\"a\"]", "HEALTHCHECK NONE"])
    if kind < 0.97:
        return r.choice(['SHELL ["/bin/sh", "-ec"]', 'SHELL ["/bin/busybox", "sh", "-c"]'])
    return "COPY <<%s %s\n%s\nEOF" % (r.choice(["EOF", "'EOF'", '"EOF"']), r.choice(PLACES),
                                     "".join(r.choice(WORDS) for _ in range(6)))


def stage_body(r, stage):
    return "".join(instruction(r, stage) + "\n" for _ in range(r.randint(2, 7)))


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    for number in range(seed, seed + count):
        r = random.Random(number)
        stages = r.randint(1, 3)
        print("=== random %d%s" % (number, r.choice(["", "", " | --build-arg A=given"])))
        if r.random() < 0.3:
            print("ARG A=global B\nARG P=/g$A")
        names = []
        for index in range(stages):
            base = r.choice(["localhost/rich", "localhost/rich", "localhost/busybox", "localhost/child",
                             "scratch"] + names * 2)
            name = "s%d" % index
            print("FROM %s AS %s" % (base, name))
            body = stage_body(r, r.choice(names) if names else None)
            if base == "scratch":
                body = "".join(line for line in body.splitlines(True) if not line.startswith("RUN"))
            print(body, end="")
            names.append(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
