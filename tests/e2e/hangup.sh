# SPDX-License-Identifier: GPL-2.0-or-later
# A stopped job, in a view or around one, whose shell is killed and whose terminal closes, ends as it
# does natively; what it wrote at that moment is on the image.
. "$TOP/tests/e2e/lib.sh"
ext4_image fs.img 8M
mkdir mnt
"$PYTHON" "$TOP/tests/lib/hangup.py"
nothing_left
is "natively" "$(cat native)" hangup
is "natively, an inner shell" "$(cat native-inner)" hangup
is "in the view" "$(debugfs -R 'cat outer' fs.img 2>/dev/null)" hangup
is "in the view, an inner shell" "$(debugfs -R 'cat inner' fs.img 2>/dev/null)" hangup
clean_fs fs.img
