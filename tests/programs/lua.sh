# SPDX-License-Identifier: GPL-2.0-or-later
# need: lua5.4 luac5.4
set -e
cat >a.lua <<'X'
local m = require 'm'
local f = assert(io.open('f', 'w')); for i = 1, 100 do f:write('line ', i, '\n') end; f:close()
local n = 0; for l in io.lines('f') do n = n + #l end; print(n, m)
f = io.open('f', 'r+'); f:seek('set', 5); f:write('ONE'); f:seek('set', 0); print(f:read('l')); print(f:seek('end')); f:close()
local p = io.popen('cat f | wc -l; exit 3'); print(p:read('n')); print(p:close())
print(os.rename('f', 'g'), os.remove('nothere')); print(os.execute('exit 4')); print(io.open('nothere')); local t = io.tmpfile(); t:write('x'); t:seek('set'); print(t:read('a'))
X
echo 'return 42' >m.lua; lua5.4 a.lua; luac5.4 -o m.luac m.lua; lua5.4 -e 'print(dofile("m.luac"))'; echo 'print(...)' | lua5.4 - a b; rm m.luac
