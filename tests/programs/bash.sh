# SPDX-License-Identifier: GPL-2.0-or-later
# need: bash
set -e
echo a >f; echo b >>f; cat <f; { echo c; echo d; } >g 2>&1; cat <<X >h
here $((1 + 2))
X
exec 3<>f; read -r -u3 line; echo "$line"; exec 3>&-
for i in 1 2 3; do echo $i; done | while read -r x; do echo "got $x"; done
diff <(sort g) <(sort -r g) || echo differ
(exit 7) || echo $?
a=(x y z); echo "${a[@]:1}" "${#a[@]}"
mkdir -p d/e; cd d/e; pwd | sed 's,.*/d/e,d/e,'; cd ../..; pushd d >/dev/null; popd >/dev/null
sleep 0.1 & wait $!; echo waited $?
trap 'echo term' TERM; kill -TERM $$; set -- *; echo "$@"
coproc cat; echo hi >&"${COPROC[1]}"; read -r x <&"${COPROC[0]}"; echo "$x"
printf '%s\n' {1..5} | paste -sd+ | bc 2>/dev/null || echo 15
ulimit -n 64; echo low >l; cat l; exec 40<l; cat <&40 || echo $?
umask 077; : >private; stat -c %a private
