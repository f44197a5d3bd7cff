# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests there are: each suite is a function that yields Test objects."""
import glob
import json
import os
import re
import subprocess
import sys

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


class Test:
    """One test. timeout is in seconds, for a slow machine under load: it is there to end what
    hangs, not to judge speed."""

    def __init__(self, name, cmd, timeout=120, build="build-check", root=False, alone=False,
                 env=None, grace=10, tap=False, soak=0, waits=False):
        self.name = name
        self.cmd = cmd
        self.timeout = timeout
        self.build = build
        self.root = root
        self.alone = alone
        self.waits = waits  # it sleeps nearly all of its time
        self.env = env or {}
        self.grace = grace
        self.soak = soak  # the time-out of its long form; 0: it has none
        self.tap = tap  # a line "not ok" in its output means that it failed, whatever its status


class Build:
    """One build folder: the tests of a sanitizer have their own."""

    def __init__(self, name, options=(), env=None, wrap=(), targets=("programs", "tests")):
        self.name = name
        self.targets = list(targets)
        self.options = list(options)
        self.env = env or {}
        self.wrap = list(wrap)


# Address-space randomisation with many bits breaks the shadow memory of gcc 12's sanitizers
# at random: without it each run is the same.
NO_ASLR = ["setarch", "-R"]

SANITIZED = ("programs", "unit-tests")

BUILDS = {
    "check": Build("build-check"),
    "asan": Build("build-asan", ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1",
                   "-Dwerror=false"], {
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:handle_segv=1:detect_stack_use_after_return=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }, NO_ASLR, SANITIZED),
    "tsan": Build("build-tsan", ["-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1",
                   "-Dwerror=false"], {
        "TSAN_OPTIONS": "halt_on_error=0:exitcode=66:second_deadlock_stack=1",
    }, NO_ASLR, SANITIZED),
}


def header(path):
    """The `# key: value` lines at the head of a test script."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                break
            m = re.match(r"# ([a-z]+): (.*)", line)
            if m:
                found[m.group(1)] = m.group(2).strip()
    return found


def facts(top):
    program = f"{top}/build-check/tests/facts"
    if not os.path.exists(program):
        return
    names = subprocess.run([program, "--list"], stdout=subprocess.PIPE, check=True, text=True)
    for name in names.stdout.split():
        yield Test(f"facts/{name}", [program, name], timeout=60)


def unit(top, kind="check"):
    build = BUILDS[kind]
    out = subprocess.run(["meson", "introspect", "--tests", build.name], cwd=top, check=True,
                         stdout=subprocess.PIPE, text=True)
    prefix = "unit" if kind == "check" else f"sanitize/{kind}"
    for t in json.loads(out.stdout):
        env = dict(build.env)
        env.update({k: v for k, v in t["env"].items() if isinstance(v, str)})
        yield Test(f"{prefix}/{t['name']}", build.wrap + t["cmd"], timeout=180, build=build.name,
                   env=env, tap=t["protocol"] == "tap")


def guest(top):
    for source in sorted(glob.glob(f"{top}/tests/guest/*.c")):
        name = os.path.basename(source)[:-2]
        for i386 in ("", "-32"):
            yield Test(f"guest/{name}{i386}",
                       [PYTHON, f"{top}/tests/lib/guest.py", name + i386], timeout=180)


def scripts(top, folder, kind="check"):
    build = BUILDS[kind]
    for path in sorted(glob.glob(f"{top}/tests/{folder}/*.sh")):
        name = os.path.basename(path)[:-3]
        if name.startswith("lib"):
            continue
        head = header(path)
        timeout, soak = int(head.get("timeout", "120")), int(head.get("soak", "0"))
        if kind == "check":
            yield Test(f"{folder}/{name}", ["/bin/bash", path], timeout=timeout,
                       root=head.get("user") == "root", alone=head.get("alone") == "yes", soak=soak,
                       waits=head.get("waits") == "yes")
        elif kind in head.get("sanitize", "").split():
            yield Test(f"sanitize/{kind}-{folder}-{name}", build.wrap + ["/bin/bash", path],
                       timeout=timeout * 4, build=build.name, alone=head.get("alone") == "yes",
                       env={**build.env, "UMVIEW_SANITIZER": kind}, grace=20, soak=soak * 2)


def programs(top):
    for path in sorted(glob.glob(f"{top}/tests/programs/*.sh")):
        name = os.path.basename(path)[:-3]
        yield Test(f"programs/{name}", [PYTHON, f"{top}/tests/lib/programs.py", name],
                   timeout=4 * int(header(path).get("timeout", "100")))


def sanitize(top):
    for kind in ("asan", "tsan"):
        if os.path.exists(f"{top}/{BUILDS[kind].name}/build.ninja"):
            yield from unit(top, kind)
            yield from scripts(top, "e2e", kind)
            yield from scripts(top, "fuzz", kind)


def style(top):
    yield Test("style/format", [f"{top}/tools/check-format"], timeout=120)
    yield Test("style/layers", [f"{top}/tools/check-layers"], timeout=60)
    yield Test("style/syscalls-list", [f"{top}/tools/check-syscalls"], timeout=60)
    yield Test("style/servers-doc", [f"{top}/tools/gen-servers", "--check"], timeout=60)
    yield Test("style/syscalls-doc", [f"{top}/tools/gen-syscalls", "--check"], timeout=60)


SUITES = {
    "facts": facts,
    "unit": unit,
    "guest": guest,
    "e2e": lambda top: scripts(top, "e2e"),
    "programs": programs,
    "servers": lambda top: scripts(top, "servers"),
    "fuzz": lambda top: scripts(top, "fuzz"),
    "style": style,
    "sanitize": sanitize,
}
