# SPDX-License-Identifier: GPL-2.0-or-later
# need: script
set -e
script -qec 'echo tty; test -t 0 && echo yes; stty size >/dev/null && echo size' scratch-out </dev/null | tr -d '\r'
