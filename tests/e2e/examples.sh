# SPDX-License-Identifier: GPL-2.0-or-later
# The examples that come with libfuse, built from its package: each does in a view what it does on the kernel.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need gcc pkg-config
EXAMPLES=/usr/share/doc/libfuse3-dev/examples
[ -e $EXAMPLES/poll.c ] && pkg-config --exists fuse3 || skip "no examples of libfuse3-dev here"
mkdir mnt ex src
for name in hello hello_ll passthrough passthrough_fh passthrough_ll notify_inval_inode notify_inval_entry \
	notify_store_retrieve poll poll_client ioctl ioctl_client invalidate_path null; do
	# shellcheck disable=SC2046
	gcc -w -o ex/$name $EXAMPLES/$name.c $(pkg-config --cflags --libs fuse3) -lpthread 2>gcc.out ||
		fail "$name: $(cat gcc.out)"
done

# served COMMAND OPTIONS... -- COMMAND: in a view, with it mounted on mnt
served() {
	gives "$1" 0 um bash -c '
		words=()
		while [ "$1" != -- ]; do words+=("$1"); shift; done
		shift
		"${words[@]}" mnt && "$@" && umount mnt' sh "$@"
}

for name in hello hello_ll; do
	served ex/$name -- cat mnt/hello
	is "what $name says" "$OUT" "Hello World!"
done

echo text >src/file
served ex/hello -- "$PYTHON" -c 'import fcntl
try: fcntl.ioctl(open("mnt/hello"), 0x80086601, bytes(8))
except OSError as e: print(e.strerror)'
is "an ioctl of a server that has none" "$OUT" "Inappropriate ioctl for device"

cat >work.sh <<'WORK'
set -e
cd "mnt$PWD/src"
cat file
for i in $(seq 60); do echo "$i" >"f$i"; mkdir "d$i"; mv "f$i" "d$i"; done
rm -r d*
ls
WORK
for name in passthrough passthrough_fh passthrough_ll; do
	served ex/$name -- bash work.sh
	is "what $name shows" "$OUT" "text
file"
done
# its threads take the forgets, and another one frees all nodes at the end
for i in 1 2 3 4 5; do
	gives "the end of passthrough_ll, $i" 0 um bash -c 'ex/passthrough_ll -f mnt & pid=$!
		until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
		bash work.sh; umount mnt; wait $pid'
done

changes() {
	local first
	first=$(eval "$1")
	until [ "$(eval "$1")" != "$first" ]; do sleep 0.1; done
}
export -f changes
for name in notify_inval_inode notify_store_retrieve invalidate_path; do
	file=current_time
	served ex/$name --update-interval=1 -- bash -c "changes 'cat mnt/$file'"
done
served ex/notify_inval_entry --update-interval=1 --timeout=5 -- bash -c "changes 'ls mnt'"

served ex/ioctl -- sh -ec 'ex/ioctl_client mnt/fioc; ex/ioctl_client mnt/fioc 3000; ex/ioctl_client mnt/fioc
	stat -c %s mnt/fioc'
is "its size by ioctl" "$OUT" "0
3000
3000"

: >file
gives "null" 0 um bash -c 'ex/null file && head -c 100000 file | tr -d "\0" | wc -c &&
	echo what >>file && umount file'
is "null is zeroes" "$OUT" 0

cat >poll.sh <<'POLL'
ex/poll -f mnt >said 2>&1 &
pid=$!
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
cd mnt
../ex/poll_client | grep -c '[0-9A-F]:0' # it waits 16 times
"$PYTHON" "$TOP/tests/lib/polled.py" $pid
POLL
gives "poll" 0 um bash poll.sh
is "what was ready" "$(echo "$OUT" | grep -v Killed)" "16
opened twice: EBUSY
poll waits for a byte: [True]
which is there: True
and then not: True
select waits: True
a thread of nobody's: ESPIPE ESPIPE
epoll tells of both: True
edges: [[True], [True]]
in a child: 0
closed, it can be opened again: True
as standard input: True
the server ends: True ENOTCONN"
nothing_left
