# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the tests of layers share: their uppers are made by the kernel's overlayfs.
. "$TOP/tests/e2e/lib.sh"

export XDG_STATE_HOME=$HERE/state
LAYERS=$XDG_STATE_HOME/umview/layers

# overlay LAYER LOWER SCRIPT: runs it in the folder that both are together
overlay() {
	mkdir -p mnt
	unshare -Urm sh -euc 'mount -t overlay -o "userxattr,lowerdir=$2,upperdir=$1/upper,workdir=$1/work" o mnt
		cd mnt; eval "$3"' sh "$LAYERS/$1" "$2" "$3"
}

# manifest FOLDER: all that is in it, but for inode numbers and times of change
manifest() {
	"$PYTHON" "$TOP/tests/lib/manifest.py" "$1"
}

mkdir probe-lower probe-upper probe-work mnt
unshare -Urm sh -c 'mount -t overlay -o userxattr,lowerdir=probe-lower,upperdir=probe-upper,workdir=probe-work o mnt' 2>why ||
	skip "no overlayfs in a user namespace here: $(tail -n 1 why)"
rm -r probe-lower probe-upper mnt
chmod -R u+rwx probe-work
rm -r probe-work
