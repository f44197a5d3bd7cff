# SPDX-License-Identifier: GPL-2.0-or-later
# need: python3 curl wget
set -e
mkdir www; echo page >www/index.html; seq 50000 >www/f; : >scratch-log
python3 -u -m http.server --bind 127.0.0.1 --directory www 0 >scratch-log 2>&1 & server=$!
trap 'kill $server 2>/dev/null || :' EXIT
for i in $(seq 200); do port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' scratch-log); test -n "$port" && break; sleep 0.1; done
url=http://127.0.0.1:$port; curl -sS $url/; curl -sS -o got $url/f; cmp got www/f && echo same; curl -sS -I $url/f | grep -i '^content-length' | tr -d '\r'; curl -s -f $url/none || echo $?
head -c 100000 www/f >part; curl -sS -C - -o part $url/f 2>/dev/null || echo $?; rm -f part; wget -q -O - $url/; wget -q -r -nH -P mirror $url/; ls mirror; for i in 1 2 3 4 5; do curl -sS -o scratch-$i $url/f & done; for j in $(jobs -p); do [ $j = $server ] || wait $j; done; cmp scratch-5 www/f && echo same
curl -sS "file://$PWD/www/index.html"; curl -sS -d x -o scratch-n -w '%{http_code}\n' $url/
