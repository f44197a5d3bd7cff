# SPDX-License-Identifier: GPL-2.0-or-later
# need: ruby
set -e
cat >a.rb <<'X'
require 'fileutils'; require 'tempfile'; require 'socket'; require 'open3'; require 'json'; require 'pstore'; require_relative 'm'
8.times.map { |i| Thread.new { File.write("t#{i}", 'x' * i * 1000) } }.each(&:join)
FileUtils.mkdir_p 'd/e'; FileUtils.cp 't3', 'd/c'; FileUtils.mv 't4', 'd/e/m'; File.symlink 'c', 'd/l'; puts Dir.glob('d/**/*').sort.inspect
puts File.size('d/l'), File.symlink?('d/l'), File.identical?('d/l', 'd/c'), File.realpath('d/l')[-3..]
File.open('t5', 'r+') { |f| f.seek 10; f.write 'mid'; f.seek 8; puts f.read(7); f.flock(File::LOCK_EX); f.truncate 5 }
out, st = Open3.capture2e('sh', '-c', 'cat t5; exit 3'); puts out, st.exitstatus
begin; Dir.rmdir 'd'; rescue SystemCallError => e; puts e.class; end
begin; File.read 'nothere'; rescue => e; puts e.message[0, 25]; end
r, w = IO.pipe; pid = fork { r.close; w.puts Answer; exit!(4) }; w.close; puts r.read; Process.wait pid; puts $?.exitstatus
s = UNIXServer.new('sock'); t = Thread.new { c = s.accept; c.puts c.gets.upcase; c.close }; c = UNIXSocket.new('sock'); c.puts 'hi'; puts c.gets; t.join; File.unlink 'sock'
p = PStore.new('scratch-store'); p.transaction { p[:a] = [1, 2] }; puts p.transaction(true) { p[:a] }.inspect
Tempfile.create('x', '.') { |f| f.puts 'tmp'; f.flush; puts File.read(f.path) }; FileUtils.rm_rf 'd'
X
echo 'Answer = 42' >m.rb; ruby a.rb; ruby -ne 'puts $_.upcase' m.rb; ruby -i -pe '$_.sub!(/42/, "43")' m.rb; cat m.rb; echo 'puts __FILE__' | ruby
