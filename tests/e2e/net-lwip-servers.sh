# SPDX-License-Identifier: GPL-2.0-or-later
# File servers that use the network of the view, whose stack is a process.
# timeout: 300
STACK=lwip LINK=pair
. "$TOP/tests/e2e/lib-net-programs.sh"
try_file_servers
end_servers
