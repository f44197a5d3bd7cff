# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# The frame of the servers' tests. A test has header lines from which tools/gen-servers makes the
# table of doc/filesystems.md (server, package, writes, caveats), then sets
#	odd	the name of a file that is not ASCII, if the server has no such ones
#	can	what the server keeps besides files and folders: symlink hardlink chmod; symlink-read
#		if none can be made
#	cannot	append; reopen: a file that was made and is not closed yet, by its name
#	source	for -m; none: it is not mounted that way
#	options	for -m
#	sub	where in the mount the tree is, if not at its top
#	extra	a name at the top of the mount that the tree has not
#	foreground=yes	by_hand is started in the background
#	slow_start=yes	it is mounted once only
#	few=yes	of many files few are enough, as each takes it long
#	view	options of the view that it is mounted in by hand
# and has the functions
#	prepare		makes what is served from the folder "tree"; again for each way
#	by_hand		mounts it on "mnt", as the server's manual says
#	unmounted	(optional) looks at what was left behind, outside of any view
# and calls run_server. What a native folder looks like after the same commands is the oracle.
. "$TOP/tests/e2e/lib.sh"

odd=ünï can="" cannot="" source="" options="" sub="" extra="" foreground="" slow_start="" few="" view=""
writes=$(sed -n 's/^# writes: //p' "$0")

# UMVIEW_NATIVE=1, for root by hand: the kernel's FUSE in place of a view, to compare with.
if [ "${UMVIEW_NATIVE:-}" ]; then
	um() {
		while [ "$1" != -- ]; do shift; done
		shift
		"$@"
	}
	server_pid() {
		pgrep -f "$HERE/mnt|mnt$"
	}
	source=""
fi

has_can() {
	[[ " $can " == *" $1 "* ]]
}

make_tree() {
	rm -rf tree mnt
	mkdir -p tree/dir/below mnt
	echo small >tree/small
	: >tree/empty
	seq 60000 >tree/big
	echo "two words" >"tree/dir/a name"
	printf 'ünï\n' >"tree/dir/below/$odd"
	seq "$([ "$few" ] && echo 4 || echo 40)" | while read -r i; do echo "$i" >"tree/dir/below/file-$i"; done
	if has_can symlink || has_can symlink-read; then
		ln -s small tree/link
		ln -s dir/below tree/dirlink
	fi
	if has_can chmod; then
		chmod 640 tree/small
		chmod 755 tree/empty
	fi
}

