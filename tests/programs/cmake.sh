# SPDX-License-Identifier: GPL-2.0-or-later
# need: cmake gcc make
# timeout: 200
set -e
cat >CMakeLists.txt <<'X'
cmake_minimum_required(VERSION 3.13)
project(hello C)
configure_file(conf.h.in conf.h)
add_library(l SHARED l.c)
add_executable(hello m.c)
target_include_directories(hello PRIVATE ${CMAKE_BINARY_DIR})
target_link_libraries(hello l)
install(TARGETS hello l DESTINATION bin)
enable_testing()
add_test(NAME runs COMMAND hello)
X
echo '#define SAY "@PROJECT_NAME@"' >conf.h.in; echo 'int l(void) { return 42; }' >l.c; printf '#include <stdio.h>\n#include "conf.h"\nint l(void);\nint main(void) { printf("%%s %%d\\n", SAY, l()); return 0; }\n' >m.c
cmake -S . -B scratch-b >log 2>&1 || cat log; rm log
cmake --build scratch-b -- -s -j2 | grep -c Built; scratch-b/hello; (cd scratch-b; ctest 2>&1 | grep 'tests passed'); DESTDIR=$PWD/out cmake --install scratch-b --prefix /usr | sed 's,.*/,,' | sort; find out | sort; sleep 1.1; touch l.c; cmake --build scratch-b -- -s | grep -c Built; rm -rf out
