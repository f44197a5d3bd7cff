# SPDX-License-Identifier: GPL-2.0-or-later
# need: python3 perl
set -e
printf '#!/bin/sh\necho "$0 $1"\n' >a; printf '#!/usr/bin/env python3\nimport sys; print(sys.argv)\n' >b; printf '#!/usr/bin/perl -w\nprint "$0 @ARGV\\n"\n' >c; printf '#!./a arg\n' >d; printf 'echo no shebang\n' >e; chmod +x a b c d e
./a 1; ./b 1 2; ./c x; ./d y || echo $?; ./e; cp /bin/echo echo; ./echo run; PATH=$PWD:$PATH a 2; ./missing 2>/dev/null || echo $?; ./index 2>/dev/null || echo $?; : >empty; chmod +x empty; ./empty; echo $?; mkdir dir; ./dir 2>/dev/null || echo $?; chmod -x a; ./a 2>/dev/null || echo $?
