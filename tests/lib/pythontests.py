# SPDX-License-Identifier: GPL-2.0-or-later
"""pythontests.py MODULE...: runs parts of Python's own test suite (libpython3-testsuite) in the current
directory and prints the outcome of each test, a line each."""
import os
import subprocess
import sys
import xml.etree.ElementTree

try:
    import test.test_os  # noqa: F401
except ImportError:
    print("no libpython3-testsuite here")
    sys.exit(77)
folder = os.path.realpath("scratch-t")
os.mkdir(folder)
command = [sys.executable, "-m", "test", "--junit-xml", "scratch.xml", "--tempdir", folder,
           "--timeout", "120", *sys.argv[1:]]
with open("scratch-log", "wb") as log:
    subprocess.run(command, env={**os.environ, "TMPDIR": folder}, stdin=subprocess.DEVNULL,
                   stdout=log, stderr=log, check=False)
try:
    cases = list(xml.etree.ElementTree.parse("scratch.xml").iter("testcase"))
except (OSError, xml.etree.ElementTree.ParseError):
    cases = []
    with open("scratch-log", encoding="utf-8", errors="replace") as log:
        print(log.read())
for case in sorted(cases, key=lambda c: c.get("name")):
    words = [c.tag for c in case if c.tag in ("failure", "error", "skipped")]
    print(case.get("name"), *(words or ["passed"]))
sys.exit(0 if cases else 1)
