# SPDX-License-Identifier: GPL-2.0-or-later
# need: awk sed grep
set -e
printf '%s\n' alpha beta gamma delta >f
sed -i 's/a/A/2;$d' f; cat f; awk '{n += length} END {print n}' f; grep -n bet f; grep -r gAm . | head; sed -n '2w out' f; cat out; perl -pi -e 's/b/B/' f; cat f; cut -c1-2 f; tr a-z A-Z <f; diff f out || true; patch --version >/dev/null 2>&1 && echo patch
printf -- '--- f\n+++ f\n@@ -1 +1 @@\n-alphA\n+omega\n' >p; patch -s f p && head -1 f
