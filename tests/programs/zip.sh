# SPDX-License-Identifier: GPL-2.0-or-later
# need: zip unzip
set -e
mkdir -p d/e; for i in $(seq 20); do seq $((i * 50)) >d/f$i; done; ln -s f2 d/l; chmod 755 d/f3
zip -qry a.zip d; unzip -l a.zip | tail -1; unzip -qt a.zip; unzip -q a.zip -d x; diff -r d x/d && echo same; stat -c %a x/d/f3; readlink x/d/l; echo new >d/f1; zip -q a.zip d/f1; unzip -p a.zip d/f1; zip -qd a.zip d/f2; unzip -l a.zip d/f2 | tail -1; zip -q -s 64k -r s.zip d -0; ls s.*; zip -q -P pw e.zip d/f3; unzip -P pw -p e.zip | tail -1; unzip -P no -p e.zip >/dev/null 2>&1 || echo refused; echo piped | zip -q p.zip -; unzip -p p.zip; zip -qm m.zip d/f4; ls d/f4 2>/dev/null || echo moved; rm -f ./*.z*
