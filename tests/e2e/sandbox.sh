# SPDX-License-Identifier: GPL-2.0-or-later
# Programs that fence themselves in (seccomp, Landlock, not dumpable) are fenced in as outside.
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc
ext4_image fs.img 16M
mkdir mnt
M=$HERE/mnt
gcc -pthread -o sandbox "$TOP/tests/e2e/sandbox.c" || skip "headers too old"
echo hi >file
um -m "$HERE/fs.img:$M" -- cp file "$M"

# The kernel has one listener a chain of filters, and no strict mode beside a filter.
wanted=$(./sandbox "$HERE/file" | sed 's/^a listener: .*/a listener: Device or resource busy/
	s/^strict mode: .*/strict mode: Invalid argument/')
gives "nothing mounted" 0 um -- ./sandbox "$HERE/file"
is "as outside, nothing mounted" "$OUT" "$wanted"
gives "real files" 0 um -m "$HERE/fs.img:$M" -- ./sandbox "$HERE/file"
is "as outside, real files" "$OUT" "$wanted"
gives "a mount" 0 um -m "$HERE/fs.img:$M" -- ./sandbox "$M/file"
is "as outside, files of a mount" "$OUT" "$wanted"
clean_fs fs.img
nothing_left
