# SPDX-License-Identifier: GPL-2.0-or-later
# What `make demo` runs.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need genisoimage mksquashfs

gives "the demo" 0 "$TOP/tools/demo" "$BUILD"
has "its proof" "$OUT" "It works"
has "the change" "$OUT" "changed from the image"
