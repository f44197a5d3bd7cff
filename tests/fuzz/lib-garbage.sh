# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For fuzz/frames and fuzz/lwip, in the test's own folder: garbage.sh SECONDS SEED [WHERE] sends what is none; answer.py
# serves one connection at port 80, and says so by a file "up"; ask.py HOST PORT prints what it is told.
cat >garbage.sh <<'S'
end=$(($(date +%s) + $1)) seed=$2
while [ "$(date +%s)" -lt "$end" ]; do
	"$PYTHON" "$TOP/tests/lib/garbage.py" "${3:-eth0}" 5000 "$seed"
	seed=$((seed + 1))
done
S
cat >answer.py <<'S'
import socket
s = socket.create_server(("", 80))
open("up", "w").close()
s.accept()[0].sendall(b"it lives")
S
cat >ask.py <<'S'
import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 20).makefile().read())
S
