# SPDX-License-Identifier: GPL-2.0-or-later
# umview --root --cow: attributes of symbolic links, fifos, sockets and devices, which no user can set: those of root alone, and ACLs.
# cp, tar and rsync carry them, the next view has them, and so has what becomes of the layer.
. "$TOP/tests/e2e/lib.sh"
need setfattr setfacl rsync
export XDG_STATE_HOME=$HERE/state
setfattr -n user.x -v y . 2>/dev/null || skip "no extended attributes here"

cat >make.sh <<'EOF'
set -e
mkdir d; cd d
ln -s to link; mkfifo fifo; mknod dev c 1 3
"$PYTHON" -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
for f in link fifo dev sock; do
	setfattr -h -n trusted.t -v one-$f $f
	setfattr -h -n security.s -v two $f
done
chmod 2751 fifo
setfacl -m u:7:rw,g:5:r fifo dev sock
setfattr -h -n trusted.empty link
setfattr -h -n trusted.gone -v x link; setfattr -h -x trusted.gone link
chown -h 5:6 link
EOF
cat >look.sh <<'EOF'
cd "$1"
for f in dev fifo link; do
	getfattr -hd -m 'trusted|security.s|system' $f
	[ $f = link ] || getfacl -cp $f
	stat -c '%n %A %u:%g' $f
done
EOF
cat >wanted <<'EOF'
# file: dev
security.s="two"
system.posix_acl_access=0sAgAAAAEABgD/////AgAGAAcAAAAEAAQA/////wgABAAFAAAAEAAGAP////8gAAQA/////w==
trusted.t="one-dev"

user::rw-
user:lp:rw-
group::r--
group:tty:r--
mask::rw-
other::r--

dev crw-rw-r-- 0:0
# file: fifo
security.s="two"
system.posix_acl_access=0sAgAAAAEABwD/////AgAGAAcAAAAEAAUA/////wgABAAFAAAAEAAHAP////8gAAEA/////w==
trusted.t="one-fifo"

user::rwx
user:lp:rw-
group::r-x
group:tty:r--
mask::rwx
other::--x

fifo prwxrws--x 0:0
# file: link
security.s="two"
trusted.empty=""
trusted.t="one-link"

link lrwxrwxrwx 5:6
EOF
mkdir tree
gives "made" 0 um --root --cow=one,of=tree -- sh -ec 'umask 22; cd tree; sh ../make.sh; sh ../look.sh d >../got.made
	setfattr -h -n trusted.t -v z d/link; setfattr -h -n trusted.t -v one-link d/link
	# a new file with an old number has nothing of the old one
	for i in 1 2 3 4 5 6 7 8; do ln -s x n; setfattr -h -n trusted.t -v old n; rm n; ln -s x n; getfattr -hd -m - n; rm n; done
	"$PYTHON" - <<-"EOF"
	import os
	os.mkfifo("f")
	fd = os.open("f", os.O_RDWR)
	os.setxattr(fd, "trusted.a", b"x")
	print(os.listxattr(fd), os.listxattr("f"))
	os.fchown(fd, 3, 4)
	print(os.fstat(fd) == os.stat("f"))
	try:
	    while True:
	        os.setxattr("f", "trusted.n%d" % len(os.listxattr("f")), b"x" * 1000)
	except OSError as e:
	    print(os.strerror(e.errno))
	os.unlink("f")
	EOF'
is "made" "$(grep -v umview: <<<"$OUT")" "['trusted.a'] ['trusted.a']
True
No space left on device"
diff -u wanted got.made || fail "made: they are not as said"
gives "in the next view, copied by programs" 0 um --root --cow=one,of=tree -- sh -ec 'cd tree
	cp -a d cp
	tar --xattrs --xattrs-include="*" --acls -cf t.tar d 2>/dev/null; mkdir tar; tar --xattrs --xattrs-include="*" --acls -xf t.tar -C tar --strip-components=1
	rsync -aAX d/ rsync
	for way in d cp tar rsync; do sh ../look.sh $way >../got.$way; done'
for way in d cp tar rsync; do
	diff -u wanted got.$way || fail "$way: they are not as made"
done
echo "ok: cp, tar and rsync"
is "for who is not root there are none" "$(um --cow=one,of=tree -- getfattr -hd -m - tree/d/link 2>/dev/null)" ""
gives "a layer on it: what is changed there" 0 um --root --cow=one,of=tree,ro --cow=two,of=tree -- sh -ec '
	touch -h tree/d/*; sh look.sh tree/d >got.copy'
diff -u wanted got.copy || fail "a copy has not what was below"

# who is not root sees none of them, and neither loses them by a copy nor hands on those of an old number
gives "of a user" 0 um --root --cow=below,of=tree -- sh -ec "mkfifo tree/his; setfattr -n trusted.t -v his tree/his; chown $(id -u) tree/his"
gives "copied up by who is not root" 0 um --cow=below,of=tree,ro --cow=above,of=tree -- touch tree/his
gives "copied up by who is not root: they are there" 0 um --root --cow=below,of=tree,ro --cow=above,of=tree -- getfattr -n trusted.t --only-values tree/his
has "copied up by who is not root: they are there" "$OUT" his
umctl discard above
umctl discard below
gives "old ones" 0 um --root --cow=reuse,of=tree -- sh -ec 'for i in 1 2 3 4 5 6 7 8 9; do mkfifo tree/o$i; setfattr -n trusted.t -v old tree/o$i; done'
gives "new ones of who is not root" 0 um --cow=reuse,of=tree -- sh -ec 'cd tree; rm o*; for i in 1 2 3 4 5 6 7 8 9; do mkfifo n$i; done'
gives "new ones have nothing of old ones" 0 um --root --cow=reuse,of=tree -- sh -ec 'getfattr -d -m - tree/n*'
is "new ones have nothing of old ones" "$(grep -v ^umview <<<"$OUT" || true)" ""
umctl discard reuse

umctl copy one copied
umctl squash squashed one two
umctl layer export one --oci one.tar
umctl layer import one.tar imported --of tree
for layer in copied squashed imported; do
	gives "$layer" 0 um --root --cow=$layer,of=tree -- sh -c 'sh look.sh tree/d'
	# what else is in security. is the system's, and no part of an image
	[ $layer != imported ] || sed -i /security.s/d wanted
	diff -u wanted <(grep -v '^umview: ' <<<"$OUT") || fail "$layer: another"
	# tar knows no sockets
	[ $layer = squashed ] || is "$layer: the diff" "$(umctl diff $layer | grep -v sock)" "$(umctl diff one | grep -v sock)"
done

# what a user may set is set by a commit; then nothing is left to tell of
gives "an ACL of a fifo" 0 um --root --cow=acl,of=tree -- sh -ec 'mkfifo tree/fifo; setfacl -m u:7:rw tree/fifo; setfattr -n trusted.t -v x tree/fifo'
gives "committed" 0 umctl commit acl --force
is "committed" "$(getfacl -cp tree/fifo | grep lp)" "user:lp:rw-"
gives "an ACL of a fifo of the host's" 0 um --root --cow=more,of=tree -- sh -ec 'chmod 640 tree/fifo; getfacl -cp tree/fifo; setfacl -b tree/fifo'
has "an ACL of a fifo of the host's" "$OUT" "user:lp:rw-"
is "an ACL removed" "$(umctl diff more)" "metadata /fifo"
gives "an ACL removed, committed" 0 umctl commit more --force
is "an ACL removed, committed" "$(getfacl -cp tree/fifo)" "user::rw-
group::r--
other::---"
nothing_left
