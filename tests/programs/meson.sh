# SPDX-License-Identifier: GPL-2.0-or-later
# need: meson ninja gcc
# timeout: 200
set -e
cat >meson.build <<'X'
project('hello', 'c', version: '1.2')
cc = meson.get_compiler('c')
conf = configuration_data({'SAY': '"' + meson.project_name() + '"', 'HAVE': cc.has_function('openat2_not') ? 1 : 0})
configure_file(output: 'conf.h', configuration: conf)
l = static_library('l', 'l.c')
e = executable('hello', 'm.c', link_with: l, install: true)
test('runs', e)
X
echo 'int l(void) { return 42; }' >l.c; printf '#include <stdio.h>\n#include "conf.h"\nint l(void);\nint main(void) { printf("%%s %%d %%d\\n", SAY, l(), HAVE); return 0; }\n' >m.c
meson setup scratch-b >log 2>&1 || cat log; rm log
ninja -C scratch-b >/dev/null; scratch-b/hello; meson test -C scratch-b 2>&1 | grep '^Ok'; DESTDIR=$PWD/out meson install -C scratch-b --no-rebuild >/dev/null; find out | sort; sleep 1.1; touch l.c; ninja -C scratch-b -n | grep -c '^\['; meson configure scratch-b -Dbuildtype=release; ninja -C scratch-b >/dev/null; scratch-b/hello; rm -rf out
