# SPDX-License-Identifier: GPL-2.0-or-later
# need: lsof
exec 7>openfile; lsof -p $$ -a -d 7 -Fn 2>/dev/null | sed -n 's,.*/,,p'; ls -l /proc/$$/fd/7 | sed 's,.*/,,'
