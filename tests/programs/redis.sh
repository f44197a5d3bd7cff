# SPDX-License-Identifier: GPL-2.0-or-later
# need: redis-server redis-cli
set -e
cli="redis-cli -s $PWD/sock"
start() { redis-server --port 0 --unixsocket "$PWD/sock" --dir "$PWD" --appendonly yes --appendfsync always --save 3600 1 --logfile "$PWD/scratch-log" --enable-debug-command yes & server=$!; for i in $(seq 200); do [ "$($cli ping 2>/dev/null)" = PONG ] && return; sleep 0.1; done; cat scratch-log; }
trap 'kill $server 2>/dev/null || :' EXIT
start; $cli set a 1; $cli incr a; for i in $(seq 100); do echo "rpush l $i"; done | $cli | tail -1; $cli hset h x y; $cli save; ls dump.rdb
$cli bgrewriteaof; for i in $(seq 200); do $cli info persistence | grep -q 'aof_rewrite_in_progress:0' && break; sleep 0.1; done; $cli bgsave >/dev/null; for i in $(seq 200); do $cli info persistence | grep -q 'rdb_bgsave_in_progress:0' && break; sleep 0.1; done; $cli info persistence | grep -a 'last_bgsave_status\|last_bgrewrite_status\|last_write_status' | tr -d '\r'
$cli shutdown nosave; wait $server || true
start; $cli get a; $cli llen l; $cli hget h x; $cli debug digest; kill -9 $server; wait $server 2>/dev/null || true
start; $cli lrange l 98 -1; $cli shutdown save; wait $server; redis-check-rdb dump.rdb | grep -c 'OK\|looks OK' >/dev/null && echo checked; rm -rf dump.rdb appendonlydir; ls -A | grep -v scratch || echo clean
