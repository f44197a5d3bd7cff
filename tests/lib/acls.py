# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses what tests/servers/acls.c serves, in the working directory; prints what it may. On the kernel's own
mount (-o allow_other, $ACLS_USER, as that user) it prints the same."""
import errno
import os
import struct

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
NAMES = ("user masked group denied no-group-bits others none mine unsorted no-other bad run read-write "
         "setgid").split()


def told(fn, *args, **kw):
    try:
        return fn(*args, **kw)
    except OSError as e:
        return errno.errorcode[e.errno]


def opened(name, flags):
    r = told(os.open, name, flags)
    if not isinstance(r, int):
        return r
    os.close(r)
    return "ok"


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in entries)


MODE = acl((1, 6, -1), (4, 4, -1), (32, 0, -1))
FULL = acl((1, 6, -1), (2, 6, 77), (4, 4, -1), (16, 6, -1), (32, 0, -1))
for name in NAMES:
    print(name, "read:", opened(name, os.O_RDONLY), "write:", opened(name, os.O_WRONLY), "run:",
          os.access(name, os.X_OK), flush=True)
for name in ("user", "none", "unsorted", "no-other", "bad"):
    r = told(os.getxattr, name, ACCESS)
    print(name, "getxattr:", r if isinstance(r, str) else len(r))
print("not mine:", told(os.setxattr, "user", ACCESS, MODE), told(os.removexattr, "user", ACCESS))
print("mine, as a mode:", told(os.setxattr, "mine", ACCESS, MODE), opened("mine", os.O_RDONLY))
print("chmod:", told(os.chmod, "mine", 0o640), opened("mine", os.O_RDONLY))
print("removed:", told(os.removexattr, "mine", ACCESS), told(os.removexattr, "mine", ACCESS))
print("a default one:", told(os.setxattr, "mine", DEFAULT, FULL), told(os.removexattr, "mine", DEFAULT))
print("not sorted:", told(os.setxattr, "mine", ACCESS, acl((32, 0, -1), (1, 6, -1), (4, 4, -1))))
print("flags:", told(os.setxattr, "mine", ACCESS, FULL, os.XATTR_REPLACE))
print("another group's:", told(os.setxattr, "setgid", ACCESS, FULL))
