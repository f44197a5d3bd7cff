# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/run and bench/fs share: how a command is timed in several ways that take turns, and told."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BARE = "a listener that lets all continue"


class Bench:
    """Each figure is the median of runs that take turns with the way that it is compared to."""

    def __init__(self, args, work):
        self.args = args
        self.work = work
        self.umview = os.path.abspath(f"{args.build}/umview")
        self.micro = f"{work}/micro"
        self.bare = f"{work}/bare"
        self.pairs = 3 if args.short else 7

    def out(self, **row):
        for k, v in row.items():
            if isinstance(v, float):
                row[k] = round(v, 3)
        print(json.dumps(row), flush=True)

    def time_of(self, command):
        """Runs a command that prints nanoseconds; None when it fails."""
        r = subprocess.run(command, cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False, timeout=300)
        try:
            return float(r.stdout.split()[-1]) if r.returncode == 0 else None
        except (ValueError, IndexError):
            return None

    def compare(self, name, base, others, unit=1e3, turns=1, of="native", **more):
        """base: a command; others: {who: command}. One line for each, with its ratio to the former."""
        if self.args.only and self.args.only not in name:
            return
        times = {of: []} | {who: [] for who in others}
        for _ in range(self.pairs * turns):
            for who, command in [(of, base), *others.items()]:
                t = self.time_of(command)
                if t is not None:
                    times[who].append(t)
        floor = statistics.median(times[of]) if times[of] else None
        for who in others:
            if not times[who] or not floor:
                self.out(bench=name, who=who, failed=True)
                continue
            m = statistics.median(times[who])
            row = dict(more)
            if times.get(BARE):
                row["over_bare"] = (m - floor) / (statistics.median(times[BARE]) - floor)
            self.out(bench=name, who=who, us=m / unit, **{f"{of}_us": floor / unit}, ratio=m / floor, **row)

    def view(self, *command, mount=None):
        words = [self.umview]
        for m in mount or []:
            words += ["-m", m]
        return [*words, "--", *command]

    def image(self, name, size, inodes=None):
        """An empty ext4 image whose root folder is ours."""
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", *(["-N", str(inodes)] if inodes else []), "-E",
                        f"root_owner={os.getuid()}:{os.getgid()}", f"{self.work}/{name}", size], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def rss(self, name, script, count, image=None):
        """What the supervisor grows by while the script runs, for each of `count` things; with count 0
        what it has."""
        whole = ("rss() { awk '/^VmRSS/{print $2}' /proc/$sup/status; }; "
                 "sup=$(awk '/^PPid/{print $2}' /proc/$$/status); "
                 f"sleep 0.3; a=$(rss); {script}; echo $a $(rss)")
        mount = [f"{image}:{self.work}/mnt"] if image else None
        r = subprocess.run(self.view("sh", "-c", whole, mount=mount), cwd=self.work, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        before, after = (int(n) for n in r.stdout.split()[-2:])
        self.out(bench="memory", who=name, kib=(after - before) / count if count else before)

    def project(self, top, files):
        """A folder with so many small C files and a Makefile for them."""
        os.makedirs(top)
        for i in range(files):
            with open(f"{top}/m{i}.c", "w", encoding="utf-8") as f:
                f.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
                        f"int m{i}(int n);\nint m{i}(int n) {{ return printf(\"%d\", n) + {i}; }}\n")
        objects = " ".join(f"m{i}.o" for i in range(files))
        with open(f"{top}/Makefile", "w", encoding="utf-8") as f:
            f.write(f"all.a: {objects}\n\tar rc $@ {objects}\nclean:\n\trm -f *.o all.a\n")

    def inodes_rss(self, files):
        """What the supervisor needs for an inode that it caches."""
        self.image("many.img", "128M", 2 * files)
        many = f"seq -f {self.work}/mnt/%.0f {files} | xargs touch"
        subprocess.run(self.view("sh", "-c", many, mount=[f"many.img:{self.work}/mnt"]), cwd=self.work,
                       check=True, stdin=subprocess.DEVNULL)
        self.rss("a cached inode", f"find {self.work}/mnt -size +1 | wc -l", files, "many.img")


def run(description, bench):
    """main() of a benchmark: bench(args, work) has a method run()."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument("build", nargs="?", default=f"{TOP}/build")
    p.add_argument("--short", action="store_true", help="small and quick: does it work at all")
    p.add_argument("--only", metavar="WORD", help="compare only what has this word in its name")
    args = p.parse_args()
    work = tempfile.mkdtemp(prefix="umview-bench-", dir="/var/tmp")
    os.environ["XDG_RUNTIME_DIR"] = work
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        b = bench(args, work)
        for program in (b.micro, b.bare):
            source = f"{TOP}/bench/{os.path.basename(program)}.c"
            subprocess.run(["cc", "-O2", "-o", program, source], check=True)
        for d in ("mnt", "native"):
            os.mkdir(f"{work}/{d}")
        b.run()
    finally:
        shutil.rmtree(work, ignore_errors=True)
