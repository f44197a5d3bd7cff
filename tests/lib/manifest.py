# SPDX-License-Identifier: GPL-2.0-or-later
"""manifest.py [options] FOLDER: one line for each file below, with all that can be seen of it.

Options leave out what a file system does not keep:  --no-owner --no-mtime --no-mode --no-xattr
--no-links --no-fifo --content-only
"""
import hashlib
import os
import stat
import sys

KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p",
         stat.S_IFSOCK: "s", stat.S_IFCHR: "c", stat.S_IFBLK: "b"}


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while block := f.read(1 << 18):
            h.update(block)
    return h.hexdigest()[:16]


def xattrs(path):
    try:
        return [(n, os.getxattr(path, n, follow_symlinks=False).hex())
                for n in sorted(os.listxattr(path, follow_symlinks=False)) if n.startswith("user.")]
    except OSError as e:
        return e.errno


def main():
    options = {a for a in sys.argv[1:-1]}
    top = sys.argv[-1]
    bare = "--content-only" in options
    out = []
    for path, dirs, names in os.walk(top):
        for name in dirs + names:
            full = f"{path}/{name}"
            st = os.lstat(full)
            kind = KINDS[stat.S_IFMT(st.st_mode)]
            if kind == "p" and "--no-fifo" in options:
                continue
            line = [os.fsencode(os.path.relpath(full, top)).decode("utf-8", "backslashreplace"), kind]
            if kind == "f":
                line += [st.st_size, digest(full)]
            if kind == "l":
                line.append(os.readlink(full))
            if not bare and kind != "l" and "--no-mode" not in options:
                line.append(oct(st.st_mode & 0o7777))
            if not bare and "--no-owner" not in options:
                line.append(f"{st.st_uid}:{st.st_gid}")
            if not bare and "--no-mtime" not in options:
                line.append(int(st.st_mtime))
            if not bare and kind != "d" and "--no-links" not in options:
                line.append(f"links={st.st_nlink}")
            if not bare and kind == "f" and "--no-xattr" not in options:
                line.append(xattrs(full))
            out.append(" ".join(repr(x) if not isinstance(x, int) else str(x) for x in line))
    print("\n".join(sorted(out)))


main()
