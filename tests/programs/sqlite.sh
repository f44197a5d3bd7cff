# SPDX-License-Identifier: GPL-2.0-or-later
# need: sqlite3
set -e
sqlite3 d.db 'create table t(a,b); begin; insert into t values(1,"x"),(2,"y"); commit; select * from t; vacuum; pragma integrity_check;'
sqlite3 d.db 'pragma journal_mode=wal; with recursive c(x) as (select 1 union all select x+1 from c where x<5000) insert into t select x, hex(x) from c; select count(*), sum(a) from t; create index i on t(a); select b from t where a = 4000; pragma integrity_check;'
for i in 1 2 3 4; do sqlite3 -cmd '.timeout 20000' d.db "insert into t values($i, 'p')" & done; wait; sqlite3 d.db 'select count(*) from t; .dump' | tail -1; sqlite3 d.db '.backup e.db'; sqlite3 e.db 'select max(a) from t'; rm -f ./*.db*
