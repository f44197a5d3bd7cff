# SPDX-License-Identifier: GPL-2.0-or-later
# Folders and symbolic links that only the view has: where the host has nothing, in folders that cannot be written.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
mkdir -p real/sub dst
echo here >real/f
gives "a folder and links in /" 0 um --dir /umview-made --dir /umview-made/in --symlink "$HERE/real:/umview-link" \
	--symlink f:real/rel --bind real:/umview-made/in -- sh -ec '
	ls -d /umview-made /umview-link /umview-made/in; ls / | grep -c umview-; echo x >/umview-made/x; cat /umview-made/x
	cat /umview-link/f; readlink /umview-link; cat real/rel; ls real; cat /umview-made/in/f; cd /umview-made/in; pwd; ls ../..//umview-made
	cd /umview-link; pwd -P; [ -L /umview-link ]; find / -maxdepth 1 -name "umview-*" -type l; rm /umview-link 2>/dev/null || echo stays'
is "a folder and links in /" "$OUT" "/umview-link
/umview-made
/umview-made/in
2
x
here
$HERE/real
here
f
rel
sub
here
/umview-made/in
in
x
$HERE/real
/umview-link
stays"
[ ! -e /umview-made ] && [ ! -e real/rel ] || fail "something of it is there"
gives "a link over a file, by a link" 0 um --symlink sub:real/f -- sh -c 'ls -d real/f/.; readlink real/f; stat -L -c %F real/f; stat -c %F real/f'
is "a link over a file" "$OUT" "real/f/.
sub
directory
symbolic link"
gives "a folder that is there" 0 um --dir real -- cat real/f
gives "a file is there" 125 um --dir real/f -- true
has "a file is there" "$OUT" "real/f cannot be made: File exists"
gives "no folder above" 0 um --dir nothing/x -- sh -c 'ls nothing; touch nothing/y; ls nothing'
is "no folder above" "$OUT" "x
x
y"
[ ! -e nothing ] || fail "a folder above was made on the host"
printf 'none dst/t none make=dir\n%s/real dst/l none make=symlink\n' "$HERE" >table
gives "from a table" 0 um -F table -- sh -c 'ls dst; cat dst/l/f; touch dst/t/x'
is "from a table" "$OUT" "l
t
here"
gives "with rules" 0 um --dir dst/a --hide dst/a --ro dst --symlink ../real:dst/l -- sh -c 'ls dst; ls dst/a 2>/dev/null; cat dst/l/f; touch dst/x 2>/dev/null || echo refused'
has "with rules" "$OUT" "refused"
gives "the plan" 0 um --dry-run --dir /umview-made --symlink a:/umview-link -- true
is "the plan" "$(echo "$OUT" | head -n 2)" "/umview-made is made, a folder in memory
/umview-link is made, a link to a"

# where nothing is: on the host, over it (--cow), and on a mount
cat >seen.sh <<'SEEN'
cat way/to/app/f way/one; ls way | tr "\n" " "; ls | grep -c -e '^way$' -e '^made$'; stat -f -c %T t; touch t/in made/x; ls t; readlink lk
cd way/to/app; pwd; ls ..; cd ../..; ls -d ../made; cd ..; cat lk
for tried in 'rmdir made' 'mkdir made' 'mv made away' 'rm lk'; do ! $tried 2>/dev/null || echo "done: $tried"; done
find way made lk -type l -o -type f | sort | tr "\n" " "; echo .
SEEN
cat >wanted <<'SEEN'
here
here
one to 2
tmpfs
in
way/one
@/way/to/app
app
../made
here
lk made/x way/one way/to/app/f .
SEEN
mkdir base mnt
ext4_image fs.img 8M
for how in base,host base,--cow mnt,served; do
	at=${how%,*}
	set -- --bind real:$at/way/to/app --bind real/f:$at/way/one --tmpfs $at/t:size=1M --symlink way/one:$at/lk --dir $at/made
	case $how in
	*--cow) set -- --cow "$@" ;;
	*served) set -- -m fs.img:mnt "$@" ;;
	esac
	rm -f real/rel
	gives "where nothing is: $how" 0 um "$@" -- sh -c "cd $at; . ../seen.sh" 2>/dev/null
	is "where nothing is: $how" "$OUT" "$(sed "s|@|$HERE/$at|" wanted)"
	[ -z "$(ls base)" ] || fail "something of it is there: $(ls base)"
done
debugfs -R 'ls -p /' fs.img 2>/dev/null | grep -q way && fail "it was made in the image"
nothing_left
