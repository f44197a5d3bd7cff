# SPDX-License-Identifier: GPL-2.0-or-later
# need: git
# timeout: 150
set -e
export HOME=$PWD GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e@x GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e@x GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_PAGER=cat GIT_EDITOR=true
git init -q -b main scratch-r; cd scratch-r
for i in $(seq 16); do echo "line $i" >>log; [ $i -lt 11 ] && echo good >state || echo bad >state; git add .; git commit -qm "c$i"; done
git bisect start HEAD HEAD~15 >/dev/null; git bisect run grep -q good state | grep 'first bad'; git bisect reset 2>/dev/null >/dev/null
git worktree add -q -b side ../scratch-w; (cd ../scratch-w; echo side >side; git add .; git commit -qm side; git status --short); git worktree list | wc -l; git worktree remove ../scratch-w; git merge -q --no-edit side; git rebase -q HEAD~2; git log --oneline | wc -l
echo dirty >>log; git stash -q; git stash list | wc -l; git stash pop -q; git diff --stat; git checkout -q log; git tag -a v1 -m v1; git describe; git cherry-pick --no-commit main~1 2>/dev/null || true; git reset -q --hard; git revert --no-edit HEAD >/dev/null; git reflog | wc -l
git repack -adq; git gc -q --prune=now; git count-objects -v | grep -E '^(count|packs|garbage)'; git fsck --full; git commit-graph write; git pack-refs --all; git multi-pack-index write; cat .git/HEAD
cd ..; git clone -q --no-local --depth 3 scratch-r scratch-s; git -C scratch-s log --oneline | wc -l; git clone -q --bare scratch-r scratch-b; git clone -q scratch-b scratch-c; cd scratch-c; echo push >p; git add p; git commit -qm push; git push -q; git -C ../scratch-b log -1 --format=%s; git bundle create -q ../scratch-bundle HEAD main; git clone -q ../scratch-bundle ../scratch-d; git -C ../scratch-d rev-parse main | cut -c1-8; git submodule --quiet add ../scratch-r sub 2>/dev/null || git -c protocol.file.allow=always submodule --quiet add ../scratch-r sub; ls sub; mv p q; git add -A; git mv log renamed; git status --short; git clean -qfdx; git hash-object -w q | cut -c1-8; git archive --format=zip -o ../scratch.zip HEAD; git filter-branch -f --msg-filter 'sed s/c/C/' HEAD~1..HEAD >/dev/null 2>&1 || echo $?; git format-patch -1 --stdout | grep -c '^diff'; printf 'x\n' | git apply --check - 2>/dev/null || echo $?
