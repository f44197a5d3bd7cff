# SPDX-License-Identifier: GPL-2.0-or-later
# need: man
set -e
mkdir -p man/man1 man/man7; printf '.TH HELLO 1\n.SH NAME\nhello \\- says it\n.SH DESCRIPTION\n.B hello\nsays hello.\n.so man7/inc.7\n' >man/man1/hello.1; printf 'Included text.\n' >man/man7/inc.7; gzip -k -n man/man1/hello.1; mv man/man1/hello.1.gz man/man1/bye.1.gz
export MANPATH=$PWD/man MANWIDTH=60 MANPAGER=cat LC_ALL=C.UTF-8
man -l man/man1/hello.1 | head -8; man bye | grep -c Included; man -w hello | sed 's,.*/man/,,'; man nothere 2>/dev/null || echo $?; mandb -q -c -u man >/dev/null 2>&1 || true; man -k hello 2>/dev/null | head -1; printf '.PP\n\\fIx\\fP (y)\n' | groff -Tascii -man -P-c | grep . ; rm -rf man/cat* man/index.db man/CACHEDIR.TAG
