# SPDX-License-Identifier: GPL-2.0-or-later
# The runner of `make soak`: the tests that have a long form, with the time that it takes; Ctrl-C ends what they have started,
# and --resume goes on after what has passed.
. "$TOP/tests/e2e/lib.sh"
mkdir -p t/tests/fuzz
cp -r "$TOP/tests/run" "$TOP/tests/lib" t/tests/
printf '# soak: 60\necho "$UMVIEW_SOAK"\n' >t/tests/fuzz/a.sh
printf '# timeout: 1\n# soak: 60\ncase $UMVIEW_SOAK in "") ;; *) sleep 2 ;; esac\n' >t/tests/fuzz/b.sh
printf '# soak: 60\n[ ! -e "%s/wait" ] || { echo $$ >"%s/waits"; exec sleep 300; }\n' "$HERE" "$HERE" >t/tests/fuzz/c.sh
echo 'exit 1' >t/tests/fuzz/short.sh
soak() { "$PYTHON" t/tests/run --no-build -j1 --soak "$@" fuzz; }

touch wait
# not by the function: the signal is for the runner itself
"$PYTHON" t/tests/run --no-build -j1 --soak fuzz >first 2>&1 &
run=$!
until_true 60 test -s waits
kill -INT $run
STATUS=0
wait $run || STATUS=$?
is "it is not passed" "$STATUS" 1
is "the last line" "$(tail -n 1 first)" "2 passed, 0 failed, 0 skipped"
has "it says so" "$(cat first)" "# interrupted"
until_true 20 test ! -e "/proc/$(cat waits)"
rm wait
gives "resumed" 0 soak --resume
is "the rest" "$(grep "^ok" <<<"$OUT" | cut -d' ' -f3)" fuzz/c
has "what is left out" "$OUT" "# passed already: fuzz/a fuzz/b"
gives "all" 0 soak
is "all" "$(tail -n 1 <<<"$OUT")" "3 passed, 0 failed, 0 skipped"
has "what is going on" "$OUT" "fuzz/b begins: at most 1 minutes"
