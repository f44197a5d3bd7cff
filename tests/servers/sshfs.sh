# SPDX-License-Identifier: GPL-2.0-or-later
# server: sshfs
# packages: sshfs
# writes: yes
# caveat: reading a link is EPERM with OpenSSH 9.2, as under the kernel
# timeout: 180
. "$TOP/tests/servers/lib.sh"
need sshfs ssh ssh-keygen /usr/sbin/sshd
can="chmod"

serve() {
	local port=$1 i
	printf '%s\n' 'UsePAM no' 'StrictModes no' "HostKey $HERE/host-key" "AuthorizedKeysFile $HERE/key.pub" \
		'PidFile none' "Subsystem sftp /usr/lib/openssh/sftp-server" 'ListenAddress 127.0.0.1' \
		'PasswordAuthentication no' >sshd-config
	: >sshd-log
	/usr/sbin/sshd -D -f "$HERE/sshd-config" -p "$port" -E "$HERE/sshd-log" </dev/null &
	sshd=$!
	for i in $(seq 100); do
		if grep -q listening sshd-log; then return 0; fi
		kill -0 "$sshd" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}
prepare() {
	local i
	rm -rf store
	cp -a tree store
	[ -e key ] || ssh-keygen -q -t ed25519 -N '' -f key
	[ -e host-key ] || ssh-keygen -q -t ed25519 -N '' -f host-key
	for i in 1 2 3 4 5; do
		"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' >port
		! serve "$(cat port)" || break
	done
	echo "[127.0.0.1]:$(cat port) $(cut -d' ' -f1,2 host-key.pub)" >known
	options="IdentityFile=$HERE/key,UserKnownHostsFile=$HERE/known,IdentitiesOnly=yes,BatchMode=yes,ssh_command=ssh -F none"
	source="sftp://127.0.0.1\:$(cat port)$HERE/store"
}
by_hand() {
	sshfs -F none -o "IdentityFile=$HERE/key,UserKnownHostsFile=$HERE/known,IdentitiesOnly=yes,BatchMode=yes" \
		-p "$(cat port)" "127.0.0.1:$HERE/store" mnt
}
unmounted() {
	kill "$sshd"
	wait "$sshd" || true
	is "the folder behind it" "$(diff -r --no-dereference model store)" ""
}
run_server "$@"
