# SPDX-License-Identifier: GPL-2.0-or-later
# The folders of a network, as any program may look at them: what is printed is the same in each network.
import ctypes
import os
import stat
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)


def tries(what, *args, **more):
    try:
        return what(*args, **more)
    except OSError as e:
        return os.strerror(e.errno)


def kinds(folder):
    """What of it is no folder, link or file that can be read as often as one likes, and is the same by any way."""
    d = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    odd = []
    for e in os.scandir(folder):
        by_name, by_folder = os.lstat(folder + "/" + e.name), os.lstat(e.name, dir_fd=d)
        same = (by_name.st_ino, by_name.st_dev, by_name.st_mode) == (by_folder.st_ino, by_folder.st_dev, by_folder.st_mode)
        # (a file of the kernel's that was not looked at has no number yet)
        if not same or e.is_dir(follow_symlinks=False) != stat.S_ISDIR(by_name.st_mode) or e.is_symlink() != stat.S_ISLNK(by_name.st_mode):
            odd.append(e.name)
    os.close(d)
    return odd


def small(folder):
    """Its names by getdents64(2) with room for few."""
    d = os.open(folder, os.O_RDONLY)
    buf = ctypes.create_string_buffer(64)
    names = []
    while (n := libc.syscall(217, d, buf, 64)) > 0:
        at = 0
        while at < n:
            length = int.from_bytes(buf.raw[at + 16:at + 18], "little")
            names.append(buf.raw[at + 19:at + length].split(b"\0")[0].decode())
            at += length
    os.close(d)
    return n == 0 and sorted(names) == sorted([".", ".."] + os.listdir(folder))


def opened(path):
    """Is an open file the one that its name says, by whatever it is asked?"""
    with open(path) as f:
        a, b = os.stat(path), os.fstat(f.fileno())
        text = f.read()
        f.seek(0)
        # (the kernel has no name of its own for what is in /proc/PID/net)
        return (a.st_ino == b.st_ino, a.st_size, os.readlink("/proc/self/fd/%d" % f.fileno()).replace(" (deleted)", "") == os.path.realpath(path),
                text[:2] == f.read(2) != "")


def stands(folder):
    os.chdir(folder)
    at = os.getcwd()
    names = sorted(os.listdir("."))
    os.chdir("..")
    above = os.getcwd() == os.path.dirname(at)
    found = os.path.basename(at) in os.listdir(".")
    os.chdir("/")
    return at, names == sorted(os.listdir(folder)), above, found


for folder in ("/proc/net/", "/proc/self/net", "/proc/thread-self/net", "/proc/sys/net", "/proc/sys/net/ipv4", "/sys/class/net", "/sys/class/net/lo/",
               "/sys/devices/virtual/net", "/sys/devices/virtual/net/lo/statistics"):
    s = os.stat(folder)
    print(folder, oct(s.st_mode), s.st_uid, s.st_size, s.st_blksize, os.stat(folder + "/..").st_dev == s.st_dev, kinds(folder), small(folder))
    print(stands(folder)[1:], tries(open, folder), tries(open, folder, "w"), tries(os.stat, folder + "/x"), tries(os.rmdir, folder + "/x"),
          tries(os.chmod, folder, 0o777))
print(stands("/sys/class/net")[0], stands("/sys/class/net/lo")[0], stands("/proc/net")[0] == "/proc/%d/net" % os.getpid())
for path in ("/proc/net/dev", "/proc/self/net/tcp", "/proc/net/unix", "/sys/class/net/lo/mtu", "/sys/class/net/lo/statistics/rx_bytes", "/proc/sys/net/ipv4/ip_forward"):
    print(path, opened(path), oct(os.stat(path).st_mode & 0o444), tries(os.open, path, os.O_RDONLY | os.O_DIRECTORY), tries(os.stat, path + "/"),
          tries(os.listxattr, path), tries(os.unlink, path))
print(os.readlink("/sys/class/net/lo"), os.readlink("/sys/class/net/lo/subsystem"), os.path.realpath("/sys/class/net/lo/subsystem/lo/mtu"))
print(tries(os.readlink, "/sys/class/net"), os.readlink("/proc/net"), os.path.exists("/sys/class/net/no"), os.path.isdir("/sys/class/net/lo"))
d = os.open("/sys/class", os.O_RDONLY)
e = os.open("net", os.O_RDONLY | os.O_DIRECTORY, dir_fd=d)
print(os.stat("lo/mtu", dir_fd=e).st_size, os.read(os.open("lo/../lo/mtu", os.O_RDONLY, dir_fd=e), 9) != b"", os.path.samestat(os.stat("..", dir_fd=e), os.fstat(d)),
      os.readlink("/proc/self/fd/%d" % e))
os.fchdir(e)
print(os.getcwd(), open("lo/mtu").read() == open("/sys/class/net/lo/mtu").read(), os.listdir("/proc/self/cwd/") == os.listdir("."))
print(subprocess.run("cd /proc/net; test -d ../net && cat ./dev | grep -c lo:; wc -l <dev | grep -c '[3-9]'; stat -f -c %T . dev /sys/class/net; realpath .. | grep -c '^/proc/[0-9]*$'",
                     shell=True, capture_output=True, text=True).stdout)
watch = libc.inotify_init1(0)
print([libc.inotify_add_watch(watch, p, 2) > 0 for p in (b"/sys/class/net", b"/proc/self/net", b"/proc/net/dev")])
print(subprocess.run(["sysctl", "-n", "net.ipv4.ip_default_ttl", "net.ipv4.ip_forward"], capture_output=True, text=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}).stdout)
sys.stdout.flush()
