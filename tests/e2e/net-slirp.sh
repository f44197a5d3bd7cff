# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers and clients of the host, by slirp, with the kernel's stack.
# timeout: 300
STACK=kernel LINK=slirp
. "$TOP/tests/e2e/lib-net-programs.sh"
try_names
try_web
try_ssh
try_iperf3
try_tools
end_servers
