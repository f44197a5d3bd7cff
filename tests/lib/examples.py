# SPDX-License-Identifier: GPL-2.0-or-later
"""examples.py FILE: prints the ```sh blocks of a Markdown file as one script."""
import re
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
if not blocks:
    sys.exit("no examples")
print("set -ex")
for block in blocks:
    print(block)
