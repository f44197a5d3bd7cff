# SPDX-License-Identifier: GPL-2.0-or-later
# need: less script
set -e
export TERM=xterm LESS= LESSHISTFILE=-
seq 200 >f
less f | tail -1
(for k in G g /150 q; do sleep 0.3; printf '%s' "$k"; [ "$k" = /150 ] && printf '\r'; done) | script -qec 'stty rows 10 cols 40; less f; echo "status $?"' scratch-typescript | tr -d '\r' | grep -ao 'status [0-9]*\|^200\|^150$' | sort -u
less --version | head -1 | cut -c1-4; more f </dev/null | wc -l
