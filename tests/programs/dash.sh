# SPDX-License-Identifier: GPL-2.0-or-later
# need: dash
exec dash -ec 'echo x >a; cat a a >b; while read -r l; do echo "l $l"; done <b; exec 4<a; cat <&4; exec 4<&-; set -C; echo y >a || echo kept'
