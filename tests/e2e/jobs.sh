# SPDX-License-Identifier: GPL-2.0-or-later
# Job control on a terminal: Ctrl-C, Ctrl-Z, fg, window size, in the view and around it; a slow end.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
ext4_image fs.img 8M
mkdir mnt
exec "$PYTHON" "$TOP/tests/lib/terminal.py"
