# SPDX-License-Identifier: GPL-2.0-or-later
# Python's own tests of sockets, in networks of both stacks.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
"$PYTHON" -c 'import test.test_socketserver' 2>/dev/null || skip "no tests of Python here"
# passes LINK [TEST...]: these of Python's, and those of every stack
passes() {
	UM_TIMEOUT=250 gives "in $1" 0 um --net "$1" -- "$PYTHON" -m test -q --timeout 120 "${@:2}" test_select test_poll \
		test_selectors test_socketserver test_httpservers test_urllib2_localnet test_asyncore
}
if unshare -Urn true 2>/dev/null; then
	passes none test_epoll # which wants what was sent to have come when send(2) returns
fi
if built umview-lwip; then
	passes none,stack=lwip
fi
nothing_left
