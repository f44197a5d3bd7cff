# SPDX-License-Identifier: GPL-2.0-or-later
# need: /usr/sbin/sshd ssh scp sftp ssh-keygen python3
# timeout: 60
set -e
ssh-keygen -q -t ed25519 -N '' -f scratch-host; ssh-keygen -q -t ed25519 -N '' -f scratch-key; cp scratch-key.pub scratch-authorized
printf '%s\n' 'UsePAM no' 'StrictModes no' "HostKey $PWD/scratch-host" "AuthorizedKeysFile $PWD/scratch-authorized" 'PidFile none' "Subsystem sftp $(ls /usr/lib/openssh/sftp-server)" 'ListenAddress 127.0.0.1' 'PasswordAuthentication no' >scratch-sshd
started=; trap 'kill $server 2>/dev/null || :' EXIT
for try in 1 2 3 4 5; do : >scratch-log
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	/usr/sbin/sshd -D -f "$PWD/scratch-sshd" -p "$port" -E "$PWD/scratch-log" & server=$!
	for i in $(seq 100); do grep -q listening scratch-log && started=yes && break; kill -0 $server 2>/dev/null || break; sleep 0.1; done
	[ "$started" = yes ] && break
done
[ "$started" = yes ] || cat scratch-log
echo "127.0.0.1 $(cat scratch-host.pub)" | sed "s/^127.0.0.1/[127.0.0.1]:$port/" >scratch-known
opt="-F none -o UserKnownHostsFile=$PWD/scratch-known -o IdentitiesOnly=yes -o BatchMode=yes -i $PWD/scratch-key"
ssh $opt -p "$port" 127.0.0.1 'echo over ssh; exit 3' 2>/dev/null || echo $?
echo in | ssh $opt -p "$port" 127.0.0.1 "cat >$PWD/f; cat $PWD/f; cd $PWD && ls f" 2>/dev/null
ssh $opt -tt -p "$port" 127.0.0.1 'tty | cut -c1-8; stty size >/dev/null && echo size' </dev/null 2>/dev/null | tr -d '\r'
head -c 3000000 /dev/zero | tr '\0' q >big
scp -q $opt -P "$port" big "127.0.0.1:$PWD/big2"; cmp big big2 && echo copied; scp -q -O $opt -P "$port" "127.0.0.1:$PWD/big" big3; cmp big big3 && echo copied
printf 'cd %s\nmkdir d\nput f d/g\nchmod 600 d/g\nrename d/g d/h\nln -s h d/l\nls -1 d\nget big big4\nbye\n' "$PWD" | sftp -q $opt -b - -P "$port" 127.0.0.1 2>/dev/null | grep -v '^sftp>'; cmp big big4; readlink d/l; stat -c %a d/h
ssh $opt -p "$port" 127.0.0.1 "cd $PWD; tar cf - d" 2>/dev/null | tar tf - | sort
rm -f big big2 big3 big4; kill $server; wait $server || echo ended
