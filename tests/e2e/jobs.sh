# SPDX-License-Identifier: GPL-2.0-or-later
# Job control on a terminal: Ctrl-C, Ctrl-Z, fg, window size, in the view and around it.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
exec "$PYTHON" "$TOP/tests/lib/terminal.py"
