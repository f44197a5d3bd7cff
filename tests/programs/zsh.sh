# SPDX-License-Identifier: GPL-2.0-or-later
# need: zsh
exec zsh -fc 'echo x >a >b; cat a b; ls *(.); mkdir d; print -l d(/) ; cat <(echo sub); repeat 2 echo r >>c; wc -l <c'
