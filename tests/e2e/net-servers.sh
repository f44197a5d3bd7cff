# SPDX-License-Identifier: GPL-2.0-or-later
# More servers and clients on a wire between views (redis, PostgreSQL, git, rsync, socat, nc, DHCP); file servers that use
# the view's network; names.
# timeout: 240
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
need git ssh sshd rsync sshfs socat busybox curl
W=s$$
at() { # at N COMMAND...: in a view of its own on the wire
	local n=$1
	shift
	um --net "pair=$W,ip=10.3.1.$n/24" -- "$@"
}
# serve NAME N PORT COMMAND...: the same in the background, until it listens
PIDS=()
serve() {
	local name=$1 n=$2 port=$3
	shift 3
	at "$n" sh -c 'name=$1 port=$2; shift 2; "$@" & until ss -Htuln "sport = :$port" | grep -q .; do sleep 0.05; done
		touch "up-$name"; until [ -e over ]; do sleep 0.1; done; kill $! 2>/dev/null; wait' sh "$name" "$port" "$@" >"$name.log" 2>&1 &
	PIDS+=($!)
	until_true 30 test -e "up-$name"
}
trap 'touch over' EXIT

ssh-keygen -q -t ed25519 -N '' -f key
printf '%s\n' "HostKey $HERE/key" "AuthorizedKeysFile $HERE/key.pub" "StrictModes no" "UsePAM no" "PidFile none" \
	"Subsystem sftp internal-sftp" >sshd.conf
SSH="ssh -F /dev/null -i $HERE/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
git init -q --bare -b main repo.git
git init -q -b main work
git -C work -c user.name=u -c user.email=u@v commit -q --allow-empty -m "a first commit"
serve ssh 1 22 "$(command -v sshd)" -D -e -f "$HERE/sshd.conf"
gives "git push over ssh" 0 at 2 env GIT_SSH_COMMAND="$SSH" git -C work push -q "ssh://$(id -un)@10.3.1.1$HERE/repo.git" main
gives "git clone over ssh" 0 at 2 env GIT_SSH_COMMAND="$SSH" git clone -q "ssh://$(id -un)@10.3.1.1$HERE/repo.git" cloned
is "what was cloned" "$(git -C cloned log --format=%s)" "a first commit"
git -C repo.git update-server-info
serve http 3 80 "$PYTHON" -m http.server 80
gives "git clone over http" 0 at 2 git clone -q http://10.3.1.3/repo.git by-http
is "what was cloned" "$(git -C by-http log --format=%s)" "a first commit"

mkdir tree
head -c 300000 /dev/urandom >tree/data
ln -s data tree/link
printf '[tree]\npath = %s/tree\nuse chroot = no\n' "$HERE" >rsyncd.conf
serve rsync 4 873 rsync --daemon --no-detach --config="$HERE/rsyncd.conf"
gives "rsync" 0 at 2 rsync -a rsync://10.3.1.4/tree/ copied/
diff -r tree copied || fail "what rsync brought differs"
gives "rsync over ssh" 0 at 2 rsync -a -e "$SSH" "$(id -un)@10.3.1.1:$HERE/tree/" copied-too/
diff -r tree copied-too || fail "what rsync brought over ssh differs"
serve socat 5 77 socat TCP-LISTEN:77,fork,reuseaddr EXEC:'tr a-z A-Z'
gives "socat" 0 at 2 sh -c 'echo through socat | socat -t 10 - TCP:10.3.1.5:77'
is "socat" "$OUT" "THROUGH SOCAT"
gives "nc" 0 at 2 sh -c 'echo through nc | busybox nc -w 10 10.3.1.5 77'
is "nc" "$OUT" "THROUGH NC"

if command -v redis-server >/dev/null; then
	serve redis 6 6379 redis-server --port 6379 --bind 10.3.1.6 --protected-mode no --save '' --dir "$HERE"
	gives "redis" 0 at 2 sh -c 'redis-cli -h 10.3.1.6 set key value; redis-cli -h 10.3.1.6 get key'
	is "redis" "$OUT" "OK
value"
fi
bin=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | head -1)
if [ -n "$bin" ]; then
	bin=${bin%/initdb}
	"$bin/initdb" -D pg -U me -A trust >/dev/null
	echo "host all all 10.3.1.0/24 trust" >>pg/pg_hba.conf
	serve pg 7 5432 "$bin/postgres" -D "$HERE/pg" -h 10.3.1.7 -k "$HERE"
	gives "PostgreSQL over TCP" 0 at 2 psql -h 10.3.1.7 -U me -d postgres -Atc \
		'create table t (n int); insert into t select generate_series(1, 1000); select sum(n) from t' -v ON_ERROR_STOP=1
	has "PostgreSQL over TCP" "$OUT" 500500
fi

# a file server that is started in a view, or for it, uses its network with nothing said
mkdir mnt
opts="ssh_command=$SSH"
gives "sshfs in a view" 0 at 2 sh -ec 'sshfs -o "$1" "$(id -un)@10.3.1.1:$PWD/tree" mnt; cmp mnt/data tree/data; readlink mnt/link
	fusermount -u mnt' sh "$opts"
is "sshfs in a view" "$OUT" data
gives "sshfs by -m" 0 um --net "pair=$W,ip=10.3.1.2/24" -m "sshfs#$(id -un)@10.3.1.1\\:$HERE/tree:$HERE/mnt,$opts" -- cmp mnt/data tree/data
gives "sshfs without the network" 125 um --net none -m "sshfs#$(id -un)@10.3.1.1\\:$HERE/tree:$HERE/mnt,$opts,ConnectTimeout=2" -- true

# names: the view's own, and nobody else's
echo "10.3.1.3 server.view" >hosts
gives "hosts of the view" 0 um --net "pair=$W,ip=10.3.1.2/24,dns=10.3.1.9" --bind "$HERE/hosts:/etc/hosts" -- sh -ec '
	cat /etc/resolv.conf; getent hosts server.view | tr -s " "; curl -sS -m 20 http://server.view/hosts'
is "hosts of the view" "$OUT" "nameserver 10.3.1.9
10.3.1.3 server.view
10.3.1.3 server.view"
touch over
wait "${PIDS[@]}" || :
trap - EXIT
nothing_left
