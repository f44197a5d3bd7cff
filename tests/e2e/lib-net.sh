# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# A server of the host, for tests of networks.

# host_server: serves the folder www by HTTP on loopback, at a port that is free, until the test ends; and has abstract
# sockets, a stream's and a datagram's. Sets server, its process, which is in their names, and port.
host_server() {
	"$PYTHON" -u -c '
import functools, http.server, os, socket
u = socket.socket(socket.AF_UNIX)
u.bind("\0umview-test-%d" % os.getpid())
u.listen()
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
d.bind("\0umview-test-%d-d" % os.getpid())
h = functools.partial(http.server.SimpleHTTPRequestHandler, directory="www")
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), h)
print(s.server_port, flush=True)
s.serve_forever()' >port 2>/dev/null &
	server=$!
	trap 'kill $server 2>/dev/null' EXIT
	until_true 20 test -s port
	port=$(cat port)
}
