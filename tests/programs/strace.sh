# SPDX-License-Identifier: GPL-2.0-or-later
# need: strace
set -e
echo x >f; strace -o scratch.tr -e trace=openat,read cat f; grep -c '"f"' scratch.tr; strace -f -o scratch.tr2 -e trace=execve sh -c 'cat f; /bin/true'; grep -c execve scratch.tr2; strace -c -o scratch.c ls f
