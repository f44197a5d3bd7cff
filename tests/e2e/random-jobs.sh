# SPDX-License-Identifier: GPL-2.0-or-later
# One view at work for long (an hour in `make soak`): jobs of all kinds, drawn by lot, three at a time, on files of
# the host and on two mounts, while a third is mounted and unmounted. Each proves its own result. What the
# supervisor has at the end is what it had near the beginning, and nothing is left.
# timeout: 300
# soak: 4500
. "$TOP/tests/e2e/lib.sh"
need git sqlite3 gcc make rsync perl python3 flock

seconds=12
if [ -n "${UMVIEW_SOAK:-}" ]; then
	seconds=3600
fi
seed=${UMVIEW_SEED:-$RANDOM}
echo "UMVIEW_SEED=$seed"
export UM_TIMEOUT=$((seconds + 300))
ext4_image a.img 200M -N 60000
ext4_image b.img 200M -N 60000
ext4_image third.img 16M
mkdir a b third host

cat >job.sh <<'JOB'
set -Eeuo pipefail
trap 'echo "job $1 in $PWD: line $LINENO: status $?: $BASH_COMMAND" >&2' ERR
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
same() { [ "$1" = "$2" ] || { echo "job: '$1' is not '$2'" >&2; exit 1; }; }
case $1 in
0)	printf 'int main(void) { return 42; }\n' >p.c
	gcc -o p p.c
	./p && exit 1 || same $? 42 ;;
1)	git init -q g
	cd g
	for i in 1 2 3; do echo "$i" >"f$i"; git add .; git commit -qm "$i"; done
	git gc -q
	git fsck 2>&1 | grep -v ^dangling || true
	same "$(git rev-list --count HEAD)" 3 ;;
2)	mkdir t
	seq 300 | split -l 1 - t/f
	tar cf - t | (mkdir u && tar xf - -C u)
	diff -r t u/t ;;
3)	sqlite3 db 'create table t(a); begin; insert into t values(1),(2),(3); commit;'
	same "$(sqlite3 db 'select sum(a) from t; pragma integrity_check' | tr '\n' ' ')" "6 ok " ;;
4)	seq 20000 | sort -R | gzip >s.gz
	same "$(zcat s.gz | sort -n | md5sum)" "$(seq 20000 | md5sum)" ;;
5)	printf 'all: x.o y.o\n%%.o: %%.c\n\tgcc -c -o $@ $<\n' >Makefile
	echo 'int x;' >x.c
	echo 'int y;' >y.c
	make -s -j2
	test -s x.o -a -s y.o ;;
6)	mkdir -p s/one/two
	echo deep >s/one/two/f
	ln s/one/two/f s/hard
	ln -s one/two/f s/soft
	rsync -aH s/ d/
	same "$(cat d/hard d/soft | tr '\n' ' ')" "deep deep "
	same "$(stat -c %h d/hard)" 2 ;;
7)	python3 -c '
import mmap, os
with open("m", "w+b") as f:
    f.truncate(100000)
    m = mmap.mmap(f.fileno(), 100000)
    m[50000:50005] = b"hello"
    m.flush()
    assert os.pread(f.fileno(), 5, 50000) == b"hello"
    os.unlink("m")
    assert m[50000:50005] == b"hello"' ;;
8)	mkfifo p
	seq 5000 >p &
	same "$(wc -l <p)" 5000
	wait ;;
9)	echo 0 >n
	for i in 1 2 3 4 5; do
		(for j in 1 2 3; do flock l sh -c 'read v <n; echo $((v + 1)) >n'; done) &
	done
	wait
	same "$(cat n)" 15 ;;
10)	for i in $(seq 60); do mkdir -p "d$i/e"; mv "d$i" "r$i"; done
	find . -name e | wc -l | { read -r n; same "$n" 60; }
	rm -r r* ;;
11)	(setsid sleep 0.2 >/dev/null 2>&1 </dev/null &)
	sleep 100 &
	kill -9 $!
	wait $! 2>/dev/null || same $? 137 ;;
