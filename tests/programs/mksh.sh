# SPDX-License-Identifier: GPL-2.0-or-later
# need: mksh
exec mksh -ec 'echo x >a; print -r -- "$(<a)"; typeset -i n=5; echo $((n * 2)); set -A v p q; echo "${v[@]}"; cat a |& read -p l; echo "$l"; mkdir d; cd d; cd - >/dev/null; [[ -d d ]] && echo dir; (exit 3) || echo $?; cat <<<here; for f in *; do echo "$f"; done; trap "echo bye" EXIT; exec 5<a; read -u5 z; echo "$z"'
