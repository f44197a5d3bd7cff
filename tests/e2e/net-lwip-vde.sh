# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers and clients between views on a VDE switch, whose stack is a process.
# timeout: 300
STACK=lwip LINK=vde
. "$TOP/tests/e2e/lib-net-programs.sh"
try_names
try_web
try_ssh
try_iperf3
try_tools
end_servers
