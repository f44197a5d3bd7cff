# SPDX-License-Identifier: GPL-2.0-or-later
# Root of a view that gave capabilities up may no more on a served mount than the rest allow it (capabilities(7)).
. "$TOP/tests/e2e/lib.sh"
need setpriv setfattr
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
kept by another"
nothing_left
