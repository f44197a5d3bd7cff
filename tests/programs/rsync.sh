# SPDX-License-Identifier: GPL-2.0-or-later
# need: rsync
set -e
mkdir -p a/b; for i in $(seq 30); do echo $i >a/b/f$i; done; ln -s f1 a/b/l; chmod 600 a/b/f2; rsync -a a/ c/; diff -r a c; echo new >a/b/f3; rm a/b/f4; sleep 1.1; touch a/b/f3; rsync -a --delete a/ c/; diff -r a c; ls c/b | wc -l; stat -c %a c/b/f2; rsync -ain a/ c/ | wc -l
