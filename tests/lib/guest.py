# SPDX-License-Identifier: GPL-2.0-or-later
"""guest.py NAME[-32]: runs a program of tests/guest natively (the oracle), in a view on a real file
system (also in a view with rules), on a bind mount of one, on a tmpfs, in --cow, in another root, on a served ext4
image, and on an overlay of folders of one. The outputs must be equal, but for the lines that tests/guest/NAME.diff (of the
image), NAME.rules.diff, NAME.bind.diff (of the bind, the tmpfs and the root) NAME.tmpfs.diff (of the tmpfs), NAME.cow.diff
(of --cow), NAME.rootfs.diff (of the root) and NAME.overlay.diff (of the overlay, besides those of the image and --cow) explain:

    # the reason
    - a line of the oracle         (a shell pattern; the number of the check is left out)
    + the line of the served file system
    ?- and ?+ are such lines that may be there or not

-32: the same program for i386; NAME-32.diff explains what else differs then.
"""
import difflib
import fnmatch
import os
import re
import shutil
import subprocess
import sys

TOP = os.environ["TOP"]
NAME = sys.argv[1]
I386 = NAME.endswith("-32")
PROGRAM = f"{os.environ['BUILD']}/tests/guest{'32-' + NAME[:-3] if I386 else '-' + NAME}"
HERE = os.getcwd()


def run(what, command, cwd):
    r = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, check=False, timeout=100)
    text = r.stdout.decode(errors="replace")
    if r.returncode != 0 or "1.." not in text:
        print(f"{what}: exit status {r.returncode}; its output:\n{text}")
    return r.returncode, [re.sub(r"^((?:not )?ok) \d+ ", r"\1 ", line) for line in text.splitlines()]


def explained(kind=""):
    lines = []
    for name in (NAME[:-3], NAME) if I386 else (NAME,):
        path = f"{TOP}/tests/guest/{name}{kind}.diff"
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                lines += [line.rstrip("\n") for line in f if line.lstrip("?")[:2] in ("- ", "+ ")]
    return lines


def compare(what, oracle, got, patterns):
    """Prints what differs and is not explained; True if nothing."""
    good = True
    used = set()
    for line in difflib.ndiff(oracle, got):
        if line[:2] not in ("- ", "+ "):
            continue
        match = next((p for p in patterns if p.lstrip("?")[0] == line[0] and
                      fnmatch.fnmatchcase(line[2:], p.lstrip("?")[2:])), None)
        if match:
            used.add(match)
            continue
        good = False
        print(f"{what}: {'native has' if line[0] == '-' else 'view has'}: {line[2:]}")
    for pattern in patterns:
        if pattern not in used and pattern[0] != "?":
            print(f"{what}: not needed any more in its .diff: {pattern}")
    return good


def make_root():
    """A tree that is the root of a view, with the host's /usr."""
    for d in ("usr", "proc", "sys", "dev", "etc", "tmp", "w"):
        os.makedirs(f"root/{d}")
    os.chmod("root/tmp", 0o1777)
    for name in os.listdir("/"):
        if os.path.islink(f"/{name}") and os.readlink(f"/{name}").startswith("usr"):
            os.symlink(os.readlink(f"/{name}"), f"root/{name}")
    shutil.copy(PROGRAM, "root/program")


def main():
    if I386 and not os.path.exists(PROGRAM):
        print("no programs for i386: lib32gcc-12-dev and libc6-dev-i386 are missing")
        sys.exit(77)
    for d in ("native", "real", "ruled", "host", "bind", "other", "mnt"):
        os.mkdir(d)
    # Programs that start themselves again need a name that is there in each place.
    os.environ["GUEST_PROGRAM"] = PROGRAM
    oracle_rc, oracle = run("native", [PROGRAM], f"{HERE}/native")
    if oracle_rc == 77:
        print("\n".join(oracle))
        sys.exit(77)
    good = oracle_rc == 0

    owner = f"root_owner={os.getuid()}:{os.getgid()}"
    for image, size in (("small.img", "8M"), ("fs.img", "256M")):
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", owner, image, size], check=True)

    def check(what, command, patterns, cwd=HERE, said=None):
        """said: what lines begin with that are ours, not the program's."""
        rc, lines = run(what, command, cwd)
        lines = [line for line in lines if not (said and line.startswith(said))]
        return compare(what, oracle, lines, patterns) and rc == oracle_rc

    good = check("view, real files", ["umview", "-m", f"{HERE}/small.img:{HERE}/other", "--", PROGRAM], [],
                 cwd=f"{HERE}/real") and good
    good = check("view, rules", ["umview", "--hide", f"{HERE}/bind", "--", "sh", "-c",
                                 f"cd {HERE}/ruled && exec {PROGRAM}"], explained(".rules")) and good
    good = check("view, bind", ["umview", "-m", f"{HERE}/host:{HERE}/bind,bind", "--", "sh", "-c",
                                f"cd {HERE}/bind && exec {PROGRAM}"], explained(".bind")) and good
    good = check("view, tmpfs", ["umview", "--tmpfs", f"{HERE}/other", "--", "sh", "-c",
                                 f"mkdir {HERE}/other/w && cd {HERE}/other/w && exec {PROGRAM}"],
                 explained(".bind") + explained(".tmpfs")) and good

    # all is copied on write: what the folder held, and what others see of it, is unchanged
    os.mkdir("cow")
    os.environ["XDG_STATE_HOME"] = f"{HERE}/state"
    good = check("view, copy on write", ["umview", "--cow", "--", "sh", "-c", f"cd {HERE}/cow && exec {PROGRAM}"],
                 explained(".cow"), said="umview: ") and good
    if os.listdir("cow"):
        print(f"view, copy on write: it left {os.listdir('cow')}")
        good = False

    make_root()
    os.environ["GUEST_PROGRAM"] = "/program"
    good = check("view, rootfs", ["umview", "--rootfs", f"{HERE}/root", "--host-basics", "--bind", "/usr:/usr", "--",
                                  "/bin/sh", "-c", "cd /w && exec /program"],
                 explained(".bind") + explained(".rootfs")) and good
    os.environ["GUEST_PROGRAM"] = PROGRAM

    good = check("view, ext4 image", ["umview", "-m", f"{HERE}/fs.img:{HERE}/mnt", "--", "sh", "-c",
                                      f"cd {HERE}/mnt && mkdir w u k && cd w && exec {PROGRAM}"], explained()) and good

    # below and above are folders of the image
    if os.path.exists(f"{os.environ['BUILD']}/umview-overlay"):
        folders = f"lowerdir={HERE}/mnt/w,upperdir={HERE}/mnt/u,workdir={HERE}/mnt/k"
        good = check("view, overlay", ["umview", "-m", f"{HERE}/fs.img:{HERE}/mnt",
                                       "-m", f"o:{HERE}/other,type=overlay,{folders}", "--", "sh", "-c",
                                       f"mkdir {HERE}/other/here && cd {HERE}/other/here && exec {PROGRAM}"],
                     explained(".overlay") + ["?" + p.lstrip("?") for p in explained() + explained(".cow")]) and good

    fsck = subprocess.run(["e2fsck", "-fn", "fs.img"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if fsck.returncode != 0:
        print(f"e2fsck -fn fs.img: {fsck.returncode}\n{fsck.stdout}")
        good = False
    print(f"{len(oracle)} lines compared")
    sys.exit(0 if good else 1)


main()
