# SPDX-License-Identifier: GPL-2.0-or-later
# need: rsync
# A daemon on loopback; and rsync over a pipe, as it runs over ssh.
set -e
mkdir -p data/sub store; for i in $(seq 50); do seq $i >data/sub/f$i; done; ln -s f1 data/sub/l; chmod 600 data/sub/f2
printf 'use chroot = no\nmunge symlinks = no\npid file = %s/scratch-pid\nlog file = %s/scratch-log\naddress = 127.0.0.1\n[out]\npath = %s/data\n[in]\npath = %s/store\nread only = no\n' "$PWD" "$PWD" "$PWD" "$PWD" >scratch-conf
: >scratch-log
trap 'kill $server 2>/dev/null || :' EXIT
for try in 1 2 3 4 5; do
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	rsync --daemon --no-detach --config=scratch-conf --port=$port & server=$!
	for i in $(seq 100); do rsync --port=$port 127.0.0.1:: >scratch-list 2>/dev/null && break 2; kill -0 $server 2>/dev/null || break; sleep 0.1; done
done
cut -f1 scratch-list; rsync -a --port=$port 127.0.0.1::out/ got/; diff -r data got && echo same; echo more >>data/sub/f9; rm data/sub/f7; rsync -a --checksum --delete --port=$port 127.0.0.1::out/ got/; diff -r data got && echo same; rsync -az --port=$port data/ 127.0.0.1::in/; diff -r data store && echo same; stat -c %a store/sub/f2; rsync --port=$port 127.0.0.1::nothere 2>/dev/null || echo $?
kill $server; wait $server || true
printf '#!/bin/sh\nshift\nexec "$@"\n' >sh; chmod +x sh; rsync -a -e ./sh data/ host:"$PWD/piped/"; diff -r data piped && echo same; rsync -a --link-dest=../piped data/ linked/; stat -c %h linked/sub/f3; rsync -a --backup --suffix=.old --inplace got/ linked/; rsync -aS --partial data/ sparse/; diff -r data sparse && echo same
