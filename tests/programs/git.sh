# SPDX-License-Identifier: GPL-2.0-or-later
# need: git
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e@x GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e@x
git init -q -b main r; cd r; for i in $(seq 30); do echo $i >f$i; done; git add .; git commit -qm one; git rev-parse HEAD
git checkout -q -b b; echo x >>f1; git mv f2 g; git commit -qam two; git checkout -q main; echo y >>f3; git commit -qam three; git merge -q -m m b; git log --oneline --graph; git status --short; git diff HEAD~1 --stat; git stash list; git gc -q; git fsck; cd ..; git clone -q r c; cd c; git log -1 --format=%H; git grep -n 13 | head -2; git archive HEAD | tar t | wc -l; git worktree add -q ../scratch-w b; git blame f1 | wc -l
