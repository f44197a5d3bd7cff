# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL and SQLite at work in a folder, killed by SIGKILL, started again and checked.

databases.py FOLDER make        both, with their tables
databases.py FOLDER killed N    they work and are killed N times; each time what they said to have committed is there
databases.py FOLDER work        they work until somebody ends it; the file "busy" tells when that is worth while
databases.py FOLDER check       after that

What is committed goes to files in the working directory, beside the folder.
"""
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

WAIT_S = 60
ROWS = 15  # commits that each is to have made before it is killed


def run(*words, **more):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def sql(*statements):
    return run("psql", "-qAt", *(word for s in statements for word in ("-c", s))).split()


def lines(name):
    """The complete ones of a log that may be cut off."""
    with contextlib.suppress(FileNotFoundError), open(name, encoding="ascii") as f:
        return f.read().split("\n")[:-1]
    return []


def until(what, true):
    end = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > end:
            sys.exit(f"still not so: {what}")
        time.sleep(0.05)


class Postgres:
    def __init__(self, folder):
        self.dir = f"{folder}/pg"

    def make(self):
        run("initdb", "-D", self.dir, "-U", "me", "-A", "trust", "--locale=C", "-E", "UTF8")
        with open(f"{self.dir}/postgresql.conf", "a", encoding="ascii") as f:
            f.write(f"listen_addresses = ''\nunix_socket_directories = '{os.getcwd()}'\nshared_buffers = 8MB\n")
        self.start()
        sql("create table t(a serial primary key, b text)", "create extension amcheck")
        run("pgbench", "-q", "-i", stderr=subprocess.STDOUT)

    def start(self):
        # while a process of the killed one is on its way out its shared memory is in use
        until("PostgreSQL starts", lambda: subprocess.call(["pg_ctl", "-D", self.dir, "-l", "pg.log", "-w", "start"],
                                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0)

    def stop(self):
        run("pg_ctl", "-D", self.dir, "-m", "fast", "-w", "stop")

    def kill(self):
        with open(f"{self.dir}/postmaster.pid", encoding="ascii") as f:
            pid = int(f.readline())
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            pids = [pid, *map(int, f.read().split())]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @staticmethod
    def work():
        with open("rows.pg", "a", encoding="ascii") as log, open("psql.in", "w", encoding="ascii") as f:
            f.write("insert into t(b) values (repeat('x', 300)) returning a;\n" * 100000)
            return [subprocess.Popen(["pgbench", "-n", "-c", "2", "-T", "600"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL),
                    subprocess.Popen(["psql", "-qAt", "-f", "psql.in"], stdout=log, stderr=subprocess.DEVNULL)]

    @staticmethod
    def check():
        lost = set(lines("rows.pg")) - set(sql("select a from t"))
        assert not lost, f"PostgreSQL: {len(lost)} rows are lost"
        said = sql("select sum(delta) = (select sum(abalance) from pgbench_accounts) from pgbench_history",
                   "select count(bt_index_check(i.indexrelid, true)) > 3 from pg_index i join pg_class c"
                   " on c.oid = i.indexrelid where c.relnamespace = 'public'::regnamespace")
        assert said == ["t", "t"], f"PostgreSQL: {said}"


class Sqlite:
    def __init__(self, folder):
        self.path = f"{folder}/s.db"

    def open(self):
        return sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)

    def make(self):
        with contextlib.closing(self.open()) as db:
            db.execute(f"pragma journal_mode={random.choice(('wal', 'delete', 'truncate'))}")
            db.execute("create table t(a integer primary key, b blob)")

    def work(self):
        pid = os.fork()
        if pid:
            return pid
        log = os.open("rows.sqlite", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        db = self.open()
        while True:
            row = db.execute("insert into t(b) values (randomblob(500))").lastrowid
            os.write(log, f"{row}\n".encode())

    def check(self):
        with contextlib.closing(self.open()) as db:
            lost = set(map(int, lines("rows.sqlite"))) - {a for (a,) in db.execute("select a from t")}
            assert not lost, f"SQLite: {len(lost)} rows are lost"
            said = db.execute("pragma integrity_check").fetchall()
            assert said == [("ok",)], f"SQLite: {said}"


def main():
    folder, what, *more = sys.argv[1:]
    pg, lite = Postgres(folder), Sqlite(folder)

    def busy():
        before = len(lines("rows.pg")), len(lines("rows.sqlite"))
        jobs = pg.work()
        writer = lite.work()
        until("both commit", lambda: len(lines("rows.pg")) > before[0] + ROWS and
              len(lines("rows.sqlite")) > before[1] + ROWS)
        return jobs, writer

    if what == "make":
        pg.make()
        lite.make()
        pg.stop()
    elif what == "killed":
        pg.start()
        for _ in range(int(more[0])):
            jobs, writer = busy()
            time.sleep(random.random())
            os.kill(writer, signal.SIGKILL)
            pg.kill()
            for job in jobs:
                job.wait()
            os.waitpid(writer, 0)
            pg.start()
            pg.check()
            lite.check()
        pg.stop()
    elif what == "work":
        pg.start()
        busy()
        with open("busy", "w", encoding="ascii"):
            pass
        signal.pause()
    else:
        pg.start()
        pg.check()
        lite.check()
        pg.stop()
    print(what)


main()
