# SPDX-License-Identifier: GPL-2.0-or-later
# need: ssh-agent ssh-add ssh-keygen
set -e
ssh-keygen -q -t ed25519 -N '' -C key -f scratch-k; ssh-keygen -y -f scratch-k | cut -d' ' -f1; stat -c %a scratch-k
ssh-agent -a "$PWD/scratch-sock" bash -c 'ssh-add -q scratch-k; ssh-add -l | cut -d" " -f1,3,4; ssh-add -q -D; ssh-add -l; test -S "$SSH_AUTH_SOCK" && echo socket; kill $SSH_AGENT_PID; exit 4' || echo $?
echo data >f; ssh-keygen -q -Y sign -f scratch-k -n x f 2>/dev/null; mv f.sig scratch-sig; { printf 'me '; cat scratch-k.pub; } >scratch-allowed; ssh-keygen -Y verify -f scratch-allowed -I me -n x -s scratch-sig <f | cut -c1-20
eval "$(ssh-agent)" >/dev/null; ssh-add -q scratch-k; ssh-add -l | wc -l; ssh-agent -k >/dev/null; echo ended
