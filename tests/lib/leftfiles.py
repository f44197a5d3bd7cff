# SPDX-License-Identifier: GPL-2.0-or-later
"""leftfiles.py FOLDER: prints what is in a folder, in a form that can be compared."""
import hashlib
import os
import stat
import sys


def files(top):
    """What the script left: names, kinds, modes and contents (not of what it calls scratch*)."""
    out = []
    for folder, dirs, names in os.walk(top):
        dirs[:] = sorted(d for d in dirs if not d.startswith(("scratch", ".git")))
        for name in sorted(dirs + names):
            if name.startswith("scratch"):
                continue
            path = os.path.join(folder, name)
            st = os.lstat(path)
            line = f"{os.path.relpath(path, top)} {stat.filemode(st.st_mode)}"
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    line += " " + hashlib.sha1(f.read()).hexdigest()[:12]
            elif stat.S_ISLNK(st.st_mode):
                line += " -> " + os.readlink(path)
            out.append(line)
    return out


if __name__ == "__main__":
    for line in files(sys.argv[1]):
        print(line)
