# SPDX-License-Identifier: GPL-2.0-or-later
# need: mariadbd mariadb mariadb-install-db
# timeout: 150
set -e
opt="--no-defaults --datadir=$PWD/scratch-db --innodb-log-file-size=8M --innodb-buffer-pool-size=16M --innodb-use-native-aio=0"
mariadb-install-db $opt --auth-root-authentication-method=normal --skip-test-db >scratch-init 2>&1 || cat scratch-init
sql="mariadb --no-defaults -S $PWD/scratch-db/s -u root -N"
start() { mariadbd $opt --skip-networking --socket=s --pid-file=p >>scratch-log 2>&1 & server=$!; for i in $(seq 300); do $sql -e 'select 1' >/dev/null 2>&1 && return; sleep 0.1; done; tail scratch-log; }
trap 'kill $server 2>/dev/null || :' EXIT
start; $sql -e 'create database d; use d; create table d.t(a int primary key, b text); insert into d.t select seq, md5(seq) from seq_1_to_3000; select count(*), min(b) from d.t; create table d.m(a int) engine=aria; insert into d.m values (1),(2); alter table d.t add index (b(8)); check table d.t, d.m'
kill -9 $server; wait $server 2>/dev/null || true
start; $sql -e 'select count(*), sum(a) from d.t; select count(*) from d.m; drop table d.m; optimize table d.t' | cut -f1-2,4; kill $server; wait $server; ls scratch-db/d
