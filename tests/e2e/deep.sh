# SPDX-License-Identifier: GPL-2.0-or-later
# Folders so deep that their path is longer than a path may be: as natively.
. "$TOP/tests/e2e/lib.sh"
need mke2fs gcc
ext4_image fs.img 16M
mkdir mnt native bound
gcc -D_GNU_SOURCE -I"$TOP/tests" -o deep "$TOP/tests/e2e/deep.c"
(cd native && ../deep) >wanted
gives "on a served file system" 0 um -m "fs.img:$HERE/mnt" -- sh -c "mkdir mnt/w; cd mnt/w && exec $HERE/deep"
is "it is as natively" "$OUT" "$(cat wanted)"
gives "beside it" 0 um -m "fs.img:$HERE/mnt" -- sh -c "cd native && exec $HERE/deep"
is "it is as natively, too" "$OUT" "$(cat wanted)"
gives "on a bind" 0 um --bind "$HERE/native:$HERE/bound" -- sh -c "cd bound && exec $HERE/deep"
is "as well" "$OUT" "$(cat wanted)"
clean_fs fs.img
nothing_left
