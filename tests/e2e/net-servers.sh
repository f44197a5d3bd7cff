# SPDX-License-Identifier: GPL-2.0-or-later
# File servers that use the network of the view, with the kernel's stack.
# timeout: 300
STACK=kernel LINK=pair
. "$TOP/tests/e2e/lib-net-programs.sh"
try_file_servers
end_servers
