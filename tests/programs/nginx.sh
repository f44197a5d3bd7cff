# SPDX-License-Identifier: GPL-2.0-or-later
# need: nginx curl
set -e
mkdir -p www/sub scratch-n; echo page >www/index.html; head -c 2000000 /dev/zero >www/big; seq 2000 >www/sub/text.txt
cat >conf <<X
daemon off; pid $PWD/scratch-n/pid; error_log $PWD/scratch-n/error.log; worker_processes 2;
events { worker_connections 64; }
http { access_log $PWD/scratch-n/access.log; client_body_temp_path $PWD/scratch-n/b; proxy_temp_path $PWD/scratch-n/p; fastcgi_temp_path $PWD/scratch-n/f; uwsgi_temp_path $PWD/scratch-n/u; scgi_temp_path $PWD/scratch-n/s;
proxy_cache_path $PWD/scratch-n/cache keys_zone=c:1m; sendfile on; tcp_nopush on; gzip on; gzip_min_length 100; gzip_types text/plain;
types { text/html html; text/plain txt; }
server { listen unix:$PWD/sock; root $PWD/www; autoindex on; location /proxied/ { proxy_pass http://unix:$PWD/sock:/; proxy_cache c; proxy_cache_valid 200 1m; add_header X-Cache \$upstream_cache_status; } } }
X
nginx -p "$PWD/scratch-n" -e "$PWD/scratch-n/error.log" -c "$PWD/conf" & server=$!
trap 'kill $server 2>/dev/null || :' EXIT
get() { curl -sS --max-time 60 --unix-socket "$PWD/sock" "$@"; }
for i in $(seq 200); do get -o scratch-x http://x/ 2>/dev/null && break; sleep 0.1; done
get http://x/; get http://x/big | cmp - www/big && echo same; get -r 5-9 http://x/sub/text.txt; echo; get -o scratch-z -w '%{http_code}\n' http://x/nothere; get --compressed http://x/sub/text.txt | cmp - www/sub/text.txt && echo unzipped
get http://x/sub/ | grep -o 'href="[^"]*"'; for i in 1 2; do get -D scratch-head http://x/proxied/big | cmp - www/big; tr -d '\r' <scratch-head | grep X-Cache; done; for i in 1 2 3 4 5 6; do get -o scratch-$i http://x/big & done; for j in $(jobs -p); do [ $j = $server ] || wait $j; done; md5sum <scratch-6 | cut -c1-8
kill -HUP $server; for i in $(seq 100); do get http://x/index.html >/dev/null && break; done; echo new >www/index.html; get http://x/; kill -QUIT $server; wait $server; grep -a 'emerg\|crit\|alert' scratch-n/error.log || echo no errors; rm conf
