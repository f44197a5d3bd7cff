# SPDX-License-Identifier: GPL-2.0-or-later
# Root of a view that gave capabilities up may no more on a served mount than the rest allow it (capabilities(7)); those of a
# file go when it is changed.
. "$TOP/tests/e2e/lib.sh"
need setpriv setfattr getfattr
ext4_image fs.img 16M
mkdir mnt
cat >try.sh <<'TRY'
# without CAPABILITY what COMMAND: as root with all, then without that one
without() {
	echo "$2: $(sh -c "$3" >/dev/null 2>&1 && echo may) $(setpriv --bounding-set "-$1" --inh-caps "-$1" sh -c "$3" >/dev/null 2>&1 && echo may)"
}
cd mnt
mkdir theirs sticky
echo text >theirs/f
echo text >sticky/f
chmod 0 theirs/f
chmod 1777 sticky
chown -R 1000:1000 theirs sticky
chmod 0 theirs
without dac_override "writing" 'echo x >>theirs/f'
without dac_override,-dac_read_search "reading" 'cat theirs/f'
without dac_override "reading with the other" 'cat theirs/f'
without dac_override,-dac_read_search "searching" 'ls theirs/f'
without fowner "chmod" 'chmod 644 theirs/f'
without fowner "sticky" 'mv sticky/f sticky/g && mv sticky/g sticky/f'
without chown "chown" 'chown 1001 theirs/f'
without mknod "mknod" 'mknod null c 1 3 && rm null'
without sys_admin "trusted" 'setfattr -n trusted.a -v b theirs/f'
for caps in fowner fsetid; do
	chown 0:1000 theirs/f
	setpriv --bounding-set -$caps --inh-caps -$caps chmod 2755 theirs/f
	stat -c "without $caps: %a" theirs/f
done
setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps +dac_override --ambient-caps +dac_override sh -c 'echo x >>theirs/f' && echo "kept by another"
# What a file may comes and goes with its content and owner.
cap=0x0100000200040000000000000000000000000000
cp /bin/cat prog
ln prog other
for i in 'printf x >>prog' 'printf x | dd of=prog bs=1 conv=notrunc status=none' 'truncate -s 20000 prog' 'cp /bin/cat prog' 'chown 1000 prog' \
	'printf x >>other' 'chmod 755 prog' 'touch prog' ': >>prog'; do
	setfattr -n security.capability -v $cap prog
	sh -c "$i"
	sync prog
	getfattr -n security.capability prog >/dev/null 2>&1 && echo "kept: $i"
done
# of a file that had none when it was made, by a name that came later
cp /bin/cat made
ln made later
setfattr -n security.capability -v $cap later
printf x >>made
sync made
! getfattr -n security.capability later >/dev/null 2>&1 || echo "kept: by a later name"
TRY
gives "capabilities" 0 um --root -m "fs.img:$HERE/mnt" -- sh try.sh
is "what each allows" "$OUT" "writing: may 
reading: may 
reading with the other: may may
searching: may 
chmod: may 
sticky: may 
chown: may 
mknod: may 
trusted: may 
without fowner: 2755
without fsetid: 755
kept by another
kept: chmod 755 prog
kept: touch prog
kept: : >>prog"
nothing_left
