# SPDX-License-Identifier: GPL-2.0-or-later
# need: pgbench psql
# timeout: 150
set -e
export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH PGHOST=$PWD PGDATABASE=postgres PGUSER=me
initdb -k -D scratch-db -U me -A trust --locale=C -E UTF8 >scratch-init 2>&1 || cat scratch-init
printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PWD'" 'shared_buffers = 8MB' 'max_connections = 20' >>scratch-db/postgresql.conf
trap 'pg_ctl -D scratch-db -m immediate stop >/dev/null 2>&1 || :' EXIT
pg_ctl -D scratch-db -l scratch-log -w -t 60 start >/dev/null || cat scratch-log
psql -Atc 'create table t(a int primary key, b text); insert into t select i, md5(i::text) from generate_series(1, 3000) i; select count(*), min(b) from t'
pgbench -q -i -s 1 >scratch-bench 2>&1 || cat scratch-bench
pgbench -n -c 2 -j 2 -t 60 2>&1 | grep 'actually processed'
psql -Atc 'select sum(delta) = (select sum(abalance) from pgbench_accounts) from pgbench_history'; psql -Atc checkpoint -c 'vacuum full t'
psql -Atc "copy t to stdout" | md5sum; pg_dump -t t | grep -c '^[0-9]'
pg_ctl -D scratch-db -m fast -w stop | tail -1; pg_ctl -D scratch-db -l scratch-log -w start >/dev/null; psql -Atc 'select count(*) from pgbench_history'
pg_ctl -D scratch-db -m immediate -w stop >/dev/null; pg_ctl -D scratch-db -l scratch-log -w start >/dev/null; psql -Atc 'select count(*), sum(a) from t'
pg_ctl -D scratch-db -m fast -w stop >/dev/null; pg_checksums -D scratch-db -c 2>&1 | tail -1; ls -A | grep -v scratch || echo clean
