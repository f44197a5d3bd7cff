# SPDX-License-Identifier: GPL-2.0-or-later
# need: diff diff3 cmp sdiff patch
set -e
mkdir a b; seq 60 >a/f; sed 's/^7$/seven/;50d' a/f >b/f; echo same >a/s; cp a/s b/s; echo only >a/o; mkdir b/d; ln -s f a/l; ln -s s b/l
diff -r a b || echo $?; diff -u --label a --label b a/f b/f >p || true; cat p; cmp a/f b/f || echo $?; cmp -s a/s b/s && echo same; diff -rq a b | sort || true
sed 's/^30$/thirty/' a/f >c; diff3 -m b/f a/f c | wc -l; sdiff -s a/f b/f || true; diff --brief a/nothere a/f 2>/dev/null || echo $?
cp a/f w; patch -s w p && cmp w b/f && echo patched; patch -s -R w p && cmp w a/f && echo back; patch -s -b w p; ls w.orig; patch -N w p || echo $?; ls w*; diff <(cat a/f) b/f | wc -l
