# SPDX-License-Identifier: GPL-2.0-or-later
# need: tmux
# ways: idle elsewhere
set -e
export TMUX_TMPDIR=$PWD TERM=screen; tmux -f /dev/null -L t new-session -d -x 60 -y 10 'sh -c "echo inside; stty size; sleep 30"'; for i in $(seq 50); do tmux -L t capture-pane -p | grep -q '^10 ' && break; sleep 0.1; done; tmux -L t capture-pane -p | head -2; tmux -L t kill-server; rm -rf tmux-*
