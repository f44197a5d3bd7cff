# SPDX-License-Identifier: GPL-2.0-or-later
# need: dash
dash -ec 'echo x >a; cat a a >b; while read -r l; do echo "l $l"; done <b; exec 4<a; cat <&4; exec 4<&-; set -C; echo y >a || echo kept'
# A child that ends while the shell looks for a file: dash handles SIGCHLD without SA_RESTART.
dash -c 'wrong=0; for i in $(seq 300); do true & /bin/true & cd /etc && [ -f /etc/passwd ] && [ -d /usr ] && cd / ||
	wrong=$((wrong + 1)); done; wait; echo "wrong $wrong"'
