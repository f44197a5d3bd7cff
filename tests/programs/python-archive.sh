# SPDX-License-Identifier: GPL-2.0-or-later
# need: python3
# timeout: 150
# Python's own tests: the outcome of each is compared.
exec "$PYTHON" "$TOP/tests/lib/pythontests.py" test_zipfile64 test_gzip test_sqlite3 test_dbm test_dbm_gnu test_shelve