12)	cp /bin/echo ./e
	same "$(./e run)" run
	printf '#!./e of\n' >script
	chmod +x script
	same "$(./script)" "of ./script" ;;
13)	perl -e 'for (1..200) { open my $f, ">", "p$_" or die; print $f $_; close $f or die } unlink glob "p*" or die'
	same "$(ls | wc -l)" 0 ;;
14)	dd if=/dev/urandom of=big bs=64k count=40 status=none
	cp --sparse=never big copy
	truncate -s 1000000 copy
	cmp -n 1000000 big copy ;;
15)	exec 9>log
	for i in 1 2 3 4; do echo "$i" >&9 & done
	wait
	rm log
	same "$(sort <"/proc/$$/fd/9" 2>/dev/null | tr -d '\n')" 1234 ;;
esac
JOB

cat >view.sh <<'VIEW'
set -euo pipefail
RANDOM=$1
top=$PWD sup=$(awk '/^PPid/{print $2}' /proc/$$/status) end=$((SECONDS + $2)) n=0 half=
state() {
	awk '/^(VmRSS|Threads|FDSize):/{print $2}' "/proc/$sup/status" | tr '\n' ' '
}
one() {
	local dir=$top/$1/job$2
	mkdir "$dir"
	cd "$dir"
	timeout 100 bash "$top/job.sh" "$3" >"$top/out$2" 2>&1 ||
		{ echo "job $3 in $1 after $SECONDS s: status $?"; cat "$top/out$2"; find . | tail -n 30; exit 1; }
	cd "$top"
	rm -rf "$dir" "$top/out$2"
}
places=(host a b)
while [ "$SECONDS" -lt "$end" ] || [ "$n" -lt 36 ]; do
	pids=()
	for i in 1 2 3; do
		# all kinds in one order, then in another
		[ $((n % 16)) -ne 0 ] || mapfile -t kinds < <(for k in {0..15}; do echo "$RANDOM $k"; done | sort -n | cut -d" " -f2)
		one "${places[RANDOM % 3]}" $n "${kinds[n % 16]}" &
		pids+=($!)
		n=$((n + 1))
	done
	if [ $((RANDOM % 3)) = 0 ]; then
		umctl mount third.img third
		echo "$n" >third/n
		[ "$(cat third/n)" = "$n" ]
		umctl umount third
	fi
	for pid in "${pids[@]}"; do wait "$pid"; done
	# once all has been used, it does not grow any more
	if [ ! "$half" ] && [ "$SECONDS" -ge $((end - $2 / 2)) ] && [ "$n" -gt 16 ]; then half=$(state); fi
done
echo "jobs $n"
echo "half $half"
# threads that have nothing more to do go by and by
for i in $(seq 100); do
	[ "$(awk '/^Threads:/{print $2}' "/proc/$sup/status")" -gt 16 ] || break
	sleep 0.2
done
echo "end $(state)"
VIEW
status um -m a.img:a -m b.img:b -- bash view.sh "$seed" "$seconds"
echo "$OUT"
is "all jobs went well" "$STATUS" 0
has "they ran to their end" "$OUT" "jobs "
read -r _ fds1 rss1 threads1 < <(grep ^half <<<"$OUT")
read -r _ fds2 rss2 threads2 < <(grep ^end <<<"$OUT")
[ "$rss2" -le $((rss1 * 3 / 2 + 4000)) ] || fail "the supervisor's memory grows: $rss1 KiB at half time, $rss2 at the end"
[ "$threads2" -le $((threads1 + 8)) ] || fail "its threads grow: $threads1, $threads2"
[ "$fds2" -le $((fds1 > 1024 ? fds1 * 2 : 2048)) ] || fail "its table of descriptors grows: $fds1, $fds2"
for image in a b third; do clean_fs $image.img; done
is "what the jobs left on the host" "$(ls -A host)" ""
nothing_left
