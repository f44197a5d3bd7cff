# SPDX-License-Identifier: GPL-2.0-or-later
# POSIX ACLs count: on an ext4 image, where all of it is ours to do, and with a server that asked for it
# (FUSE_POSIX_ACL) or did not. What is expected of the latter was seen on the kernel's mount of it.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
need setfacl getfacl
ME=$(id -u)
mkdir mnt
mke2fs -q -t ext4 fs.img 32M

cat >make.sh <<'MAKE'
set -eu
cd mnt
echo named >named && chmod 600 named && setfacl -m "u:$1:r" named
cp -p named copy
echo mask >mask && chmod 660 mask && setfacl -m "u:$1:rw,m::r" mask
echo denied >denied && chmod 644 denied && setfacl -m "u:$1:-" denied
mkdir shut open && chmod 700 shut open && setfacl -m "u:$1:x" open
echo in >shut/file && echo in >open/file
mkdir made && setfacl -m "u:$1:rwx,d:u:$1:rw,d:o::-" made
(umask 077; echo root >made/by-root; mkdir made/below; echo deep >made/below/file)
getfacl -cn named copy made made/by-root made/below
chmod 604 copy
getfacl -cn copy
MAKE
gives "root of a view sets them" 0 um --root -m "fs.img:$HERE/mnt" -- sh make.sh "$ME"
is "what getfacl says" "$(echo "$OUT" | sed "s/:$ME:/:me:/" | tr '\n' ' ' | tr -d '\t')" \
	"user::rw- user:me:r-- group::--- mask::r-- other::---  user::rw- user:me:r-- group::--- mask::r-- \
other::---  user::rwx user:me:rwx group::r-x mask::rwx other::r-x default:user::rwx \
default:user:me:rw- default:group::r-x default:mask::rwx default:other::---  user::rw- user:me:rw- \
group::r-x#effective:r-- mask::rw- other::---  user::rwx user:me:rw- group::r-x mask::rwx other::--- \
default:user::rwx default:user:me:rw- default:group::r-x default:mask::rwx default:other::---  \
user::rw- user:me:r--#effective:--- group::--- mask::--- other::r-- "

cat >use.sh <<'USE'
cd mnt
may() {
	printf '%s:' "$1"
	[ -r "$1" ] && cat "$1" >/dev/null && printf ' read'
	[ -w "$1" ] && : >>"$1" && printf ' write'
	echo
}
for f in named copy mask denied shut/file open/file made/by-root made/below/file; do
	may "$f"
done
echo mine >made/mine && stat -c %a made/mine
setfacl -m u::rwx made/mine && getfacl -cn made/mine | grep -c me:
setfacl -m "u:$1:rw" denied || echo refused
USE
allowed="\
named: read
copy: read
mask: read
denied:
shut/file:
open/file: read
made/by-root: read write
made/below/file:
660
0
setfacl: error
refused"
for cow in "--cow=acl,of=$HERE/mnt" ""; do # the image last: it is changed
	gives "the user uses them ${cow%%=*}" 0 um -m "fs.img:$HERE/mnt" $cow -- sh use.sh "$ME"
	is "what is allowed" "$(echo "$OUT" | sed '/^umview: /d; s/^setfacl: .*/setfacl: error/')" "$allowed"
done
clean_fs fs.img
nothing_left

SERVER=$TOP/build-check/tests/server-acls
[ -x "$SERVER" ] || skip "no libfuse3-dev here: the second half was not run"
export SERVER
cat >inside.sh <<'INSIDE'
set -eu
"$SERVER" -f mnt 2>requests &
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
(cd mnt && "$PYTHON" "$TOP/tests/lib/acls.py")
umount mnt
wait
INSIDE
gives "a server that leaves them to us" 0 um bash inside.sh
SET="not sorted: EINVAL
flags: None
another group's: None"
is "what is allowed" "$OUT" "\
user read: ok write: EACCES run: False
masked read: ok write: EACCES run: False
group read: EACCES write: ok run: False
denied read: EACCES write: EACCES run: False
no-group-bits read: ok write: ok run: False
others read: ok write: EACCES run: False
none read: ok write: EACCES run: False
mine read: EACCES write: EACCES run: False
unsorted read: EACCES write: EACCES run: False
no-other read: EIO write: EIO run: False
bad read: EINVAL write: EINVAL run: False
run read: EACCES write: EACCES run: True
read-write read: ok write: ok run: False
setgid read: ok write: ok run: True
user getxattr: 44
none getxattr: ENODATA
unsorted getxattr: 36
no-other getxattr: 20
bad getxattr: EINVAL
not mine: EPERM EPERM
mine, as a mode: None EACCES
chmod: None ok
removed: None ENODATA
a default one: EACCES None
$SET"
is "a denied open is not the server's to see" "$(grep -c '^open denied' requests)" 0
is "the server is told of the mode" "$(grep '^chmod' requests)" "chmod mine 640"

gives "a server that sees to them itself" 0 env ACLS_OWN=1 timeout -k 10 60 umview bash inside.sh
is "nothing of it is looked at" "$(echo "$OUT" | head -n 14 | grep -c ' read: ok write: ok run: True')" 14
is "and they are kept" "$(echo "$OUT" | tail -n 11)" "\
unsorted getxattr: 36
no-other getxattr: 20
bad getxattr: EINVAL
not mine: EPERM EPERM
mine, as a mode: None ok
chmod: None ok
removed: None ENODATA
a default one: EACCES None
$SET"
nothing_left
