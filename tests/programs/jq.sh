# SPDX-License-Identifier: GPL-2.0-or-later
# need: jq file
set -e
echo '{"a": [1, 2, {"b": "c"}], "d": null}' >f; jq -c . f; jq '.a[2].b' f; jq -r '.a | length' f; jq -e .d f || echo $?; jq -n --slurpfile x f '$x[0].a[0]'; jq -c --stream . f | wc -l; seq 3 | jq -s add; echo '{' | jq . 2>/dev/null || echo $?; jq -n input f | wc -c
file f /bin/sh . | sed 's/.*: *//' | cut -c1-20; printf 'GIF89a' | file - ; echo a >e; file -i e; xxd f 2>/dev/null | head -1; strings f | wc -l; hexdump -C e; cmp f f; column -t f | wc -l; rev e; split -n l/2 f s.; csplit -s f 1; getopt -o a: -- -a x; tsort <<X
a b
b c
X
