# SPDX-License-Identifier: GPL-2.0-or-later
# need: php
set -e
cat >a.php <<'X'
<?php
require 'm.php';
for ($i = 0; $i < 8; $i++) file_put_contents("t$i", str_repeat('x', $i * 1000));
mkdir('d/e', 0755, true); copy('t3', 'd/c'); rename('t4', 'd/e/m'); symlink('c', 'd/l');
echo implode(' ', scandir('d')), ' ', filesize('d/l'), ' ', readlink('d/l'), ' ', basename(realpath('d/l')), "\n";
$f = fopen('t5', 'r+'); fseek($f, 10); fwrite($f, 'mid'); fseek($f, 8); echo fread($f, 7), ' ', flock($f, LOCK_EX) ? 'locked' : 'not', "\n"; ftruncate($f, 5); fclose($f);
exec('cat t5; exit 3', $o, $r); echo $o[0], " $r\n"; var_dump(@rmdir('d'), @file_get_contents('nothere'), glob('t[67]'));
$t = tempnam('.', 'x'); file_put_contents($t, 'tmp', LOCK_EX); echo file_get_contents($t), "\n"; unlink($t); echo answer(), ' ', __LINE__, "\n";
$p = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes); fwrite($pipes[0], "through\n"); fclose($pipes[0]); echo stream_get_contents($pipes[1]); echo proc_close($p), "\n";
touch('t1', 1000, 2000); clearstatcache(); echo filemtime('t1'), "\n"; $z = new ArrayObject(iterator_to_array(new RecursiveIteratorIterator(new RecursiveDirectoryIterator('d', FilesystemIterator::SKIP_DOTS)))); echo count($z), "\n";
X
echo '<?php function answer() { return 42; }' >m.php; php -n a.php; php -n -l m.php; php -n -r 'echo PHP_OS, "\n";'
trap 'kill $server 2>/dev/null || :' EXIT; : >scratch-log; (exec php -n -S 127.0.0.1:0 -t . >scratch-log 2>&1) & server=$!
for i in $(seq 100); do port=$(sed -n 's,.*http://127.0.0.1:\([1-9][0-9]*\).*,\1,p' scratch-log); test -n "$port" && break; sleep 0.1; done
php -n -r "echo file_get_contents('http://127.0.0.1:${port:-0}/m.php'), file_get_contents('http://127.0.0.1:${port:-0}/t1') === str_repeat('x', 1000) ? 'served' : 'not', \"\\n\";" || cat scratch-log; kill $server; wait $server || true
