# SPDX-License-Identifier: GPL-2.0-or-later
# need: autoconf automake gcc make
# timeout: 200
set -e
cat >configure.ac <<'X'
AC_INIT([hello], [1.0])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
AC_CONFIG_HEADERS([config.h])
AC_CHECK_HEADERS([sys/stat.h nothere.h])
AC_CHECK_FUNCS([fork nothere])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
X
printf 'bin_PROGRAMS = hello\nhello_SOURCES = hello.c\nTESTS = hello\n' >Makefile.am
printf '#include <config.h>\n#include <stdio.h>\nint main(void) { printf("%%s %%d\\n", PACKAGE_STRING, HAVE_FORK); return 0; }\n' >hello.c
autoreconf -i >log 2>&1 || cat log
mkdir scratch-b; cd scratch-b; ../configure -q --prefix=/usr CFLAGS=-O1; grep -E 'define (HAVE_FORK|HAVE_SYS_STAT_H|PACKAGE )|undef HAVE_NOTHERE' config.h; make -s; ./hello; make -s check 2>&1 | grep '# PASS'; make -s install DESTDIR="$PWD/out"; find out -type f; make -s dist; tar tzf hello-1.0.tar.gz | sort | head -5; cd ..
rm -rf autom4te.cache log
