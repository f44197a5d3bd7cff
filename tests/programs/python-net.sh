# SPDX-License-Identifier: GPL-2.0-or-later
# need: python3
# timeout: 150
# Python's own tests: the outcome of each is compared.
exec "$PYTHON" "$TOP/tests/lib/pythontests.py" test_selectors test_socketserver
