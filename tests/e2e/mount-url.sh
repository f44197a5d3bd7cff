# SPDX-License-Identifier: GPL-2.0-or-later
# Sources that are URLs: a disk on a web server, one of an NBD server; what cannot be says so. (sftp: servers/sshfs.)
. "$TOP/tests/e2e/lib.sh"
need nbdfuse nbdkit busybox

mkdir mnt tree web
echo small >tree/small
seq 20000 >tree/big
ext4_image disk 24M -d tree
cp disk web/disk.img
genisoimage -quiet -R -o web/cd.iso tree

serve() {
	local port=$1
	busybox httpd -f -p "127.0.0.1:$port" -h web 2>/dev/null &
	httpd=$!
	until kill -0 "$httpd" 2>/dev/null && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		kill -0 "$httpd" 2>/dev/null || return 1
		sleep 0.05
	done
}
for i in 1 2 3 4 5; do
	port=$(free_port)
	! serve "$port" || break
done
trap 'kill $httpd $nbd 2>/dev/null || true' EXIT
nbd=
url=http://127.0.0.1\\:$port
gives "an ISO on a web server" 0 um -m "$url/cd.iso:mnt" -- diff -r tree mnt
gives "a disk there is for reading" 1 um -m "$url/disk.img:mnt" -- sh -c 'cat mnt/small; touch mnt/x'
has "a disk there is for reading" "$OUT" "small"
has "a disk there is for reading" "$OUT" "Read-only file system"
gives "how it is shown" 0 um -m "$url/cd.iso:mnt" -- findmnt -no SOURCE,FSTYPE mnt
is "how it is shown" "$OUT" "http://127.0.0.1:$port/cd.iso iso9660"
for bad in 'ssh://-oProxyCommand=touch x/y' 'sftp://-oProxyCommand=touch@host/y' 'sshfs#-oProxyCommand=touch'; do
	gives "an option in disguise" 125 um -m "${bad//:/\\:}:mnt" -- true
	has "an option in disguise" "$OUT" "fuse.sshfs would take it for an option"
done
gives "not there" 125 um -m "$url/nothing:mnt" -- true
has "not there" "$OUT" "404"

nbdkit -f -U "$HERE/nbd.sock" file "$HERE/disk" &
nbd=$!
until_true 10 test -S nbd.sock
gives "an NBD server's disk" 0 um -m "nbd+unix\\:///?socket=$HERE/nbd.sock:mnt" -- sh -c 'diff -rx lost+found tree mnt && echo new >mnt/new'
kill "$nbd"
wait "$nbd" || true
clean_fs disk
is "what was written" "$(debugfs -R 'cat new' disk 2>/dev/null)" new

gives "no such kind" 125 um -m "gopher\\://host/x:mnt" -- true
has "no such kind" "$OUT" "gopher://host/x: no server is known for URLs of gopher"
gives "how it would be served" 0 um --dry-run -m "sftp\\://me@host\\:2222/~/dir:mnt" -- true
has "how it would be served" "$OUT" "sshfs -f -oport=2222 me@host:dir"
kill "$httpd"
wait "$httpd" || true
nothing_left
