# SPDX-License-Identifier: GPL-2.0-or-later
# need: python3
set -e
python3 - <<'P'
import os, sqlite3, tempfile, shutil, subprocess, multiprocessing, threading, mmap, zipfile, fcntl, json, pathlib, glob, select, socket
open('a','w').write('x'*100000); print(os.path.getsize('a'), os.stat('a').st_nlink)
db=sqlite3.connect('scratch.db'); db.execute('pragma journal_mode=wal'); db.execute('create table t(a)')
with db: db.executemany('insert into t values(?)', [(i,) for i in range(1000)])
print(db.execute('select sum(a) from t').fetchone()); db.close()
d=tempfile.mkdtemp(dir='.'); pathlib.Path(d,'x').write_text('q'); shutil.copytree(d,'copy'); shutil.rmtree(d); print(os.listdir('copy'))
with open('a','r+b') as f:
    m=mmap.mmap(f.fileno(),0); m[5:8]=b'abc'; m.flush(); m.close()
print(open('a').read(10))
print(subprocess.run(['sh','-c','echo sub; exit 3'],capture_output=True).returncode)
with multiprocessing.Pool(2) as p: print(p.map(abs,[-1,2,-3]))
with zipfile.ZipFile('z.zip','w') as z: z.writestr('n','data')
print(zipfile.ZipFile('z.zip').read('n')); os.remove('z.zip')
f=open('lock','w'); fcntl.flock(f,fcntl.LOCK_EX); g=open('lock'); 
try: fcntl.flock(g,fcntl.LOCK_EX|fcntl.LOCK_NB); print('locked twice')
except BlockingIOError: print('busy')
fcntl.lockf(f,fcntl.LOCK_EX); print(sorted(glob.glob('*')))
s=socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen(); c=socket.socket(socket.AF_UNIX); c.connect('sock'); a,_=s.accept(); c.send(b'hi'); print(a.recv(9)); os.unlink('sock')
t=[threading.Thread(target=lambda i=i: open(f't{i}','w').write(str(i))) for i in range(8)]; [x.start() for x in t]; [x.join() for x in t]; print(sorted(glob.glob('t*')))
os.rename('t1','u1'); os.link('u1','v1'); os.symlink('v1','w1'); print(os.readlink('w1'), os.stat('v1').st_nlink, os.path.samefile('u1','w1'))
os.chdir('copy'); print(os.path.basename(os.getcwd())); os.chdir('..'); print(json.dumps([e.name for e in sorted(os.scandir('.'),key=lambda e:e.name)][:3]))
r,w=os.pipe(); os.write(w,b'p'); print(select.select([r],[],[],1)[0]==[r]); fd=os.memfd_create('m'); os.write(fd,b'zz'); os.sendfile(w,fd,0,2); print(os.read(r,9))
P
python3 -m compileall -q . ; printf 'import mod\nprint(mod.x)\n' >m.py; echo 'x = 42' >mod.py; python3 m.py; python3 -m zipfile -h >/dev/null; rm -rf __pycache__
