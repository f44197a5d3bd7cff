# SPDX-License-Identifier: GPL-2.0-or-later
# Real programs that live on a mount: built there, scripts, virtual environments, under strace and gdb.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc make
ext4_image fs.img 256M
mkdir mnt
M=$HERE/mnt

# inside SCRIPT: run by bash in a view with the image at $M, the working directory there
inside() {
	status um -m "$HERE/fs.img:$M" -- bash -c "cd '$M' && $1"
}

cat >build.sh <<'END'
set -e
mkdir proj && cd proj
printf 'prog: a.o b.o\n\t$(CC) -o $@ a.o b.o\n%%.o: %%.c gen.h\n\t$(CC) -g -O0 -c -o $@ $<\n' >Makefile
printf 'gen.h: gen.sh\n\t./gen.sh >$@\n' >>Makefile
printf '#!/bin/sh\necho "#define N 42"\n' >gen.sh
chmod +x gen.sh
printf '#include "gen.h"\nint f(int x) { return x + N; }\n' >a.c
printf '#include <stdio.h>\nint f(int x);\n' >b.c
printf 'int main(int c, char **v) { (void)c; printf("%%s %%d\\n", v[0], f(1)); return 3; }\n' >>b.c
make -j2 >/dev/null
./prog
END
inside "bash $HERE/build.sh"
is "a project built and run on the mount" "$OUT $STATUS" "./prog 43 3"

cat >scripts.sh <<'END'
cp /bin/bash mybash; cp /bin/true mytrue
printf '#!/bin/sh\necho "$0 $*"\n' >s.sh
printf '#!./mybash\necho "own $0 $*"\n' >own.sh
printf 'echo "no line $0"\n' >plain
chmod +x s.sh own.sh plain
mkdir -p d/e
./s.sh 1; ./own.sh 2; ./plain; (cd d/e && ../../s.sh 3 && pwd)
./mybash -c 'read -r c </proc/$$/comm; echo "$0 $c $(readlink /proc/$$/exe)"'
find d s.sh own.sh -name '*.sh' -exec ./mytrue {} + && echo found
echo a b | xargs ./s.sh
END
inside "bash $HERE/scripts.sh"
is "scripts and their interpreters" "$OUT" "./s.sh 1
own ./own.sh 2
no line ./plain
../../s.sh 3
$M/d/e
./mybash mybash $M/mybash
found
./s.sh a b"

if [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import venv' 2>/dev/null; then
	inside "/usr/bin/python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix)'"
	is "a virtual environment of python" "$OUT" "$M/v"
	inside "printf '#!$M/v/bin/python\nimport sys\nprint(sys.argv, sys.prefix)\n' >t.py; chmod +x t.py; ./t.py x"
	is "a script of it" "$OUT" "['./t.py', 'x'] $M/v"
fi

if command -v busybox >/dev/null; then
	inside "cp \$(command -v busybox) . && mkdir bin && ./busybox --install -s bin && PATH=$M/bin $M/bin/sh -c 'echo \$0 | cat'"
	has "a static program of many names" "$OUT" "sh"
fi

inside 'for i in $(seq 60); do (cd d && ../s.sh $i >../out.$i) & done; wait; cat out.* | sort -u | wc -l'
is "many at once" "$OUT" 60

inside 'for i in $(seq 20); do (while :; do ./mytrue; cd d; cd ..; done) & p=$!; sleep 0.02; kill -9 $p; wait $p 2>/dev/null; done; echo all gone'
is "killed at any time" "$OUT" "all gone"

# A tracer of the guest's own: then the supervisor cannot be one.
if command -v strace >/dev/null; then
	inside 'strace -f -o /dev/null bash -c "./mytrue && ./s.sh a; d/../s.sh b; ./mybash -c \"echo \\\$0\""'
	is "under strace -f" "$OUT" "./s.sh a
d/../s.sh b
./mybash"
fi
if command -v strace >/dev/null; then
	# names shorter than any path of ours
	inside 'printf "#!/bin/sh\necho \$0 \$*; read -r c </proc/\$\$/comm; echo \$c\n" >q; chmod +x q
		cp /usr/bin/printenv e; cp /bin/echo o; cp /bin/sh b
		FOO=bar strace -o /dev/null ./e FOO; strace -f -o /dev/null sh -c "./q 1; ./o 2 3; exec ./o 4"
		strace -o /dev/null ./b -c "echo \$0; read -r c </proc/\$\$/comm; echo \$c"
		strace -o /dev/null -f bash -c "./o 5 | ./b -c cat"; ./e | grep -v ^_= >1; strace -o /dev/null ./e | grep -v ^_= | cmp - 1
		strace -o /dev/null env -i A=1 ./e'
	is "under strace, by short names" "$OUT" "bar
./q 1
q
2 3
4
./b
b
5
A=1"
	# scripts whose interpreter is on the mount, where the kernel does not find it
	inside 'cp /bin/sh own-sh; printf "#!own-sh -u\necho \$0 \$*; read -r c </proc/\$\$/comm; echo \$c\n" >own; chmod +x own
		./own-sh -c "./own 1"; strace -f -o /dev/null ./own 2; strace -f -o /dev/null ./own-sh -c "./own 3; exit 4"; echo $?
		printf "#!./own\n" >deep; chmod +x deep; strace -o /dev/null ./deep 2>&1'
	is "under strace, with an interpreter of the mount" "$OUT" "./own 1
own
./own 2
own
./own 3
own
4
strace: exec: No such file or directory"
	inside 'cat >chdir.c <<END
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void)
{
	int bad = 0;
	for (int i = 0; i < 30; i++) {
		char w[] = "'"$M"'/d", here[4096];
		bad += chdir(w) < 0 || strcmp(getcwd(here, sizeof(here)), "'"$M"'/d") || chdir("/") < 0;
	}
	printf("%d\n", bad);
}
END
		gcc -o chdir chdir.c && strace -o /dev/null ./chdir'
	is "chdir under strace" "$OUT" 0
fi
if command -v gdb >/dev/null; then
	inside "gdb -q -nx -batch -ex 'break f' -ex run -ex bt -ex cont ./proj/prog"
	has "a breakpoint of gdb" "$OUT" "#0  f (x=1) at a.c:2"
	has "the program goes on" "$OUT" "$M/proj/prog 43"
	inside "printf '#include <unistd.h>\n#include <sys/wait.h>\nint f(int x) { return x + 1; }\nint main(void) {' >k.c
		printf 'if (fork() == 0) return f(1); wait(0); return 0; }\n' >>k.c; gcc -g -O0 -o kids k.c
		gdb -q -nx -batch -ex 'set follow-fork-mode child' -ex 'break f' -ex run -ex 'print x' -ex cont ./kids"
	has "the child is followed" "$OUT" '$1 = 1'
	has "and ends" "$OUT" "exited with code 02"
fi
clean_fs fs.img

# The ELF interpreter of every program of the host is another file in the view.
LD=/lib64/ld-linux-x86-64.so.2
if [ -e "$LD" ]; then
	mkdir ld
	cp -L "$LD" ld
	ext4_image ld.img 16M -d ld
	status um -m "$HERE/ld.img:/lib64" -- bash -c '/bin/true && readlink /proc/self/exe &&
		grep -q "/lib64/ld-linux" /proc/self/maps && sh -c "read -r c </proc/\$\$/comm; echo \$c"'
	is "programs with an ELF interpreter of the view" "$OUT" "$(readlink -f "$(command -v readlink)")
sh"
fi