# The changes that are made to a copy in a native folder, and to the mount.
change() (
	cd "$1" || exit 1
	echo new >new
	[[ "$cannot" == *append* ]] || echo more >>new
	cat new
	if [ ! "$cannot" ]; then
		# the one who made it appends, another says where
		"$PYTHON" -c 'import os
fd = os.open("appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
os.write(fd, b"0123456789")
other = os.open("appended", os.O_WRONLY)
os.pwrite(other, b"x", 2)
os.close(other)
os.close(fd)'
		cat appended
	fi
	mkdir made made/deep
	cp big made/copy
	printf PATCH | dd of=made/copy bs=1 seek=100000 conv=notrunc status=none
	cp big made/short
	truncate -s 5000 made/short
	mv new made/renamed
	mv made/deep made/moved
	cp small made/over
	mv made/over small
	rm -r dir/below
	seq "$([ "$few" ] && echo 15 || echo 150)" | while read -r i; do echo "file $i" >"made/moved/f$i"; done
	rm made/moved/f1*
	if has_can symlink; then
		ln -s ../small made/link
		readlink made/link
		rm link
	fi
	if has_can hardlink; then
		ln made/renamed made/second
		echo "by the other name" >>made/second
		# what works by names may tell the old size by the other one for as long as it allowed
		# (a second); so it is on the kernel's mount of mergerfs
		until [ "$(stat -c %s made/renamed)" = "$(stat -c %s made/second)" ]; do sleep 0.05; done
		stat -c %h made/renamed
	fi
	if has_can chmod; then
		chmod 600 made/copy
		chmod 711 made
	fi
	mkdir made/gone
	rmdir made/gone
	if rmdir made/moved 2>/dev/null; then echo "a full folder went"; fi
	if cat made/gone 2>/dev/null; then echo "what was removed is there"; fi
)

# What a folder looks like: names, kinds, sizes and what else the server keeps.
looks() (
	format='%P %y'
	has_can chmod && format="$format %m"
	cd "$1" || exit 1
	find . -mindepth 1 ${extra:+-path "./$extra" -prune -o} -type d -printf "$format\n" -o \
		-type l -printf '%P l %l\n' -o -printf "$format %s\n" | sort
	find . -mindepth 1 ${extra:+-path "./$extra" -prune -o} -type f -print0 | sort -z |
		xargs -0 cksum
)

same() {
	looks "$2" >"$TMPDIR/wanted"
	looks "mnt$sub" >"$TMPDIR/got" || fail "$1: it cannot be read"
	diff -u "$TMPDIR/wanted" "$TMPDIR/got" >&2 || fail "$1: it differs"
	echo "ok: $1"
}

mounted() {
	grep -q " $HERE/mnt " /proc/self/mounts
}

start() {
	if [ "$foreground" ]; then
		by_hand >"$TMPDIR/server" 2>&1 &
	else
		by_hand >"$TMPDIR/server" 2>&1 || fail "the server does not start: $(cat "$TMPDIR/server")"
	fi
	until_true 30 mounted
}

server_pid() {
	umctl ps --json | "$PYTHON" -c '
import json, sys
print(*[p["pid"] for p in json.load(sys.stdin)["processes"] if p["service"]])'
}

server_ended() {
	[ -z "$(server_pid)" ]
}

not_connected() {
	ls mnt >"$TMPDIR/ls" 2>&1 || true
	grep -q "not connected" "$TMPDIR/ls"
}

gone() {
	! mounted || fail "$1: still mounted"
	is "$1" "$(ls -A mnt)" ""
	until_true 30 server_ended
}

in_view_by_hand() {
	start
	same "read" tree
	stat -f -c %S mnt >/dev/null
	if [ "$writes" = yes ]; then
		is "what the changes say" "$(change "mnt$sub")" "$(cat said)"
		same "written" model
	else
		# shellcheck disable=SC2188
		! { >"mnt$sub/new"; } 2>/dev/null || fail "a read-only server was written to"
	fi
	fusermount -u mnt
	gone "fusermount -u"
	[ ! "$slow_start" ] || return 0
	start
	[ "$writes" = yes ] || same "mounted again" tree
	[ "$writes" != yes ] || same "it was kept" model
	umount mnt
	gone "umount"
	# a dead server is told to who comes
	start
	cat "mnt$sub/big" >/dev/null
	# the newest first: sshfs unmounts when its ssh has gone before it
	for pid in $(server_pid | tr ' ' '\n' | sort -rn); do kill -9 "$pid" 2>/dev/null || true; done
	until_true 10 not_connected
	fusermount -u mnt
	gone "fusermount -u after the server was killed"
}

in_view_by_m() {
	same "read, -m" tree
	if [ "$writes" = yes ]; then
		is "what the changes say, -m" "$(change "mnt$sub")" "$(cat said)"
		same "written, -m" model
	fi
}

again_by_m() {
	same "it was kept, -m" model
}

run_server() {
	if [ "$#" -gt 0 ]; then
		"$@"
		return
	fi
	make_tree
	mkdir model
	cp -a tree/. model
	change model >said
	prepare
	# shellcheck disable=SC2086
	gives "by hand" 0 um $view -- bash "$0" in_view_by_hand
	echo "$OUT"
	if declare -F unmounted >/dev/null; then unmounted; fi
	if [ "$source" ]; then
		make_tree
		prepare
		gives "-m" 0 um -m "$source:mnt${options:+,$options}" -- bash "$0" in_view_by_m
		if [ "$writes" = yes ]; then
			gives "-m again" 0 um -m "$source:mnt${options:+,$options}" -- \
				bash "$0" again_by_m
		fi
		if declare -F unmounted >/dev/null; then unmounted; fi
	fi
	is "the mount point" "$(ls -A mnt)" ""
	nothing_left
}
